"""The layers behind the decoder's quantizer in 8 bits, as graph operators.

Layout is channels-last, [1, T, C]: ONNX Runtime's int8 convolution wants it so, and a transposed convolution's phases
are then in order as they come. The sum that runs through the residual units stays float32, counted in a table's steps.
The last convolution, which costs little, stays float32 altogether.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fishvoiced.backends.fish.checkpoint.tensors import Floats, Table
from fishvoiced.backends.fish.config import CodecConfig
from fishvoiced.backends.fish.convert.codec_layers import CodecGraph, Stream
from fishvoiced.backends.fish.convert.decoder import DILATIONS, write_decoder
from fishvoiced.backends.fish.convert.graph import Array, Graph
from fishvoiced.backends.fish.convert.transformer import FLOAT, INT32, LARGEST, UINT8
from fishvoiced.backends.fish.quantize.codec_int8 import LevelConvolution, LevelProduct, SnakeTable
from fishvoiced.backends.fish.quantize.qparams import MIDDLE, STEPS, MinMaxObserver, QParams, Spans, TableScale
from fishvoiced.backends.fish.types import Codes

if TYPE_CHECKING:
    from fishvoiced.backends.onnx_sessions import Runtime

BLOCK = 16
"""Frames that are decoded at a time while spans are observed."""


@dataclass(frozen=True)
class Int8Sound:
    """Latents [1, latent_dim, T] → samples [1, 1, T x frame_samples]: :func:`write_decoder`'s ``sound``."""

    spans: Spans

    def __call__(self, parts: CodecGraph, x: str) -> str:
        """A stage is what lies between two upsamplings; its residual units sum up in steps of one table."""
        rates = parts.config.decoder_rates
        levels = QParams.of(self.spans["decoder.0"][0])
        y = _entry(parts.graph, parts.channels_last(x), levels)
        layer = 0
        for stride, rate in zip((1, *rates), (*rates, None), strict=True):
            units = [layer + 1 + i for i in range(len(DILATIONS))] if layer else []
            snake = layer + 1 + len(units)
            counted = [f"decoder.{unit}.block.0" for unit in units] + [f"decoder.{snake}"]
            steps = TableScale.of([self.spans[name][0] for name in counted])
            y = self._product(parts, f"decoder.{layer}", y, levels, steps, stride)
            for unit, dilation in zip(units, DILATIONS, strict=bool(units)):
                y = self._residual_unit(parts, f"decoder.{unit}", y, steps, dilation)
            levels = QParams.of(self.spans[f"decoder.{snake}"][1])
            table = SnakeTable.of_steps(self._alpha(parts, f"decoder.{snake}"), steps, levels if rate else None)
            y = _look_up(parts.graph, f"decoder.{snake}", y, table)
            layer = snake + 1
        return _ending(parts, f"decoder.{layer}", y)

    def _residual_unit(self, parts: CodecGraph, name: str, x: str, steps: TableScale, dilation: int) -> str:
        first, second = f"{name}.block.0", f"{name}.block.2"
        inner, outer = (QParams.of(self.spans[snake][1]) for snake in (first, second))
        span = self.spans[second][0]
        y = _look_up(parts.graph, first, x, SnakeTable.of_steps(self._alpha(parts, first), steps, inner))
        weight, bias = _convolution(parts, f"{name}.block.1")
        y = _level_convolution(parts, f"{name}.block.1", y, LevelConvolution.of(weight, bias, inner, span), dilation)
        y = _look_up(parts.graph, second, y, SnakeTable.of_levels(self._alpha(parts, second), span, outer))
        y = self._product(parts, f"{name}.block.3", y, outer, steps, relative=True)
        return parts.graph.op("Add", x, y)

    def _product(
        self,
        parts: CodecGraph,
        name: str,
        x: str,
        levels: QParams,
        steps: TableScale,
        stride: int = 1,
        relative: bool = False,
    ) -> str:
        weight, bias = _convolution(parts, name)
        product = LevelProduct.of(weight, bias, levels, steps, stride, relative)
        return _level_product(parts, name, x, product, stride)

    @staticmethod
    def _alpha(parts: CodecGraph, name: str) -> Floats:
        return parts.table[f"{name}.alpha"].read()


def _convolution(parts: CodecGraph, name: str) -> tuple[Floats, Floats]:
    return parts.table[f"{name}.conv.weight"].read(), parts.table[f"{name}.conv.bias"].read()


def _entry(graph: Graph, x: str, levels: QParams) -> str:
    """[1, T, C] float32 → levels."""
    counted = graph.op("Mul", x, graph.constant(1 / levels.scale))
    return _floor(graph, graph.op("Add", counted, graph.number(levels.zero + 0.5)), 255.0, UINT8)


def _floor(graph: Graph, x: str, most: float, kind: int) -> str:
    return graph.op("Cast", graph.op("Clip", x, graph.number(0.0), graph.number(most)), to=kind)


def _look_up(graph: Graph, name: str, x: str, table: SnakeTable) -> str:
    index = _floor(graph, x, STEPS - 0.5, INT32) if table.counts_steps else graph.op("Cast", x, to=INT32)
    return graph.op("GatherElements", graph.weight(f"{name}.table", lambda: table.table), index, axis=1)


