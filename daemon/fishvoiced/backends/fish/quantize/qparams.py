"""Quantization parameters of the int8 decoder: scales, zero points, table scales, and their min/max observers.

The scales are fixed beforehand, from a decoding of codes that are typical of the model: scales fitted at run time
would depend on how the frames are cut into blocks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from fishvoiced.backends.fish.checkpoint.tensors import Floats

STEPS = 1024
"""TableScale of a table whose argument is float32: four times finer than the levels that come out of it."""
EVENNESS = 0.5
"""0: one scale for all channels; 1: each channel fills the levels, and its weights bear the difference."""
MIDDLE = 128
LEAST = np.float32(1e-6)


@dataclass
class MinMaxObserver:
    """The least and the greatest value of each channel [C]; zero always lies between them.

    What goes beyond is cut off: that is rare, and costs less than a margin of coarser levels for all.
    """

    low: Floats = field(default_factory=lambda: np.zeros((), np.float32))
    high: Floats = field(default_factory=lambda: np.zeros((), np.float32))

    def include(self, low: Floats, high: Floats) -> None:
        """The extremes [C] of some more values."""
        self.low, self.high = np.minimum(self.low, low), np.maximum(self.high, high)


@dataclass
class QParams:
    """Level q of a channel stands for (q - zero) x scale; ``scale`` [C] differs, ``zero`` (0 … 255) does not."""

    scale: Floats
    zero: int

    @staticmethod
    def of(span: MinMaxObserver) -> QParams:
        reach = np.maximum(np.maximum(-span.low, span.high), LEAST)
        shape = reach**EVENNESS
        low, high = (span.low / shape).min(), (span.high / shape).max()
        step = (high - low) / 255
        return QParams((shape * step).astype(np.float32), int(np.rint(-low / step)))

    def round(self, x: Floats) -> NDArray[np.uint8]:
        return np.clip(np.rint(x / self.scale + self.zero), 0, 255).astype(np.uint8)


@dataclass
class TableScale:
    """Where float32 values are only looked up, they count in the table's steps: value x gain + zero, each [C].

    ``zero`` contains half a step, because an index is rounded downwards.
    """

    gain: Floats
    zero: Floats

    @staticmethod
    def of(spans: Sequence[MinMaxObserver]) -> TableScale:
        low = np.min([span.low for span in spans], axis=0)
        high = np.max([span.high for span in spans], axis=0)
        gain = ((STEPS - 1) / np.maximum(high - low, LEAST)).astype(np.float32)
        return TableScale(gain, (np.rint(-low * gain) + 0.5).astype(np.float32))

    def values(self) -> Floats:
        """What each step stands for: [STEPS, C]."""
        steps = np.arange(STEPS, dtype=np.float32)[:, None]
        return ((steps - (self.zero - np.float32(0.5))) / self.gain).astype(np.float32)


Spans: TypeAlias = Mapping[str, tuple[MinMaxObserver, MinMaxObserver]]
"""What goes in and what comes out of layers, by their names."""
