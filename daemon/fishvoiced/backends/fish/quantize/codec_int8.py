"""The numbers of the decoder in 8 bits: rounded weights, tables of Snakes, and the scales between them.

What a convolution reads is rounded to uint8 *levels* (see ``qparams.py``), its weights to int8 with one scale per
output channel. ``convert/decoder_int8.py`` makes the graph of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fishvoiced.backends.fish.checkpoint.tensors import Floats
from fishvoiced.backends.fish.quantize.qparams import LEAST, MIDDLE, STEPS, MinMaxObserver, QParams, TableScale

LEVELS = 256


def rounded_weight(weight: Floats, levels: QParams) -> tuple[NDArray[np.int8], Floats]:
    """A convolution's weight [out, in, kernel] as int8, and its scale [out], for inputs that count in ``levels``."""
    weight = weight * levels.scale[:, None]
    scale = np.maximum(np.abs(weight).max((1, 2)), np.float32(1e-12)) / np.float32(127)
    return np.rint(weight / scale[:, None, None]).astype(np.int8), scale


def own_levels(span: MinMaxObserver) -> tuple[Floats, Floats]:
    """Step and middle [C] of levels that each channel fills: what only a table reads need not have one zero."""
    return np.maximum(span.high - span.low, LEAST) / np.float32(255), (span.high + span.low) / np.float32(2)


def snake(alpha: Floats, x: Floats) -> Floats:
    """Snake of ``x`` [n, C]; ``alpha`` [1, C, 1]."""
    alpha = alpha.reshape(-1)
    half = np.float32(0.5) / (alpha + np.float32(1e-9))
    return x + (half - half * np.cos(np.float32(2) * alpha * x))


@dataclass(frozen=True)
class SnakeTable:
    """Snake as a table per channel [1, n, C]: of ``STEPS`` steps or 256 levels; it gives levels, or float32.

    ONNX Runtime computes a cosine on one thread, 2 ns each; three million of them a frame would be half the work.
    """

    table: NDArray[Any]

    @staticmethod
    def of_steps(alpha: Floats, steps: TableScale, levels: QParams | None) -> SnakeTable:
        """``levels`` None: float32 comes out."""
        values = snake(alpha, steps.values())
        return SnakeTable((values if levels is None else levels.round(values))[None])

    @staticmethod
    def of_levels(alpha: Floats, span: MinMaxObserver, levels: QParams) -> SnakeTable:
        step, middle = own_levels(span)
        x = (np.arange(LEVELS, dtype=np.float32)[:, None] - MIDDLE) * step + middle
        return SnakeTable(levels.round(snake(alpha, x))[None])

    @property
    def counts_steps(self) -> bool:
        return self.table.shape[1] == STEPS


@dataclass(frozen=True)
class LevelConvolution:
    """Levels in, levels out that fill a span in every channel: ``QLinearConv``."""

    weight: NDArray[np.int8]
    """[out, in, kernel]."""
    bias: NDArray[np.int32]
    scale: Floats
    zero: int

    @staticmethod
    def of(weight: Floats, bias: Floats, levels: QParams, span: MinMaxObserver) -> LevelConvolution:
        rounded, scale = rounded_weight(weight, levels)
        step, middle = own_levels(span)
        counted = np.rint((bias - middle) / scale).astype(np.int32)
        return LevelConvolution(rounded, counted, scale / step, levels.zero)


@dataclass(frozen=True)
class LevelProduct:
    """A convolution as a matrix product: levels in, float32 steps out, ``stride`` columns for each one in."""

    weight: NDArray[np.int8]
    """[taps x in, stride x out]."""
    bias: Floats
    scale: Floats
    zero: int
    taps: int

    @staticmethod
    def of(
        weight: Floats, bias: Floats, levels: QParams, steps: TableScale, stride: int = 1, relative: bool = False
    ) -> LevelProduct:
        """``relative``: what comes out is added to something that counts in the same steps already."""
        rounded, scale = rounded_weight(weight, levels)
        # Output channels are ordered [stride, channel]: the columns of one input column follow each other.
        gain = np.tile(steps.gain, stride)
        zero = np.zeros_like(gain) if relative else np.tile(steps.zero, stride)
        flat = np.ascontiguousarray(rounded.transpose(2, 1, 0).reshape(-1, rounded.shape[0]))
        return LevelProduct(flat, bias * gain + zero, scale * gain, levels.zero, weight.shape[2])