def _extend(parts: CodecGraph, x: str, channels: int, columns: int, zero: int) -> str:
    """Left context of levels; between calls it is kept as float32 with zero for ``zero``, as a stream begins."""
    if columns == 0:
        return x
    graph, stream, shape = parts.graph, parts.context, (1, columns, channels)
    assert isinstance(stream, Stream)
    past = graph.op("Cast", graph.op("Add", stream.take(shape), graph.number(zero)), to=UINT8)
    joined = graph.op("Concat", past, x, axis=1)
    last = graph.op("Cast", stream.last(joined, columns, 1), to=FLOAT)
    stream.keep(graph.op("Sub", last, graph.number(zero)), shape)
    return joined


def _level_convolution(parts: CodecGraph, name: str, x: str, conv: LevelConvolution, dilation: int) -> str:
    graph = parts.graph
    out, channels, kernel = conv.weight.shape
    joined = _extend(parts, x, channels, (kernel - 1) * dilation, conv.zero)
    one = graph.number(1.0)
    return graph.op(
        "QLinearConv",
        joined,
        one,
        _level(graph, conv.zero),
        graph.weight(f"{name}.weight", lambda: conv.weight),
        graph.weight(f"{name}.scale", lambda: conv.scale),
        graph.constant(np.zeros(out, np.int8)),
        one,
        _level(graph, MIDDLE),
        graph.weight(f"{name}.bias", lambda: conv.bias),
        channels_last=1,
        kernel_shape=[kernel],
        dilations=[dilation],
    )


def _level_product(parts: CodecGraph, name: str, x: str, product: LevelProduct, stride: int) -> str:
    graph, (height, out) = parts.graph, product.weight.shape
    joined = _extend(parts, x, height // product.taps, product.taps - 1, product.zero)
    if product.taps > 1:
        last = product.taps - 1
        shifted = [_columns(graph, joined, i, i - last) for i in range(product.taps)]
        joined = graph.op("Concat", *shifted, axis=2)
    y = graph.op(
        "MatMulIntegerToFloat",
        joined,
        graph.weight(f"{name}.weight", lambda: product.weight),
        graph.number(1.0),
        graph.weight(f"{name}.scale", lambda: product.scale),
        _level(graph, product.zero),
        graph.constant(np.zeros(out, np.int8)),
        graph.weight(f"{name}.bias", lambda: product.bias),
    )
    return y if stride == 1 else graph.op("Reshape", y, graph.integers(1, -1, out // stride))


def _columns(graph: Graph, x: str, begin: int, before_end: int, axis: int = 1) -> str:
    """Columns from ``begin`` on, without the last ``-before_end`` ones."""
    return graph.op("Slice", x, graph.integers(begin), graph.integers(before_end or LARGEST), graph.integers(axis))


def _level(graph: Graph, level: int) -> str:
    return graph.constant(np.array(level, np.uint8))


def _ending(parts: CodecGraph, name: str, x: str) -> str:
    """The last convolution, in float32: [1, T, C] → [1, 1, T].

    One output channel: the product with every tap at once reads the input once, and its few columns are then shifted
    against each other. Their left context is kept, not the input's.
    """
    graph = parts.graph
    weight, bias = _convolution(parts, name)
    last = weight.shape[2] - 1
    matrix = graph.weight(f"{name}.weight", lambda: weight[0])
    taps = parts.channels_first(graph.op("MatMul", x, matrix))
    taps = parts.context.extend(taps, (1, last + 1, last), 2)
    y = graph.constant(bias)
    for i in range(last + 1):
        row = graph.op("Gather", taps, graph.integer(i), axis=1)
        y = graph.op("Add", y, _columns(graph, row, i, i - last))
    return graph.op("Unsqueeze", y, graph.integers(1))


# -- the spans ------------------------------------------------------------------------------------------------


def observe(table: Table, config: CodecConfig, codes: Codes, folder: Path, runtime: Runtime) -> Spans:
    """What goes in and what comes out of the decoder's first convolution and of every Snake, while ``codes``
    int64 [num_codebooks, T] are decoded by a graph written into ``folder``."""
    watched: list[str] = []
    with Graph(folder, "observer", "fp32") as graph:

        def watch(name: str, x: str, y: str) -> None:
            watched.append(name)
            for end, value in (("in", x), ("out", y)):
                for kind in ("Min", "Max"):
                    extreme = graph.op(f"Reduce{kind}", value, graph.integers(0, 2), keepdims=0)
                    graph.output(f"{kind}.{end}.{name}", extreme, FLOAT, ["channels"])

        write_decoder(graph, table, config, watch=watch)
    from fishvoiced.backends.onnx_sessions import Session  # late: a checkpoint is imported for PyTorch without it

    session = Session(folder / "observer.onnx", runtime)
    spans: Spans = {name: (MinMaxObserver(), MinMaxObserver()) for name in watched}
    state: dict[str, Array] = {
        name: np.zeros(shape, np.float32) for name, shape in session.inputs.items() if name.startswith("past.")
    }
    for begin in range(0, codes.shape[1], BLOCK):
        feeds = {"codes": codes[None, :, begin : begin + BLOCK], "position": np.array([begin], np.int64), **state}
        results = dict(zip(session.outputs, session.run(feeds), strict=True))
        state = {name: results[name.replace("past", "present")] for name in state}
        for name, (entering, leaving) in spans.items():
            entering.include(results[f"Min.in.{name}"], results[f"Max.in.{name}"])
            leaving.include(results[f"Min.out.{name}"], results[f"Max.out.{name}"])
    return spans
