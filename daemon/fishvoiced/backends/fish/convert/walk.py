"""A transformer run in NumPy, layer after layer, over a few sentences: what rounding and 8-bit K/V are fitted to.

Every layer's weights are read when it is its turn and then forgotten. A layer's matrices are rounded on what the
rounded ones before it give.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from fishvoiced.backends.fish.checkpoint.tensors import Floats, Table
from fishvoiced.backends.fish.config import DualARConfig, TransformerConfig
from fishvoiced.backends.fish.convert.graph import Matrix
from fishvoiced.backends.fish.convert.transformer import W2, W13, WO, WQKV, KVScales, Layer, matrices, rotary_tables
from fishvoiced.backends.fish.quantize.gptq import compensated
from fishvoiced.backends.fish.quantize.weights import SMALLEST_BLOCK, Packed, unpacked
from fishvoiced.backends.fish.types import Codes, Columns

MARGIN = np.float32(1.2)
"""How far beyond what was observed a K or V may go before it is cut off."""
LEAST = np.float32(1e-6)
Inputs: TypeAlias = dict[str, Floats]
"""What goes into each matrix, [rows, in]."""


@dataclass
class Walk:
    """The layers ``PREFIX.N`` over ``states`` [rows, dim], which move on with every layer.

    The rows are texts one after the other: ``texts`` says of each how many sequences of which length it is.
    ``compensate``: round the matrices to 4 bits. ``scale_kv``: tell the scales of 8-bit K and V.
    """

    table: Table
    prefix: str
    config: TransformerConfig
    states: Floats
    texts: Sequence[tuple[int, int]]
    compensate: bool
    scale_kv: bool
    _rotary: tuple[Floats, Floats] = field(init=False)

    def __post_init__(self) -> None:
        longest = max(length for _, length in self.texts)
        self._rotary = rotary_tables(longest, self.config.head_dim, self.config.rope_base)

    def layers(self) -> Iterator[Layer]:
        """One layer after the other, ready to be written."""
        for i in range(self.config.n_layer):
            prefix = f"{self.prefix}.{i}"
            stored = matrices(self.table, prefix)
            weights = {name: weight.read() for name, weight in stored.items()}
            wanted: dict[str, Matrix] = dict(stored)
            if self.compensate:
                inputs: Inputs = {}
                self._forward(prefix, weights, inputs)
                for name, packed in self._rounded(weights, inputs):
                    wanted[name], weights[name] = packed, unpacked(packed, 4)
            self.states, key, value = self._forward(prefix, weights)
            yield Layer(wanted, KVScales(_steps(key), _steps(value)) if self.scale_kv else None)

    def _rounded(self, weights: Mapping[str, Floats], inputs: Inputs) -> list[tuple[str, Packed]]:
        """The widest matrix, whose inputs take longest to understand, goes first; the others side by side with it."""
        names = sorted((n for n in weights if is_rounded(weights[n])), key=lambda n: -weights[n].shape[1])
        with ThreadPoolExecutor(os.cpu_count()) as matrix, ThreadPoolExecutor(os.cpu_count()) as pieces:
            found = matrix.map(lambda name: compensated(weights[name], inputs[name], pieces), names)
            return list(zip(names, found, strict=True))

    def _forward(
        self, prefix: str, weights: Mapping[str, Floats], inputs: Inputs | None = None
    ) -> tuple[Floats, Floats, Floats]:
        """The states behind the layer, and how far K (rotated, anywhere) and V reach [n_local_heads, head_dim]."""
        c, x = self.config, self.states

        def product(name: str, x: Floats) -> Floats:
            if inputs is not None:
                inputs[name] = x
            y = _product(x, weights[name])
            bias = self.table.get(f"{prefix}.{name}.bias")
            return y if bias is None else y + bias.read()

        packed = product(WQKV, self._norm(f"{prefix}.attention_norm", x))
        ends = np.cumsum([c.n_head * c.head_dim, c.n_local_heads * c.head_dim])
        q, k, v = (part.reshape(len(x), -1, c.head_dim) for part in np.split(packed, ends, axis=-1))
        if c.qk_norm:
            q, k = self._norm(f"{prefix}.attention.q_norm", q), self._norm(f"{prefix}.attention.k_norm", k)
        y = x + product(WO, self._attention(q, k, v))
        gate, up = np.split(product(W13, self._norm(f"{prefix}.ffn_norm", y)), 2, axis=-1)
        y = y + product(W2, gate / (1 + np.exp(-gate)) * up)
        return y, _radius(k), np.abs(v).max(0)

    def _attention(self, q: Floats, k: Floats, v: Floats) -> Floats:
        """Of each text's sequences to themselves; heads [rows, heads, head_dim] → [rows, n_head x head_dim]."""
        outputs, begin = [], 0
        for count, length in self.texts:
            end = begin + count * length
            heads = (t[begin:end].reshape(count, length, -1, t.shape[-1]).transpose(0, 2, 1, 3) for t in (q, k, v))
            outputs.append(causal_attention(*heads, *(table[:length] for table in self._rotary)))
            begin = end
        return np.concatenate(outputs)

    def _norm(self, name: str, x: Floats) -> Floats:
        scale = np.sqrt(np.square(x).mean(-1, keepdims=True) + np.float32(self.config.norm_eps))
        return x / scale * self.table[f"{name}.weight"].read()


