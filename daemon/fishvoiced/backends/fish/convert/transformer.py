"""The parts of a transformer as graph operators: norms, SwiGLU, stacks of pre-norm layers.

The same arithmetic as ``network/layers.py``, operator by operator as ONNX Runtime's fused kernels want it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from fishvoiced.backends.fish.checkpoint.tensors import Floats, Table, Weight
from fishvoiced.backends.fish.checkpoint.weights import stacked
from fishvoiced.backends.fish.config import TransformerConfig
from fishvoiced.backends.fish.convert.graph import Graph, Matrix

STREAMS = "streams"
"""The dimension of those that share a pass."""
LARGEST = int(np.iinfo(np.int64).max)
"""The end of a slice that goes to the end."""
WQKV, WO, W13, W2 = "attention.wqkv", "attention.wo", "feed_forward.w13", "feed_forward.w2"


@dataclass(frozen=True)
class KVScales:
    """What one step of an int8 K or V stands for, each float32 [1, n_local_heads, 1, head_dim]."""

    key: Floats
    value: Floats


@dataclass(frozen=True)
class Layer:
    """The four matrices of a layer, as :data:`WQKV` … name them, and the scales of its K and V where they are int8."""

    matrices: Mapping[str, Matrix]
    scales: KVScales | None = None


Attention: TypeAlias = Callable[[int, Layer, str], str]
"""Layer number, layer, normed input [1, S, dim] → attention's output [1, S, dim]."""


def matrices(table: Table, prefix: str) -> dict[str, Weight]:
    """A layer's matrices, the two that read the same in one: half as many meetings of the threads."""
    gates = stacked([table[f"{prefix}.feed_forward.{name}.weight"] for name in ("w1", "w3")])
    return {W13: gates, **{name: table[f"{prefix}.{name}.weight"] for name in (WQKV, WO, W2)}}


def rotary_tables(positions: int, head_dim: int, base: float) -> tuple[Floats, Floats]:
    """Cosine and sine, each [positions, head_dim // 2], rounded to bfloat16 as upstream keeps them."""
    exponents = np.arange(0, head_dim, 2, dtype=np.float32) / np.float32(head_dim)
    frequencies = np.float32(1.0) / np.float32(base) ** exponents
    angles = np.outer(np.arange(positions, dtype=np.float32), frequencies)
    return _to_bfloat16(np.cos(angles)), _to_bfloat16(np.sin(angles))


def _to_bfloat16(values: Floats) -> Floats:
    """The nearest bfloat16, halves to even."""
    raw = values.astype(np.float32).view(np.uint32)
    return ((raw + 0x7FFF + ((raw >> 16) & 1)) & np.uint32(0xFFFF0000)).view(np.float32)


def norm(graph: Graph, table: Table, name: str, x: str, eps: float) -> str:
    weight = graph.weight(name, table[name].read)
    return graph.op("SimplifiedLayerNormalization", x, weight, axis=-1, epsilon=eps, stash_type=1)


def norm_of_sum(graph: Graph, table: Table, name: str, x: str, y: str, eps: float) -> tuple[str, str]:
    """The norm of x + y, and x + y, in one operator."""
    weight = graph.weight(name, table[name].read)
    normed, mean, deviation, total = graph.ops("SkipSimplifiedLayerNormalization", 4, x, y, weight, epsilon=eps)
    graph.unused(mean)
    graph.unused(deviation)
    return normed, total


def linear(graph: Graph, table: Table, name: str, x: str, matrix: Matrix | None = None) -> str:
    """``x`` times the matrix of that name, and its bias where it has one."""
    y = graph.product(x, f"{name}.weight", matrix if matrix is not None else table[f"{name}.weight"])
    bias = f"{name}.bias"
    return graph.op("Add", y, graph.weight(bias, table[bias].read)) if bias in table else y


def feed_forward(graph: Graph, table: Table, prefix: str, layer: Layer, x: str) -> str:
    """SwiGLU."""
    both = graph.product(x, f"{prefix}.{W13}.weight", layer.matrices[W13])
    gate, up = graph.ops("Split", 2, both, axis=2, num_outputs=2)
    gate = graph.op("Mul", gate, graph.op("Sigmoid", gate))
    return graph.product(graph.op("Mul", gate, up), f"{prefix}.{W2}.weight", layer.matrices[W2])


