"""A transformer run in NumPy, layer after layer, over a few sentences: what rounding and 8-bit K/V are fitted to.

Every layer's weights are read when it is its turn and then forgotten. A layer's matrices are rounded on what the
rounded ones before it give.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from fishvoiced.fish.checkpoint.tensors import Floats, Table
from fishvoiced.fish.config import DualARConfig, TransformerConfig
from fishvoiced.fish.convert.transformer import W2, W13, WO, WQKV, KVScales, Layer, Matrix, matrices, rotary_tables
from fishvoiced.fish.quantize.gptq import compensated
from fishvoiced.fish.quantize.weights import SMALLEST_BLOCK, unpacked
from fishvoiced.fish.types import Columns

MARGIN = np.float32(1.2)
"""How far beyond what was observed a K or V may go before it is cut off."""
LEAST = np.float32(1e-6)
Inputs: TypeAlias = dict[str, Floats]
"""What goes into each matrix, [B, S, in]."""


@dataclass
class Walk:
    """The layers ``PREFIX.N`` over ``states`` [B, S, dim] each, which move on with every layer.

    ``compensate``: round the matrices to 4 bits. ``scale_kv``: tell the scales of 8-bit K and V.
    """

    table: Table
    prefix: str
    config: TransformerConfig
    states: list[Floats]
    compensate: bool
    scale_kv: bool
    _rotary: tuple[Floats, Floats] = field(init=False)

    def __post_init__(self) -> None:
        length = max(state.shape[1] for state in self.states)
        self._rotary = rotary_tables(length, self.config.head_dim, self.config.rope_base)

    def layers(self) -> Iterator[Layer]:
        """One layer after the other, ready to be written."""
        for i in range(self.config.n_layer):
            prefix = f"{self.prefix}.{i}"
            wanted: dict[str, Matrix] = matrices(self.table, prefix)
            weights = {name: weight.read() for name, weight in matrices(self.table, prefix).items()}
            if self.compensate:
                moments = self._moments(prefix, weights)
                for name, weight in weights.items():
                    if is_rounded(weight):
                        packed = compensated(weight, moments[name])
                        wanted[name], weights[name] = packed, unpacked(packed, 4)
            yield Layer(wanted, self._advance(prefix, weights))

    def _moments(self, prefix: str, weights: Mapping[str, Floats]) -> dict[str, Floats]:
        """The sums of the outer products of what goes into each matrix, [in, in]."""
        moments: dict[str, Floats] = {}
        for state in self.states:
            inputs: Inputs = {}
            self._forward(prefix, weights, state, inputs)
            for name, x in inputs.items():
                rows = x.reshape(-1, x.shape[-1])
                moments[name] = moments.get(name, np.float32(0)) + rows.T @ rows
        return moments

    def _advance(self, prefix: str, weights: Mapping[str, Floats]) -> KVScales | None:
        key, value = np.float32(0), np.float32(0)
        for n, state in enumerate(self.states):
            self.states[n], k, v = self._forward(prefix, weights, state)
            key, value = np.maximum(key, _radius(k)), np.maximum(value, np.abs(v).max((0, 2)))
        if not self.scale_kv:
            return None
        key, value = (np.maximum(reach * (MARGIN / 127), LEAST)[None, :, None] for reach in (key, value))
        return KVScales(key.astype(np.float32), value.astype(np.float32))

    def _forward(
        self, prefix: str, weights: Mapping[str, Floats], x: Floats, inputs: Inputs | None = None
    ) -> tuple[Floats, Floats, Floats]:
        """The layer's output [B, S, dim], and K (before its rotation) and V [B, n_local_heads, S, head_dim]."""
        c = self.config

        def product(name: str, x: Floats) -> Floats:
            if inputs is not None:
                inputs[name] = x
            y = x @ weights[name].T
            bias = self.table.get(f"{prefix}.{name}.bias")
            return y if bias is None else y + bias.read()

        packed = product(WQKV, self._norm(f"{prefix}.attention_norm", x))
        ends = np.cumsum([c.n_head * c.head_dim, c.n_local_heads * c.head_dim])
        q, k, v = (part.reshape(*part.shape[:2], -1, c.head_dim) for part in np.split(packed, ends, axis=-1))
        if c.qk_norm:
            q, k = self._norm(f"{prefix}.attention.q_norm", q), self._norm(f"{prefix}.attention.k_norm", k)
        q, k, v = (part.transpose(0, 2, 1, 3) for part in (q, k, v))
        y = x + product(WO, self._attention(q, k, v))
        gate, up = np.split(product(W13, self._norm(f"{prefix}.ffn_norm", y)), 2, axis=-1)
        return y + product(W2, gate / (1 + np.exp(-gate)) * up), k, v

    def _attention(self, q: Floats, k: Floats, v: Floats) -> Floats:
        """Causal, grouped queries: [B, S, n_head x head_dim]."""
        batch, heads, length, dim = q.shape
        cos, sin = (table[:length] for table in self._rotary)
        grouped = rotated(q, cos, sin).reshape(batch, k.shape[1], -1, length, dim)
        scores = grouped @ rotated(k, cos, sin)[:, :, None].swapaxes(-1, -2) / np.float32(math.sqrt(dim))
        scores = np.where(np.tri(length, dtype=bool), scores, -np.inf)
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        y = (shares / shares.sum(-1, keepdims=True)) @ v[:, :, None]
        return y.reshape(batch, heads, length, dim).transpose(0, 2, 1, 3).reshape(batch, length, -1)

    def _norm(self, name: str, x: Floats) -> Floats:
        scale = np.sqrt(np.square(x).mean(-1, keepdims=True) + np.float32(self.config.norm_eps))
        return x / scale * self.table[f"{name}.weight"].read()


