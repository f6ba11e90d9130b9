"""The codec's decoder in 8 bits: modules that take the places of ``codec.py``'s behind the quantizer.

What a convolution reads is rounded to uint8 *levels* (see ``levels.py``), its weights to int8 with one scale per output
channel. The sum that runs through the residual units stays float32.

Layout is channels-last, [B, T, C]: ONNX Runtime's int8 convolution wants it so, and a transposed convolution's phases
are then in order as they come. Every module runs in torch as well, with the same levels.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fishvoiced.fish.network.codec import CausalConv, CausalTransposedConv, Codec, ResidualUnit, Snake, Stream, run
from fishvoiced.fish.network.layers import MS_DOMAIN
from fishvoiced.fish.quantize.qparams import MIDDLE, STEPS, MinMaxObserver, QParams, Spans, TableScale


@torch.no_grad()
def in_int8(codec: Codec, spans: Spans) -> Codec:
    """The codec with its decoder in 8 bits; all but the last convolution, which costs little, and what it reads."""
    rounded = copy.copy(codec)
    rounded._modules = dict(codec._modules)
    rounded.decoder = nn.ModuleList(_layers(codec.decoder, spans))
    return rounded


def _layers(layers: nn.ModuleList, spans: Spans) -> Iterator[nn.Module]:
    first, *middle, last = layers
    assert isinstance(first, CausalConv)
    levels = QParams.of(spans[first][0])
    yield Entry(levels)
    # A stage is what lies between two upsamplings; its residual units sum up in steps of one table for all of them.
    stages = list(_stages(middle))
    conv: CausalConv | CausalTransposedConv = first
    for units, snake, upsampling in stages:
        steps = TableScale.of([spans[s][0] for s in (*(unit.block[0] for unit in units), snake)])
        yield Product(conv, levels, steps)
        for unit in units:
            yield Residual(unit, spans, steps)
        if upsampling is not None:
            levels, conv = QParams.of(spans[snake][1]), upsampling
            yield Lookup.of_steps(snake, steps, levels)
        else:
            yield Lookup.exact(snake, steps)
    yield Ending(last)


def _stages(
    layers: Sequence[nn.Module],
) -> Iterator[tuple[list[ResidualUnit], Snake, CausalTransposedConv | None]]:
    """The residual units after a convolution, the Snake behind them, and the next stage's convolution."""
    units: list[ResidualUnit] = []
    rest = iter(layers)
    for layer in rest:
        if isinstance(layer, ResidualUnit):
            units.append(layer)
        elif isinstance(layer, Snake):
            upsampling = next(rest, None)
            assert upsampling is None or isinstance(upsampling, CausalTransposedConv)
            yield units, layer, upsampling
            units = []
        else:
            raise TypeError(f"a decoder has no {type(layer).__name__}")


class Entry(nn.Module):
    """[B, C, T] float32 → levels [B, T, C]."""

    gain: Tensor

    def __init__(self, levels: QParams) -> None:
        super().__init__()
        self.zero = levels.zero
        self.register_buffer("gain", 1 / levels.scale)

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        x = x.transpose(1, 2) * self.gain + (self.zero + 0.5)
        return x.clamp(0.0, 255.0).to(torch.uint8)


class Residual(nn.Module):
    """A residual unit; ``x`` float32 [B, T, C], counted in steps."""

    def __init__(self, unit: ResidualUnit, spans: Spans, steps: TableScale) -> None:
        super().__init__()
        first, conv, second, product = unit.block
        assert isinstance(first, Snake) and isinstance(second, Snake)  # noqa: PT018
        assert isinstance(conv, CausalConv) and isinstance(product, CausalConv)  # noqa: PT018
        a, c = (QParams.of(spans[snake][1]) for snake in (first, second))
        span = spans[second][0]
        self.block = nn.ModuleList(
            [
                Lookup.of_steps(first, steps, a),
                Convolution(conv, a, span),
                Lookup.of_levels(second, span, c),
                Product(product, c, replace(steps, zero=torch.zeros(()))),
            ]
        )

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        return x + run(self.block, x, stream)


class Lookup(nn.Module):
    """Snake as a table per channel: steps or levels in; levels out, or float32.

    ONNX Runtime computes a cosine on one thread, 2 ns each; three million of them a frame would be half the work.
    """

    table: Tensor

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.register_buffer("table", table[None])

    @staticmethod
    def of_steps(snake: Snake, steps: TableScale, levels: QParams) -> Lookup:
        return Lookup(levels.round(_snake(snake, steps.values())))

    @staticmethod
    def exact(snake: Snake, steps: TableScale) -> Lookup:
        return Lookup(_snake(snake, steps.values()))

    @staticmethod
    def of_levels(snake: Snake, span: MinMaxObserver, levels: QParams) -> Lookup:
        step, middle = _own_levels(span)
        table = _snake(snake, (torch.arange(256)[:, None] - MIDDLE) * step + middle)
        return Lookup(levels.round(table))

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        if x.dtype == torch.float32:
            x = x.clamp(0.0, STEPS - 0.5)
        index = x.to(torch.int32)  # rounds downwards: see TableScale
        if torch.onnx.is_in_onnx_export():
            looked_up: Tensor = torch.onnx.ops.symbolic(  # torch's own gather wants int64, twice the memory
                "GatherElements", (self.table, index), {"axis": 1}, dtype=self.table.dtype, shape=index.shape
            )
            return looked_up
        return self.table.expand(x.shape[0], -1, -1).gather(1, index.long())


def _snake(snake: Snake, x: Tensor) -> Tensor:
    """``x`` [steps, C]."""
    y: Tensor = snake(x.T[None], Stream())
    return y[0].T


