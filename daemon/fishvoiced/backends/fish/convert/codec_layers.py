"""The layers that the codec's decoder and encoder share, as graph operators: convolutions, Snake, window attention.

The same arithmetic as ``network/codec.py``. Sound runs channels first [1, C, T], transformers run channels last
[1, T, C].
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from fishvoiced.backends.fish.checkpoint.tensors import Floats, Table
from fishvoiced.backends.fish.config import CodecConfig, TransformerConfig
from fishvoiced.backends.fish.convert.graph import Graph
from fishvoiced.backends.fish.convert.transformer import (
    FLOAT,
    LARGEST,
    WO,
    WQKV,
    Layer,
    linear,
    matrices,
    merge_heads,
    split_heads,
    split_qkv,
    stack,
    tables,
)

Watch: TypeAlias = Callable[[str, str, str], None]
"""Called with a layer's name and its input and output, where a span of values is wanted."""


class Context(ABC):
    """What lies to the left of a block of columns."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    @abstractmethod
    def extend(self, x: str, shape: Sequence[int], axis: int) -> str:
        """``x`` with the columns before it, ``shape`` of them, along ``axis``."""


class Stream(Context):
    """Inputs ``past.N`` and outputs ``present.N``: the graph can stop and go on anywhere."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self._count = 0

    def extend(self, x: str, shape: Sequence[int], axis: int) -> str:
        joined = self.graph.op("Concat", self.take(shape), x, axis=axis)
        self.keep(self.last(joined, shape[axis], axis), shape)
        return joined

    def take(self, shape: Sequence[int]) -> str:
        return self.graph.input(f"past.{self._count}", FLOAT, shape)

    def keep(self, columns: str, shape: Sequence[int]) -> None:
        self.graph.output(f"present.{self._count}", columns, FLOAT, shape)
        self._count += 1

    def last(self, x: str, columns: int, axis: int) -> str:
        ends = (-columns, LARGEST, axis)
        return self.graph.op("Slice", x, *(self.graph.integers(end) for end in ends))


class Silence(Context):
    """Zeros: the graph sees everything at once."""

    def extend(self, x: str, shape: Sequence[int], axis: int) -> str:
        before = [0] * len(shape)
        before[axis] = shape[axis]
        return self.graph.op("Pad", x, self.graph.integers(*before, *([0] * len(shape))))


