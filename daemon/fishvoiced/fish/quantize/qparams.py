"""Quantization parameters of the int8 decoder: scales, zero points, table scales, and their min/max observers.

The scales are fixed beforehand, from a decoding of codes that are typical of the model (:func:`observe`): scales fitted
at run time would depend on how the frames are cut into blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from fishvoiced.fish.network.codec import Codec, Snake, Stream

STEPS = 1024
"""TableScale of a table whose argument is float32: four times finer than the levels that come out of it."""
EVENNESS = 0.5
"""0: one scale for all channels; 1: each channel fills the levels, and its weights bear the difference."""
MIDDLE = 128
BLOCK = 16


@dataclass
class MinMaxObserver:
    """The least and the greatest value of each channel [C]; zero always lies between them.

    What goes beyond is cut off: that is rare, and costs less than a margin of coarser levels for all.
    """

    low: Tensor = field(default_factory=lambda: torch.zeros(()))
    high: Tensor = field(default_factory=lambda: torch.zeros(()))

    def include(self, x: Tensor) -> None:
        """``x`` [B, C, T]."""
        self.low = torch.minimum(self.low, x.amin((0, 2)))
        self.high = torch.maximum(self.high, x.amax((0, 2)))


@dataclass
class QParams:
    """Level q of a channel stands for (q - zero) x scale; ``scale`` [C] differs, ``zero`` (0 … 255) does not."""

    scale: Tensor
    zero: int

    @staticmethod
    def of(span: MinMaxObserver) -> QParams:
        reach = torch.maximum(-span.low, span.high).clamp(min=1e-6)
        shape = reach**EVENNESS
        low, high = (span.low / shape).min(), (span.high / shape).max()
        step = (high - low) / 255
        return QParams(shape * step, int((-low / step).round()))

    def round(self, x: Tensor) -> Tensor:
        return (x / self.scale + self.zero).round().clamp(0, 255).to(torch.uint8)


@dataclass
class TableScale:
    """Where float32 values are only looked up, they count in the table's steps: value x gain + zero, each [C].

    ``zero`` contains half a step, because an index is rounded downwards.
    """

    gain: Tensor
    zero: Tensor

    @staticmethod
    def of(spans: Sequence[MinMaxObserver]) -> TableScale:
        low = torch.stack([span.low for span in spans]).amin(0)
        high = torch.stack([span.high for span in spans]).amax(0)
        gain = (STEPS - 1) / (high - low).clamp(min=1e-6)
        return TableScale(gain, (-low * gain).round() + 0.5)

    def values(self) -> Tensor:
        """What each step stands for: [STEPS, C]."""
        return (torch.arange(STEPS)[:, None] - (self.zero - 0.5)) / self.gain


Spans = dict[nn.Module, tuple[MinMaxObserver, MinMaxObserver]]


@torch.no_grad()
def observe(codec: Codec, codes: Tensor) -> Spans:
    """What goes in and what comes out of the decoder's first convolution and of every Snake, while ``codes``
    int64 [1, num_codebooks, T] are decoded."""
    spans: Spans = {}

    def note(module: nn.Module, inputs: tuple[Tensor, Stream], output: Tensor) -> None:
        values = (inputs[0], output)
        for span, value in zip(spans.setdefault(module, (MinMaxObserver(), MinMaxObserver())), values, strict=True):
            span.include(value)

    watched = [codec.decoder[0], *(m for m in codec.decoder.modules() if isinstance(m, Snake))]
    hooks = [module.register_forward_hook(note) for module in watched]
    try:
        stream = Stream()
        for block in torch.split(codes, BLOCK, dim=2):
            codec.decode(block, stream)
            stream = Stream(stream.present, stream.position + block.shape[2])
    finally:
        for hook in hooks:
            hook.remove()
    return spans
