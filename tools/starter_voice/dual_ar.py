"""Training the language model: phonetic text → codes, teacher-forced, with guided attention.

Four things make so small a model read (see README.md): a share of the history is hidden
from it, one attention head is led along the true alignment at first, short phrases of
random words come before sentences, and in the second half some of the history is what
the model itself would have said.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fishvoiced.backends.fish.network.checkpoint import MODEL_FILE, read_dual_ar
from fishvoiced.backends.fish.network.dual_ar import DualAR
from fishvoiced.backends.fish.network.layers import Block, RMSNorm
from fishvoiced.backends.fish.tokenizer import INTERLEAVE, SPEAKER
from fishvoiced.text.misaki import units
from tools.starter_voice import voice
from tools.starter_voice.data import Example, encoded, examples
from tools.starter_voice.training import Run, device

GUIDED_LAYER = 2
AHEAD = 1.0  # frames: the source's sound changes up to so much before its durations say
HISTORY_DROPOUT = 0.6  # at most; every utterance has a share of its own below
OWN_SHARE, OWN_FROM = 0.5, 0.5  # frames of the model's own making, at most, and the progress from which there are any
OWN_TEMPERATURE = 0.5
SPELLED = 0.12  # share of words given by their letters
FAST_SHARE = 0.3
BUDGET = 2400  # columns per batch, padding included
VALID_EVERY = 40  # one of so many utterances is kept for validation
SHORT_ONLY, ALL_LENGTHS = 0.15, 0.5  # progress up to which only short utterances come, and from which all do
SHORT, LONG = 70, 300  # columns


@dataclass(frozen=True)
class Encoded:
    """Token ids of the prompt, their centers in frames (nan: none), codes [frames, books]."""

    tokens: npt.NDArray[np.int64]
    centers: npt.NDArray[np.float32]
    codes: npt.NDArray[np.int16]


@dataclass(frozen=True)
class Batch:
    columns: Tensor
    """int64 [B, 1 + books, S]"""
    target: Tensor
    """int64 [B, S]: the semantic code that follows the column, ``BOOK`` for the end, -1 for none"""
    guide: Tensor
    """[B, S, S]: where the guided head should look, 0 in rows without advice"""


def encode(example: Example, table: dict[str, int], prompt: Sequence[int], rng: np.random.Generator | None) -> Encoded:
    """Columns of one utterance; with ``rng`` some words are given by spelling."""
    tokens: list[int] = list(prompt)
    centers: list[float] = [math.nan] * len(prompt)
    previous = 0.0
    for symbols, letters, ends in example.words:
        if rng is not None and len(letters) > 1 and rng.random() < SPELLED:
            first = previous
            step = (ends[-1] - first) / len(letters)
            symbols, ends = letters, tuple(first + step * (i + 1) for i in range(len(letters)))
        for unit, end in zip(units(symbols), ends, strict=True):
            tokens.append(table[unit])
            centers.append((previous + end) / 2)
            previous = end
    frames = np.array(centers, np.float32) / np.float32(voice.FRAME_SECONDS) - np.float32(AHEAD)
    return Encoded(np.array(tokens), frames, example.codes)


def collate(batch: Sequence[Encoded], semantic_begin: int, end: int) -> Batch:
    """Pad to the longest. ``end`` is the class of the end of speech."""
    length = max(len(e.tokens) + len(e.codes) for e in batch)
    books = batch[0].codes.shape[1]
    columns = np.zeros((len(batch), 1 + books, length), np.int64)
    target = np.full((len(batch), length), -1, np.int64)
    guide = np.zeros((len(batch), length, length), np.float32)
    for row, e in enumerate(batch):
        n, t = len(e.tokens), len(e.codes)
        columns[row, 0, :n] = e.tokens
        columns[row, 0, n : n + t] = e.codes[:, 0] + semantic_begin
        columns[row, 1:, n : n + t] = e.codes.T
        target[row, n - 1 : n - 1 + t] = e.codes[:, 0]
        target[row, n - 1 + t] = end
        guide[row, n - 1 : n - 1 + t, :n] = pointer(e.centers, t)
    return Batch(torch.from_numpy(columns), torch.from_numpy(target), torch.from_numpy(guide))


def pointer(centers: npt.NDArray[np.float32], frames: int, width: float = 0.9) -> npt.NDArray[np.float32]:
    """For each frame, how near each token is to the one being spoken: [frames, tokens] in 0…1.

    The nearness counts tokens, not seconds, so that a short phone weighs as much as a long one.
    """
    known = ~np.isnan(centers)
    place = np.interp(np.arange(frames) + 0.5, np.maximum.accumulate(centers[known]), np.flatnonzero(known))
    near: npt.NDArray[np.float32] = np.exp(
        -((place[:, None] - np.arange(len(centers))[None]) ** 2) / (2 * width**2)
    ).astype(np.float32)
    return near


class Speaker(nn.Module):
    """The model with what training adds: hidden history and a look at one head's attention."""

    def __init__(self, model: DualAR) -> None:
        super().__init__()
        self.model = model

    def forward(self, columns: Tensor, visible: Tensor | None) -> tuple[Tensor, Tensor]:
        """Hidden states [B, S, dim] and the guided head's attention [B, S, S]."""
        model = self.model
        x = model.embed(columns)
        if visible is not None:
            x = x * visible
        guided = x.new_zeros(())
        for index, layer in enumerate(model.layers):
            x, attention = block(layer, x, *tables(model, "slow"))
            if index == GUIDED_LAYER:
                guided = attention[:, 0].float()
        return x, guided