def stack(
    graph: Graph,
    table: Table,
    prefix: str,
    config: TransformerConfig,
    layers: Iterable[Layer],
    attention: Attention,
    x: str,
    last_norm: str | None = None,
) -> str:
    """Pre-norm layers over ``x`` [1, S, dim], ``PREFIX.N`` each; ``last_norm`` names the norm behind them."""
    first = [f"{prefix}.{i}.attention_norm.weight" for i in range(config.n_layer)]
    normed = norm(graph, table, first[0], x, config.norm_eps)
    for i, layer in enumerate(layers):
        y = attention(i, layer, normed)
        normed, x = norm_of_sum(graph, table, f"{prefix}.{i}.ffn_norm.weight", x, y, config.norm_eps)
        y = feed_forward(graph, table, f"{prefix}.{i}", layer, normed)
        following = first[i + 1] if i + 1 < len(first) else last_norm
        if following is None:
            return graph.op("Add", x, y)
        normed, x = norm_of_sum(graph, table, following, x, y, config.norm_eps)
    return normed


def split_heads(graph: Graph, x: str, head_dim: int) -> str:
    """[1, S, heads x head_dim] → [1, S, heads, head_dim]."""
    return graph.op("Reshape", x, graph.integers(0, 0, -1, head_dim))


def merge_heads(graph: Graph, x: str) -> str:
    return graph.op("Reshape", x, graph.integers(0, 0, -1))


def split_qkv(graph: Graph, x: str, config: TransformerConfig) -> list[str]:
    q, kv = config.n_head * config.head_dim, config.n_local_heads * config.head_dim
    return graph.ops("Split", 3, x, graph.integers(q, kv, kv), axis=2)


def tables(graph: Graph, name: str, config: TransformerConfig) -> tuple[str, str]:
    """The rotary tables of a stack as weights of the graph."""
    made: list[tuple[Floats, Floats]] = []

    def table(i: int) -> NDArray[np.float32]:
        if not made:
            made.append(rotary_tables(config.max_seq_len, config.head_dim, config.rope_base))
        return made[0][i]

    return graph.weight(f"{name}_cos", lambda: table(0)), graph.weight(f"{name}_sin", lambda: table(1))


def cached_attention(
    graph: Graph,
    table: Table,
    prefix: str,
    config: TransformerConfig,
    layer: Layer,
    x: str,
    past: tuple[str, str],
    length: tuple[str, str],
    rotary: tuple[str, str],
) -> tuple[str, list[str]]:
    """Attention of ``x`` over what the K/V ``past`` holds and itself: its output, and the K/V afterwards.

    ``length`` int32: each stream's columns less one [B], and the longest one's columns [1].
    """
    packed = linear(graph, table, f"{prefix}.{WQKV}", x, layer.matrices[WQKV])
    inputs = [packed, "", ""]
    if config.qk_norm:  # the CPU kernel takes q, k, v in one piece, but does not normalize them
        q, k, v = split_qkv(graph, packed, config)
        inputs = [
            _normed_heads(graph, table, f"{prefix}.attention.{n}_norm", y, config) for n, y in (("q", q), ("k", k))
        ]
        inputs.append(v)
    inputs += [*past, *length, *rotary]
    options: dict[str, int | str] = {"do_rotary": 1, "rotary_interleaved": 1}
    if layer.scales is not None:
        inputs += ["", "", "", graph.constant(layer.scales.key), graph.constant(layer.scales.value)]
        options |= {"kv_cache_bit_width": 8, "k_quant_type": "PER_CHANNEL", "v_quant_type": "PER_CHANNEL"}
    heads = {"num_heads": config.n_head, "kv_num_heads": config.n_local_heads}
    y, *present = graph.ops("GroupQueryAttention", 3, *inputs, **heads, **options)
    return linear(graph, table, f"{prefix}.{WO}", y, layer.matrices[WO]), present


def _normed_heads(graph: Graph, table: Table, name: str, x: str, config: TransformerConfig) -> str:
    heads = split_heads(graph, x, config.head_dim)
    return merge_heads(graph, norm(graph, table, f"{name}.weight", heads, config.norm_eps))


FLOAT, UINT8 = TensorProto.FLOAT, TensorProto.UINT8
INT8, INT32, INT64 = TensorProto.INT8, TensorProto.INT32, TensorProto.INT64