def _product(x: Floats, weight: Floats) -> Floats:
    """``x`` [rows, in] times ``weight`` [out, in], a share of the outputs on each core."""
    parts = np.array_split(weight, os.cpu_count() or 1)
    with ThreadPoolExecutor(len(parts)) as pool:
        return np.concatenate(list(pool.map(lambda part: x @ part.T, parts)), axis=1)


def causal_attention(q: Floats, k: Floats, v: Floats, cos: Floats, sin: Floats) -> Floats:
    """Queries [B, n_head, S, D] over K and V [B, n_local_heads, S, D]: [B x S, n_head x D]."""
    batch, _, length, dim = q.shape
    grouped = rotated(q, cos, sin).reshape(batch, k.shape[1], -1, length, dim)
    scores = grouped @ rotated(k, cos, sin)[:, :, None].swapaxes(-1, -2) / np.float32(math.sqrt(dim))
    scores = np.where(np.tri(length, dtype=bool), scores, np.float32(-np.inf))
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    y = (shares / shares.sum(-1, keepdims=True)) @ v[:, :, None]
    return y.reshape(batch, -1, length, dim).transpose(0, 2, 1, 3).reshape(batch * length, -1)


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
    return np.repeat(np.hypot(key[..., 0::2], key[..., 1::2]).max(0), 2, axis=-1)


def _steps(reach: Floats) -> Floats:
    """What a step of 8-bit K or V stands for: [1, n_local_heads, 1, head_dim]."""
    return np.maximum(reach * (MARGIN / 127), LEAST)[None, :, None].astype(np.float32)


# -- where the walks begin ------------------------------------------------------------------------------------


def slow_walk(
    table: Table,
    config: DualARConfig,
    semantic: range,
    texts: Sequence[Columns],
    *,
    compensate: bool,
    scale_kv: bool,
) -> Walk:
    """Through the slow AR over ``texts``, int64 [1 + num_codebooks, S] each; ``semantic``: the token ids of codes."""
    states = np.concatenate([embedded(table, config, semantic, columns) for columns in texts])
    shapes = [(1, columns.shape[1]) for columns in texts]
    return Walk(table, "layers", config.slow, states, shapes, compensate, scale_kv)


def embedded(table: Table, config: DualARConfig, semantic: range, columns: Columns) -> Floats:
    """What the slow AR makes of columns: [S, dim]."""
    tokens, codes = columns[0], columns[1:]
    offsets = np.arange(config.num_codebooks)[:, None] * config.codebook_size
    is_code = ((tokens >= semantic.start) & (tokens < semantic.stop))[:, None]
    x = table["embeddings.weight"].pick(tokens)
    x = x + np.where(is_code, table["codebook_embeddings.weight"].pick(codes + offsets).sum(0), np.float32(0))
    if not config.scale_codebook_embeddings:
        return x
    return np.where(is_code, x / np.float32(math.sqrt(config.num_codebooks + 1)), x)


def fast_walk(table: Table, config: DualARConfig, hidden: Floats, codes: Codes) -> Walk:
    """Through the fast AR, rounding it, over frames: ``hidden`` [T, dim] are the slow AR's states before each frame of
    ``codes`` [num_codebooks, T]."""
    if "fast_project_in.weight" in table:
        hidden = hidden @ table["fast_project_in.weight"].read().T + table["fast_project_in.bias"].read()
    rows = np.concatenate([hidden[:, None], table["fast_embeddings.weight"].pick(codes[:-1].T)], axis=1)
    count, length, dim = rows.shape
    states = rows.reshape(count * length, dim)
    return Walk(table, "fast_layers", config.fast, states, [(count, length)], compensate=True, scale_kv=False)