def _own_levels(span: MinMaxObserver) -> tuple[Tensor, Tensor]:
    """Step and middle [C] of levels that each channel fills: what only a table reads need not have one zero."""
    return ((span.high - span.low).clamp(min=1e-6) / 255, (span.high + span.low) / 2)


def _round_weight(conv: nn.Conv1d, levels: QParams) -> tuple[Tensor, Tensor, Tensor]:
    """Weight int8 [out, in, kernel] and its scale [out], for inputs that count in levels, and bias [out]."""
    assert conv.bias is not None
    weight = conv.weight * levels.scale[:, None]
    scale = weight.abs().amax((1, 2)).clamp(min=1e-12) / 127
    return (weight / scale[:, None, None]).round().to(torch.int8), scale, conv.bias.clone()


def _extend(x: Tensor, columns: int, zero: int, stream: Stream) -> Tensor:
    """Left context of levels; between calls it is kept as float32 with zero for ``zero``, as a stream begins."""
    if columns == 0:
        return x
    past = stream.take(x, columns, dim=1, dtype=torch.float32)
    joined = torch.cat([(past + zero).to(torch.uint8), x], dim=1)
    stream.present.append(joined.narrow(1, joined.shape[1] - columns, columns).float() - zero)
    return joined


class Convolution(nn.Module):
    """QParams in, levels out that fill ``span`` in every channel."""

    weight: Tensor
    bias: Tensor
    scale: Tensor

    def __init__(self, conv: CausalConv, levels: QParams, span: MinMaxObserver) -> None:
        super().__init__()
        self.context, self.dilation, self.zero = conv.context, conv.conv.dilation[0], levels.zero
        weight, scale, bias = _round_weight(conv.conv, levels)
        step, middle = _own_levels(span)
        self.register_buffer("weight", weight)
        self.register_buffer("bias", ((bias - middle) / scale).round().to(torch.int32))
        self.register_buffer("scale", scale / step)

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        joined = _extend(x, self.context, self.zero, stream)
        out, _, kernel = self.weight.shape
        if torch.onnx.is_in_onnx_export():
            one = torch.ones(())
            y: Tensor = torch.onnx.ops.symbolic(
                f"{MS_DOMAIN}::QLinearConv",
                (
                    joined,
                    one,
                    torch.tensor(self.zero, dtype=torch.uint8),
                    self.weight,
                    self.scale,
                    torch.zeros(out, dtype=torch.int8),
                    one,
                    torch.tensor(MIDDLE, dtype=torch.uint8),
                    self.bias,
                ),
                {"channels_last": 1, "kernel_shape": [kernel], "dilations": [self.dilation]},
                dtype=torch.uint8,
                shape=(x.shape[0], x.shape[1], out),
                version=1,
            )
            return y
        sums = F.conv1d(
            (joined.float() - self.zero).transpose(1, 2), self.weight.float(), self.bias.float(), dilation=self.dilation
        )
        return ((sums.transpose(1, 2) * self.scale).round() + MIDDLE).clamp(0, 255).to(torch.uint8)


class Product(nn.Module):
    """A convolution as a matrix product: levels in, float32 steps out, ``stride`` columns for each one in."""

    weight: Tensor
    bias: Tensor
    scale: Tensor

    def __init__(self, conv: CausalConv | CausalTransposedConv, levels: QParams, steps: TableScale) -> None:
        super().__init__()
        self.context, self.zero = conv.context, levels.zero
        self.stride = conv.stride if isinstance(conv, CausalTransposedConv) else 1
        weight, scale, bias = _round_weight(conv.conv, levels)
        self.taps = weight.shape[2]
        # Output channels are ordered [stride, channel]: the columns of one input column follow each other.
        gain, zero = (t.expand(len(steps.gain)).repeat(self.stride) for t in (steps.gain, steps.zero))
        self.register_buffer("weight", weight.permute(2, 1, 0).flatten(0, 1).contiguous())
        self.register_buffer("scale", scale * gain)
        self.register_buffer("bias", bias * gain + zero)

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        batch, columns, _ = x.shape
        joined = _extend(x, self.context, self.zero, stream)
        taps = torch.cat([joined.narrow(1, i, columns) for i in range(self.taps)], dim=2)
        out = self.scale.shape[0]
        if torch.onnx.is_in_onnx_export():
            y = torch.onnx.ops.symbolic(
                f"{MS_DOMAIN}::MatMulIntegerToFloat",
                (
                    taps,
                    self.weight,
                    torch.ones(()),
                    self.scale,
                    torch.tensor(self.zero, dtype=torch.uint8),
                    torch.zeros(out, dtype=torch.int8),
                    self.bias,
                ),
                dtype=torch.float32,
                shape=(batch, columns, out),
                version=1,
            )
        else:
            y = (taps.float() - self.zero) @ self.weight.float() * self.scale + self.bias
        return y.reshape(batch, columns * self.stride, -1)


class Ending(nn.Module):
    """The last convolution, in float32: [B, T, C] → [B, 1, T].

    One output channel: the product with every tap at once reads the input once, and its few columns are then shifted
    against each other. Their left context is kept, not the input's.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, conv: nn.Module) -> None:
        super().__init__()
        assert isinstance(conv, CausalConv)
        assert conv.conv.bias is not None
        self.context = conv.context
        self.register_buffer("weight", conv.conv.weight[0].clone())  # [C, kernel]
        self.register_buffer("bias", conv.conv.bias.clone())

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        columns = x.shape[1]
        taps = stream.extend((x @ self.weight).transpose(1, 2), self.context)
        y = self.bias
        for i in range(self.context + 1):
            y = y + taps[:, i, i : i + columns]
        return y[:, None]
