"""Training the language model: phonetic text → codes, teacher-forced, with guided attention.

Five things make so small a model read soon (see README.md): every frame says which unit of the text it speaks, the
heads of one layer are led to that unit and the next ones, a share of the sound heard so far is hidden, later on some
of the past is in every other batch what the model itself would have said, and spectral guesses are judged by their
distance, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from fishvoiced.backends.fish.network.dual_ar import DualAR
from fishvoiced.backends.fish.tokenizer import INTERLEAVE, SPEAKER
from tools.starter_voice import voice
from tools.starter_voice.codebooks import PHASE_BOOK, PITCH_BOOK, POSITION_BOOK, Codebooks
from tools.starter_voice.columns import BUDGET, Batch, Utterances, collate, encode, size
from tools.starter_voice.data import Example
from tools.starter_voice.model import Speaker, new_model
from tools.starter_voice.pitch import pitch_distance
from tools.starter_voice.spectrum import SPECTRAL_BOOKS
from tools.starter_voice.training import Run, device

HISTORY_DROPOUT = 0.5  # at most; every utterance has a share of its own below
OWN_SHARE, OWN_FROM = 0.5, 0.3  # frames of the model's own making, at most, and the progress from which there are any
OWN_TEMPERATURE = 0.5
FAST_SHARE = 0.5


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
    codes[:, 1:] = drawn_from(speaker.fast(hidden, codes), rng)
    mixed[row, 0, column] = codes[:, 0] + model.semantic_begin
    mixed[row, 1:, column] = codes
    return mixed


def drawn_from(logits: Tensor, rng: torch.Generator) -> Tensor:
    """Indices [...] drawn from logits [..., N] at ``OWN_TEMPERATURE`` (Gumbel's way)."""
    chance = torch.rand(logits.shape, generator=rng).clamp(min=1e-9).to(logits.device)
    return (logits.float() / OWN_TEMPERATURE - (-chance.log()).log()).argmax(-1)


@dataclass(frozen=True)
class Losses:
    """Cross-entropies of the semantic code and of the others, by what they tell; distances; the guide's loss."""

    semantic: Tensor
    residual: Tensor
    pitch: Tensor
    phase: Tensor
    position: Tensor
    distance: Tensor
    """Sum over the spectral books: see ``Spectrum.forward``"""
    off_pitch: Tensor
    guide: Tensor

    def total(self, progress: float) -> Tensor:
        early = max(0.1, 1 - 2 * progress)
        fast = 0.15 * early * self.residual + 0.15 * self.pitch + 0.65 * self.phase + 0.45 * self.position
        return self.semantic + fast + 2 * self.distance + self.off_pitch + 0.2 * max(0.2, 1 - progress) * self.guide


def losses(speaker: Speaker, batch: Batch, rng: torch.Generator, fast_share: float, own: bool) -> Losses:
    model, spectrum = speaker.model, speaker.spectrum
    visible = ~some_frames(model, batch.columns, HISTORY_DROPOUT, rng)[..., None]
    columns = with_own_frames(speaker, batch.columns, visible, rng) if own else batch.columns
    states, attention = speaker(columns, visible)
    spoken = batch.target >= 0
    semantic = model.head(states[spoken])
    own_place = columns[:, 1 + POSITION_BOOK] != batch.columns[:, 1 + POSITION_BOOK]
    advised = (batch.guide >= 0) & ~own_place[:, None]
    seen = attention.gather(3, batch.guide.clamp(min=0)[..., None])[..., 0]
    guide = -seen[advised].clamp(min=1e-4).log().mean()
    inside = spoken & (batch.target < model.semantic_count)
    inside = inside & (torch.rand(inside.shape, generator=rng).to(inside.device) < fast_share)
    row, column = inside.nonzero(as_tuple=True)
    codes = batch.columns[row, 1:, column + 1]
    sound = spectrum.sound(codes)
    first = semantic[inside[spoken]][:, : model.semantic_count]
    if own:
        with torch.no_grad():
            chosen = torch.rand(len(codes), generator=rng).to(codes.device) < OWN_SHARE
            codes[:, 0] = torch.where(chosen, drawn_from(first, rng), codes[:, 0])
            codes = spectrum.requantized(sound, codes)
    fast = speaker.fast(states[row, column], codes)
    nats = speaker.cross_entropy(fast, codes[:, 1:]).mean(0)
    residual = [book for book in SPECTRAL_BOOKS if book]
    of_spectra = torch.cat([first[:, None], fast[:, [book - 1 for book in residual]]], dim=1)
    return Losses(
        semantic=speaker.cross_entropy(semantic, batch.target[spoken]).mean(),
        residual=sum((nats[book - 1] for book in residual), nats.new_zeros(())),
        pitch=nats[PITCH_BOOK - 1],
        phase=nats[PHASE_BOOK - 1],
        position=nats[POSITION_BOOK - 1],
        distance=spectrum(of_spectra, sound, codes).sum(),
        off_pitch=pitch_distance(fast[:, PITCH_BOOK - 1], codes[:, PITCH_BOOK]),
        guide=guide,
    )


def train(
    work: Path,
    hours: float,
    until: int | None = None,
    rate: float = 2e-3,
    start: Path | None = None,
    budget: int = BUDGET,
    compiled: bool = False,
) -> None:
    """``start`` names a packed checkpoint folder whose weights to begin from."""
    where = device()
    model = new_model(start)
    speaker = Speaker(model, Codebooks.load(work / "codebooks.pt").books).to(where)
    if compiled:
        speaker.compile_parts()
    print(f"dual_ar: {sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters", flush=True)
    tokens = voice.tokenizer()
    prompt = (*tokens.marker(INTERLEAVE), *tokens.marker(SPEAKER))
    utterances = Utterances(work, budget)

    def made(picked: Sequence[Example], rng: np.random.Generator | None) -> Batch:
        columns = [encode(e, prompt, rng) for e in picked]
        batch = collate(columns, model.config.n_head, tokens.semantic_begin, tokens.semantic_count)
        return Batch(batch.columns.to(where), batch.target.to(where), batch.guide.to(where))

    def loss(step: int, progress: float) -> tuple[Tensor, list[float]]:
        rng, dice = np.random.default_rng(step), torch.Generator().manual_seed(step)
        if step and step % 500 == 0:
            utterances.refresh()
        batch = made(utterances.pick(rng, progress), rng)
        with torch.autocast(where.type, torch.bfloat16):
            parts_of = losses(speaker, batch, dice, FAST_SHARE, own=progress >= OWN_FROM and step % 2 == 1)
        held = valid() if step % 250 == 249 or not last else last[-1]
        last.append(held)
        return parts_of.total(progress), [*(part.item() for part in vars(parts_of).values()), held]

    def valid() -> float:
        """Semantic cross-entropy of held-out utterances with their whole history."""
        chosen = sorted(utterances.valid[:48], key=size)
        values = []
        with torch.no_grad(), torch.autocast(where.type, torch.bfloat16):
            for at in range(0, len(chosen), 12):
                batch = made(chosen[at : at + 12], None)
                states, _ = speaker.forward(batch.columns, None)  # too rare to be compiled
                spoken = batch.target >= 0
                values.append(F.cross_entropy(model.head(states[spoken]).float(), batch.target[spoken]).item())
        return sum(values) / len(values)

    last: list[float] = []
    columns = (*Losses.__dataclass_fields__, "held_out")
    hidden = [p for name, p in model.named_parameters() if "layers." in name and p.dim() == 2]
    Run("dual_ar", work, model, loss, columns, hours, rate=rate, hidden=hidden).go(until)