def tables(model: DualAR, name: str) -> tuple[Tensor, Tensor]:
    """Rotary tables of one of the two stacks."""
    return model.get_buffer(f"{name}_cos"), model.get_buffer(f"{name}_sin")


def block(layer: nn.Module, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
    """One transformer block and its attention [B, H, S, S], by plain products.

    At these sizes they are faster on a CPU, backward above all, than the fused attention.
    """
    assert isinstance(layer, Block)
    inner, length = layer.attention, x.shape[1]
    config = inner.config
    sizes = [inner.q_size, inner.kv_size, inner.kv_size]
    parts = inner.wqkv(rms_norm(layer.attention_norm, x)).split(sizes, dim=-1)
    q, k, v = (part.view(*part.shape[:2], -1, config.head_dim) for part in parts)
    if config.qk_norm:
        q, k = rms_norm(inner.q_norm, q), rms_norm(inner.k_norm, k)
    cos, sin = (t[:length].repeat_interleave(2, 1).to(v.dtype)[:, None] for t in (cos, sin))
    q, k = turned(q, cos, sin), turned(k, cos, sin)
    # Query heads that share a key head lie side by side: [B, local, group x S, D].
    groups = config.n_head // config.n_local_heads
    q = q.unflatten(2, (-1, groups)).permute(0, 2, 3, 1, 4).flatten(2, 3)
    k, v = k.transpose(1, 2), v.transpose(1, 2)
    scores = ((q * config.head_dim**-0.5) @ k.mT).unflatten(2, (groups, length))
    past = torch.full((length, length), -1e9, device=x.device, dtype=scores.dtype).triu(1)
    attention = (scores + past).softmax(-1)
    y = (attention.flatten(2, 3).to(v.dtype) @ v).unflatten(2, (groups, length))
    x = x + inner.wo(y.permute(0, 3, 1, 2, 4).flatten(2))
    return x + layer.feed_forward(rms_norm(layer.ffn_norm, x)), attention.flatten(1, 2)


def rms_norm(norm: RMSNorm, x: Tensor) -> Tensor:
    return F.rms_norm(x, (x.shape[-1],), norm.weight.to(x.dtype), norm.eps)


def turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding of [B, S, H, D] by tables [S, 1, D] with every angle twice."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return x * cos + torch.stack((-odd, even), dim=-1).flatten(-2) * sin


def fast_logits(model: DualAR, hidden: Tensor, codes: Tensor) -> Tensor:
    """``DualAR.fast_logits`` over :func:`block`."""
    x = torch.cat([model.fast_project_in(hidden)[:, None], model.fast_embeddings(codes[:, :-1])], dim=1)
    for layer in model.fast_layers:
        x, _ = block(layer, x, *tables(model, "fast"))
    logits: Tensor = model.fast_output(model.fast_norm(x[:, 1:]))
    return logits


def new_model() -> DualAR:
    tokens = voice.tokenizer()
    model = DualAR(voice.config(), tokens.semantic_begin, tokens.semantic_count, tokens.end_token)
    for name, parameter in model.named_parameters():
        if parameter.dim() == 2:
            last = name.endswith(("wo.weight", "w2.weight"))
            nn.init.normal_(parameter, std=0.02 if not last else 0.02 / math.sqrt(2 * model.config.n_layer))
    return model


class Utterances:
    """All utterances, ordered by length, for batches of like lengths."""

    def __init__(self, work: Path, budget: int = BUDGET) -> None:
        self.work = work
        self.budget = budget
        self._seen: set[Path] = set()
        self.train: list[Example] = []
        self.valid: list[Example] = []
        self.refresh()

    def refresh(self) -> None:
        """Take in shards that have been spoken since."""
        for shard, codes in encoded(self.work):
            if shard not in self._seen:
                self._seen.add(shard)
                for index, (one, rows) in enumerate(examples(shard, codes)):
                    into = self.valid if index % VALID_EVERY == 3 and one.kind != "keys" else self.train
                    into.append(Example(one.kind, one.text, one.words, rows))
        self.train = [e for e in self.train if size(e) < LONG]
        self.train.sort(key=size)
        self.keys = [e for e in self.train if e.kind == "keys"]
        print(f"{len(self.train)} utterances to train on, {len(self.valid)} to validate", flush=True)

    def pick(self, rng: np.random.Generator, progress: float) -> list[Example]:
        """A batch of about ``budget`` columns; lengths are drawn evenly by columns, not by utterances."""
        ramp = min(1.0, max(0.0, (progress - SHORT_ONLY) / (ALL_LENGTHS - SHORT_ONLY)))
        top = bisect_right(self.train, SHORT + ramp * (LONG - SHORT), key=size)
        at = int(rng.integers(0, top)) if rng.random() < 0.5 else self._by_length(rng, top)
        count = max(2, self.budget // (size(self.train[at]) + 4))
        begin = max(0, min(at - count // 2, top - count))
        batch = self.train[begin : begin + count]
        batch = batch[: max(2, self.budget // size(batch[-1]))]
        if size(batch[-1]) < SHORT:
            keys = self.keys[: bisect_right(self.keys, size(batch[-1]), key=size)]
            batch = batch[len(batch) // 8 :] if keys else batch
            batch += [keys[i] for i in rng.integers(0, len(keys), len(batch) // 8)] if keys else []
        return batch

    def _by_length(self, rng: np.random.Generator, top: int) -> int:
        wanted = rng.uniform(size(self.train[0]), size(self.train[top - 1]))
        return min(top - 1, bisect_right(self.train, wanted, key=size))


def size(example: Example) -> int:
    """Columns of an utterance, near enough for sorting."""
    return len(example.codes) + sum(len(ends) for _, _, ends in example.words)


def some_frames(model: DualAR, columns: Tensor, most: float, rng: torch.Generator) -> Tensor:
    """Frames drawn at random, bool [B, S]: up to ``most`` of an utterance's, a share of its own for each."""
    share = most * torch.rand(len(columns), 1, generator=rng)
    drawn = torch.rand(columns[:, 0].shape, generator=rng) < share
    return (columns[:, 0] >= model.semantic_begin) & drawn.to(columns.device)


@torch.no_grad()
def with_own_frames(speaker: Speaker, columns: Tensor, visible: Tensor, rng: torch.Generator) -> Tensor:
    """The columns with some frames replaced by the model's guesses, so that it learns to go on from its own slips.

    Scheduled sampling (Bengio et al. 2015) in two passes (Mihaylova and Martins 2019): all guesses are made at once,
    from the true history.
    """
    model = speaker.model
    row, column = some_frames(model, columns, OWN_SHARE, rng).nonzero(as_tuple=True)
    hidden = speaker(columns, visible)[0][row, column - 1]
    mixed, codes = columns.clone(), columns[row, 1:, column]
    codes[:, 0] = drawn_from(model.head(hidden)[:, : model.semantic_count], rng)
    codes[:, 1:] = drawn_from(fast_logits(model, hidden, codes), rng)
    mixed[row, 0, column] = codes[:, 0] + model.semantic_begin
    mixed[row, 1:, column] = codes
    return mixed


def drawn_from(logits: Tensor, rng: torch.Generator) -> Tensor:
    """Indices [...] drawn from logits [..., N] at ``OWN_TEMPERATURE`` (Gumbel's way)."""
    chance = torch.rand(logits.shape, generator=rng).clamp(min=1e-9).to(logits.device)
    return (logits.float() / OWN_TEMPERATURE - (-chance.log()).log()).argmax(-1)


def figures(
    speaker: Speaker, batch: Batch, rng: torch.Generator, fast_share: float, own: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Cross-entropies of the semantic code and of the residual codes, and the guide's loss."""
    model = speaker.model
    visible = (~some_frames(model, batch.columns, HISTORY_DROPOUT, rng)).float()[..., None]
    columns = with_own_frames(speaker, batch.columns, visible, rng) if own else batch.columns
    states, attention = speaker(columns, visible)
    spoken = batch.target >= 0
    logits = model.head(states[spoken]).float()
    first = F.cross_entropy(logits, batch.target[spoken])
    advised = batch.guide.sum(-1) > 0
    guide = -(attention[advised] * batch.guide[advised]).sum(-1).clamp(min=1e-4).log().mean()
    inside = spoken & (batch.target < model.semantic_count)
    inside = inside & (torch.rand(inside.shape, generator=rng).to(inside.device) < fast_share)
    row, column = inside.nonzero(as_tuple=True)
    codes = batch.columns[row, 1:, column + 1]
    fast = fast_logits(model, states[row, column], codes).float()
    rest = F.cross_entropy(fast.flatten(0, 1), codes[:, 1:].flatten())
    return first, rest, guide


def train(
    work: Path,
    hours: float,
    until: int | None = None,
    rate: float = 2e-3,
    start: Path | None = None,
    budget: int = BUDGET,
) -> None:
    """``start`` names a packed checkpoint folder whose weights to begin from."""
    where = device()
    model = new_model()
    if start is not None:
        model.load_state_dict({k: v.float() for k, v in read_dual_ar(start / MODEL_FILE).items()})
    speaker = Speaker(model).to(where)
    print(f"dual_ar: {sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters", flush=True)
    tokens = voice.tokenizer()
    table, prompt = voice.unit_tokens(), (*tokens.marker(INTERLEAVE), *tokens.marker(SPEAKER))
    utterances = Utterances(work, budget)

    def move(batch: Batch) -> Batch:
        return Batch(batch.columns.to(where), batch.target.to(where), batch.guide.to(where))

    def loss(step: int, progress: float) -> tuple[Tensor, list[float]]:
        rng, dice = np.random.default_rng(step), torch.Generator().manual_seed(step)
        if step and step % 500 == 0:
            utterances.refresh()
        picked = [encode(e, table, prompt, rng) for e in utterances.pick(rng, progress)]
        batch = move(collate(picked, tokens.semantic_begin, tokens.semantic_count))
        with torch.autocast(where.type, torch.bfloat16):
            first, rest, guide = figures(speaker, batch, dice, FAST_SHARE, progress >= OWN_FROM)
        total = first + rest + 0.3 * max(0.1, 1 - progress) * guide
        held = valid() if step % 250 == 249 or not last else last[-1]
        last.append(held)
        return total, [first.item(), rest.item(), guide.item(), held]

    def valid() -> float:
        """Semantic cross-entropy of held-out utterances with their whole history."""
        chosen = sorted(utterances.valid[:48], key=size)
        losses = []
        with torch.no_grad(), torch.autocast(where.type, torch.bfloat16):
            for at in range(0, len(chosen), 12):
                picked = [encode(e, table, prompt, None) for e in chosen[at : at + 12]]
                batch = move(collate(picked, tokens.semantic_begin, tokens.semantic_count))
                states, _ = speaker(batch.columns, None)
                spoken = batch.target >= 0
                losses.append(F.cross_entropy(model.head(states[spoken]).float(), batch.target[spoken]).item())
        return sum(losses) / len(losses)

    last: list[float] = []
    columns = ("semantic", "residual", "guide", "held_out")
    hidden = [p for name, p in model.named_parameters() if "layers." in name and p.dim() == 2]
    Run("dual_ar", work, model, loss, columns, hours, rate=rate, hidden=hidden).go(until)