def is_rounded(weight: Floats) -> bool:
    """What a graph rounds: see ``Graph.product``."""
    out, width = weight.shape
    return width % SMALLEST_BLOCK == 0 and out >= SMALLEST_BLOCK


def rotated(x: Floats, cos: Floats, sin: Floats) -> Floats:
    """Interleaved pairs of ``x`` [..., S, D] turned by tables [S, D // 2]."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return np.stack([even * cos - odd * sin, even * sin + odd * cos], axis=-1).reshape(x.shape)


def _radius(key: Floats) -> Floats:
    """The greatest length of each rotated pair of channels: elsewhere in a text either channel may reach it."""
    return np.repeat(np.hypot(key[..., 0::2], key[..., 1::2]).max((0, 2)), 2, axis=-1)


# -- where the walks begin ------------------------------------------------------------------------------------


def slow_states(
    table: Table, config: DualARConfig, semantic: range, texts: Sequence[Columns]
) -> list[Floats]:
    """What the slow AR reads, each text int64 [1 + num_codebooks, S] as [1, S, dim]; ``semantic``: ids of the codes."""
    return [_embedded(table, config, semantic, columns)[None] for columns in texts]


def _embedded(table: Table, config: DualARConfig, semantic: range, columns: Columns) -> Floats:
    tokens, codes = columns[0], columns[1:]
    offsets = np.arange(config.num_codebooks)[:, None] * config.codebook_size
    is_code = ((tokens >= semantic.start) & (tokens < semantic.stop))[:, None]
    x = table["embeddings.weight"].pick(tokens)
    x = x + np.where(is_code, table["codebook_embeddings.weight"].pick(codes + offsets).sum(0), np.float32(0))
    if not config.scale_codebook_embeddings:
        return x
    return np.where(is_code, x / np.float32(math.sqrt(config.num_codebooks + 1)), x)


def fast_states(table: Table, hidden: Sequence[Floats], codes: Sequence[Columns]) -> list[Floats]:
    """What the fast AR reads: of each sentence [T, num_codebooks, dim].

    ``hidden`` [T, slow dim]: the slow AR's states before each frame of ``codes`` [num_codebooks, T].
    """
    states = []
    for before, said in zip(hidden, codes, strict=True):
        if "fast_project_in.weight" in table:
            before = before @ table["fast_project_in.weight"].read().T + table["fast_project_in.bias"].read()
        rows = table["fast_embeddings.weight"].pick(said[:-1].T)
        states.append(np.concatenate([before[:, None], rows], axis=1))
    return states