@dataclass(frozen=True)
class CodecGraph:
    """The layers over one graph."""

    graph: Graph
    table: Table
    config: CodecConfig
    context: Context
    watch: Watch = lambda _name, _x, _y: None

    # -- convolutions, channels first -----------------------------------------------------------------------------

    def convolution(self, name: str, x: str, dilation: int = 1, stride: int = 1, groups: int = 1) -> str:
        """A causal one: its left context is (kernel - 1) x dilation + 1 - stride columns."""
        weight, bias = self.table[f"{name}.conv.weight"], self.table[f"{name}.conv.bias"]
        kernel, channels = weight.shape[2], weight.shape[1] * groups
        context = (kernel - 1) * dilation + 1 - stride
        if context:
            x = self.context.extend(x, (1, channels, context), 2)
        parts = (self.graph.weight(f"{name}.weight", weight.read), self.graph.weight(f"{name}.bias", bias.read))
        options = {"kernel_shape": [kernel], "dilations": [dilation], "strides": [stride], "group": groups}
        return self.graph.op("Conv", x, *parts, **options)

    def upsampling(self, name: str, x: str, stride: int) -> str:
        """A transposed convolution as an ordinary one whose channels are ordered [stride, out]."""
        y = self.convolution(name, x)
        out = self.table[f"{name}.conv.weight"].shape[0] // stride
        y = self.graph.op("Reshape", y, self.graph.integers(1, stride, out, -1))
        y = self.graph.op("Transpose", y, perm=[0, 2, 3, 1])
        return self.graph.op("Reshape", y, self.graph.integers(1, out, -1))

    def snake(self, name: str, x: str) -> str:
        """x + sin²(αx)/α, as x + (1 - cos 2αx)/2α."""
        alpha = self.table[f"{name}.alpha"]
        half = self.graph.weight(f"{name}.half", lambda: (0.5 / (alpha.read() + 1e-9)).astype(np.float32))
        double = self.graph.weight(f"{name}.double", lambda: 2 * alpha.read())
        wave = self.graph.op("Mul", half, self.graph.op("Cos", self.graph.op("Mul", double, x)))
        y = self.graph.op("Add", x, self.graph.op("Sub", half, wave))
        self.watch(name, x, y)
        return y

    def residual_unit(self, name: str, x: str, dilation: int) -> str:
        y = self.snake(f"{name}.block.0", x)
        y = self.snake(f"{name}.block.2", self.convolution(f"{name}.block.1", y, dilation))
        return self.graph.op("Add", x, self.convolution(f"{name}.block.3", y))

    def channels_last(self, x: str) -> str:
        return self.graph.op("Transpose", x, perm=[0, 2, 1])

    channels_first = channels_last

    # -- transformers, channels last ------------------------------------------------------------------------------

    def conv_next(self, name: str, x: str) -> str:
        """Depthwise convolution, layer norm, two linear layers with GELU between, residual."""
        channels = self.table[f"{name}.norm.weight"].shape[0]
        y = self.convolution(f"{name}.dwconv", self.channels_first(x), groups=channels)
        parts = [self.graph.weight(f"{name}.norm.{p}", self.table[f"{name}.norm.{p}"].read) for p in ("weight", "bias")]
        y = self.graph.op("LayerNormalization", self.channels_last(y), *parts, axis=-1, epsilon=1e-6)
        y = self.graph.op("Gelu", linear(self.graph, self.table, f"{name}.pwconv1", y))
        return self.graph.op("Add", x, linear(self.graph, self.table, f"{name}.pwconv2", y))

    def window_transformer(self, name: str, config: TransformerConfig, window: int, x: str, position: str) -> str:
        """Causal transformer whose attention reaches ``window`` columns back, the column itself included."""
        if config.n_layer == 0:  # a codec without transformers has no norm either
            return x
        graph, back = self.graph, window - 1
        columns = graph.op("Squeeze", graph.op("Shape", x, start=1, end=2), graph.integers(0))
        here = graph.op("Add", position, self._range(columns))
        rotary = [graph.op("Gather", table, here, axis=0) for table in tables(graph, name, config)]
        mask = self._mask(here, position, columns, window)
        shape = (1, config.n_head, back, config.head_dim)
        scale = graph.number(config.head_dim**-0.5)

        def rotated(heads: str) -> str:
            return graph.op("RotaryEmbedding", heads, graph.integers(0), *rotary, interleaved=1)

        def attention(i: int, layer: Layer, normed: str) -> str:
            prefix = f"{name}.layers.{i}"
            packed = linear(graph, self.table, f"{prefix}.{WQKV}", normed, layer.matrices[WQKV])
            heads = [split_heads(graph, part, config.head_dim) for part in split_qkv(graph, packed, config)]
            q, k, v = (graph.op("Transpose", part, perm=[0, 2, 1, 3]) for part in heads)
            k = self.context.extend(rotated(k), shape, 2)
            v = self.context.extend(v, shape, 2)
            q = graph.op("Mul", rotated(q), scale)
            scores = graph.op("MatMul", q, graph.op("Transpose", k, perm=[0, 1, 3, 2]))
            y = graph.op("MatMul", graph.op("Softmax", graph.op("Add", scores, mask), axis=-1), v)
            y = merge_heads(graph, graph.op("Transpose", y, perm=[0, 2, 1, 3]))
            return linear(graph, self.table, f"{prefix}.{WO}", y, layer.matrices[WO])

        layers = (Layer(matrices(self.table, f"{name}.layers.{i}")) for i in range(config.n_layer))
        prefix, last = f"{name}.layers", f"{name}.norm.weight"
        return stack(graph, self.table, prefix, config, layers, attention, x, last)

    def _range(self, count: str) -> str:
        return self.graph.op("Range", self.graph.integer(0), count, self.graph.integer(1))

    def _mask(self, here: str, position: str, columns: str, window: int) -> str:
        """What is added to the scores [columns, window - 1 + columns]: 0, or -∞ where a column is out of sight.

        Key j of the joined window lies at absolute position ``position - (window - 1) + j``.
        """
        graph, back = self.graph, window - 1
        keys = self._range(graph.op("Add", columns, graph.integer(back)))
        there = graph.op("Add", graph.op("Sub", position, graph.integers(back)), keys)
        there = graph.op("Unsqueeze", there, graph.integers(0))
        here = graph.op("Unsqueeze", here, graph.integers(1))
        begun = graph.op("GreaterOrEqual", there, graph.integer(0))
        causal = graph.op("And", begun, graph.op("LessOrEqual", there, here))
        near = graph.op("Greater", there, graph.op("Sub", here, graph.integer(window)))
        return graph.op("Where", graph.op("And", causal, near), graph.number(0.0), graph.number(-np.inf))

    # -- codebooks, channels last ---------------------------------------------------------------------------------

    def books(self) -> list[str]:
        return ["quantizer.semantic", *(f"quantizer.residual.{k}" for k in range(self.config.num_codebooks - 1))]

    def projection(self, name: str) -> Floats:
        """A 1 x 1 convolution's weight as a matrix [out, in]."""
        return self.table[f"{name}.weight"].read()[..., 0]
