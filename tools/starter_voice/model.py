"""The language model as it is trained: a table of embeddings in parts, attention that can be seen, hidden history."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from fishvoiced.backends.fish.network.checkpoint import MODEL_FILE, read_dual_ar
from fishvoiced.backends.fish.network.dual_ar import DualAR
from fishvoiced.backends.fish.network.layers import Block, RMSNorm
from fishvoiced.text.misaki import NUMBERS, UNITS
from tools.starter_voice import voice
from tools.starter_voice.codebooks import BOOK, BOOKS, PHASE_BOOK, POSITION_BOOK
from tools.starter_voice.pitch import SHAPES, circle
from tools.starter_voice.source import PHASES
from tools.starter_voice.spectrum import Spectrum

GUIDED_LAYER = 1


class NumberedTable(nn.Module):
    """The table of token embeddings as a sum: what the unit is and which number it has.

    All 64 rows of a unit then learn from each of them, and so do all units of a number.
    """

    def forward(self, others: Tensor, unit: Tensor, number: Tensor) -> Tensor:
        numbered = (unit[:, None] + number[None]).flatten(0, 1)
        return torch.cat([others[: voice.FIRST_UNIT_TOKEN], numbered, others[voice.FIRST_UNIT_TOKEN :]])

    def right_inverse(self, table: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        first = voice.FIRST_UNIT_TOKEN
        numbered = table[first : first + NUMBERS * len(UNITS)].unflatten(0, (len(UNITS), NUMBERS))
        unit = numbered.mean(1)
        number = (numbered - unit[:, None]).mean(0)
        return torch.cat([table[:first], table[first + NUMBERS * len(UNITS) :]]), unit, number


def new_model(start: Path | None = None) -> DualAR:
    """To be trained, from nothing or from a packed checkpoint's weights."""
    tokens = voice.tokenizer()
    model = DualAR(voice.config(), tokens.semantic_begin, tokens.semantic_count, tokens.end_token)
    if start is not None:
        model.load_state_dict({k: v.float() for k, v in read_dual_ar(start / MODEL_FILE).items()})
    else:
        for name, parameter in model.named_parameters():
            if parameter.dim() == 2:
                last = name.endswith(("wo.weight", "w2.weight"))
                nn.init.normal_(parameter, std=0.02 if not last else 0.02 / math.sqrt(2 * model.config.n_layer))
        number_alike(model)
        on_a_circle(model)
    parametrize.register_parametrization(model.embeddings, "weight", NumberedTable())
    return model


@torch.no_grad()
def number_alike(model: DualAR) -> None:
    """Give the places in the text and the codes that name them the same vectors to begin with."""
    unit = 0.02 * torch.randn(len(UNITS), 1, model.config.dim)
    number = 0.02 * torch.randn(NUMBERS, model.config.dim)
    table, first = model.embeddings.weight, voice.FIRST_UNIT_TOKEN
    table[first : first + NUMBERS * len(UNITS)] = (unit + number).flatten(0, 1)
    model.output.weight[first : first + NUMBERS * len(UNITS)] = 0  # what is read is never said
    place = BOOK * POSITION_BOOK
    model.codebook_embeddings.weight[place : place + NUMBERS] = math.sqrt(BOOKS + 1) * number


@torch.no_grad()
def on_a_circle(model: DualAR) -> None:
    """Begin with vectors of phases, and of the cycles that a pitch code stands for, that lie on circles.

    The phase at a frame's end is the one before it and the frame's cycles added up: on circles a product does it.
    """

    def around(count: int, dim: int) -> Tensor:
        return 0.02 * circle(count) @ torch.randn(PHASES, dim)

    first = BOOK * PHASE_BOOK
    model.codebook_embeddings.weight[first : first + BOOK] += around(BOOK, model.config.dim)
    turns = around(BOOK // SHAPES, model.config.fast.dim)  # of LEAST sixteenths and more: LEAST is whole cycles
    model.fast_embeddings.weight += turns.repeat_interleave(SHAPES, 0)
    model.fast_output.weight += around(BOOK, model.config.fast.dim)


def plain(model: DualAR) -> DualAR:
    """The model with its table of embeddings in full, as a checkpoint holds it."""
    parametrize.remove_parametrizations(model.embeddings, "weight")
    return model


class FastSpeaker(nn.Module):
    """``DualAR.fast_logits`` over :func:`block`."""

    def __init__(self, model: DualAR) -> None:
        super().__init__()
        self.model = model

    def forward(self, hidden: Tensor, codes: Tensor) -> Tensor:
        model = self.model
        x = torch.cat([model.fast_project_in(hidden)[:, None], model.fast_embeddings(codes[:, :-1])], dim=1)
        for layer in model.fast_layers:
            x, _ = block(layer, x, *tables(model, "fast"))
        logits: Tensor = model.fast_output(model.fast_norm(x[:, 1:]))
        return logits


class CrossEntropy(nn.Module):
    """Cross-entropy of each code [...] under logits [..., N], in nats."""

    def forward(self, logits: Tensor, codes: Tensor) -> Tensor:
        of_all = logits.float().log_softmax(-1)
        return -of_all.gather(-1, codes[..., None])[..., 0]


class Speaker(nn.Module):
    """The model with what training adds: hidden history and a look at one layer's attention."""

    def __init__(self, model: DualAR, books: Tensor) -> None:
        super().__init__()
        self.model = model
        self.fast = FastSpeaker(model)
        self.cross_entropy = CrossEntropy()
        self.spectrum = Spectrum(books)

    def compile_parts(self) -> None:
        """Needs a C++ compiler: two minutes at the beginning, and half the time for every step after it."""
        for part in (self, self.fast, self.cross_entropy, self.spectrum):
            part.compile(dynamic=True)

    def forward(self, columns: Tensor, visible: Tensor | None) -> tuple[Tensor, Tensor]:
        """Hidden states [B, S, dim] and the guided heads' attention [B, H, S, S]."""
        model = self.model
        x = model.embed(columns)
        if visible is not None:
            place = model.codebook_embeddings(columns[:, 1 + POSITION_BOOK] + POSITION_BOOK * BOOK)
            x = torch.where(visible, x, place / math.sqrt(model.config.num_codebooks + 1))
        guided = x.new_zeros(())
        for index, layer in enumerate(model.layers):
            x, attention = block(layer, x, *tables(model, "slow"))
            if index == GUIDED_LAYER:
                guided = attention.float()
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
