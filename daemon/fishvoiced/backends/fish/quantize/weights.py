"""Weight-only quantization of matrices.

Weights are rounded in blocks along the input axis, symmetric, one scale per block, and multiplied by ONNX Runtime's
``MatMulNBits`` with int8 activations (accuracy level 4). Decoding waits for memory, and scales are memory: blocks of
wide matrices are long, and what that costs is won back twice. A 4-bit block has the scale of least squared error among
several that clip its largest values; and heads, whose rounding decides between tokens, keep 8 bits.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST_BLOCK, SMALLEST_BLOCK = 128, 32
"""Weights that share a scale."""
LEAST_BLOCKS = 8
"""Scales of a row: a narrow matrix averages out less of its rounding and is soon read, so its blocks are shorter."""
CLIPPING = (1.0, 0.94, 0.88, 0.82, 0.75, 8 / 7, 8 / 6, 8 / 5)
"""The shares of a 4-bit block's range that are tried; those above 1 find weights that lie on a grid already, whose
largest is at level 7, 6 or 5."""
HEAD_BITS = 8
PIECE = 1 << 16
"""Weights that are rounded at a time: they fit a core's own cache, through which they go ten times."""


@dataclass(frozen=True)
class Packed:
    """``blocks`` uint8 [out, in / block, block x bits / 8]; ``scales`` float32 [out, in / block]."""

    blocks: NDArray[np.uint8]
    scales: NDArray[np.float32]
    block: int

    @property
    def shape(self) -> tuple[int, int]:
        """[out, in] of the matrix."""
        out, blocks = self.scales.shape
        return out, blocks * self.block


def pack(weight: NDArray[np.float32], bits: int) -> Packed:
    """Quantize ``weight`` [in, out], ``in`` a multiple of 32, to ``bits`` 4 or 8."""
    block = block_size(weight.shape[0])
    values = np.ascontiguousarray(weight.T).reshape(weight.shape[1], -1, block)
    rows = max(1, PIECE // weight.shape[0])
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        pieces = (values[begin : begin + rows] for begin in range(0, len(values), rows))
        blocks, scales = zip(*pool.map(lambda piece: _packed(piece, bits), pieces), strict=True)
    return Packed(np.concatenate(blocks), np.concatenate(scales), block)


def _packed(values: NDArray[np.float32], bits: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Blocks and scales of some outputs' ``values`` [out, blocks, block]."""
    middle = 1 << (bits - 1)
    scale = finest_scale(values) if bits == 4 else np.abs(values).max(-1, keepdims=True) / (middle - 1)
    return packed_levels(to_levels(values, scale, middle), bits), scale[..., 0].astype(np.float32)


def packed_levels(levels: NDArray[Any], bits: int) -> NDArray[np.uint8]:
    """Levels around 0 [out, blocks, block] as ``MatMulNBits`` stores them: from 0 on, two 4-bit ones in a byte."""
    stored = (levels + (1 << (bits - 1))).astype(np.uint8)
    return stored if bits == 8 else stored[..., 0::2] | stored[..., 1::2] << np.uint8(4)


def unpacked(packed: Packed, bits: int) -> NDArray[np.float32]:
    """The matrix [out, in] that rounded weights stand for."""
    stored = packed.blocks
    if bits == 4:
        stored = np.stack([stored & np.uint8(15), stored >> np.uint8(4)], axis=-1).reshape(*stored.shape[:2], -1)
    levels = stored.astype(np.float32) - (1 << (bits - 1))
    return (levels * packed.scales[..., None]).reshape(packed.shape)


def block_size(width: int) -> int:
    """How many of ``width`` inputs, a multiple of 32, share a scale: a power of two that divides it."""
    most = max(SMALLEST_BLOCK, min(LARGEST_BLOCK, width // LEAST_BLOCKS))
    return min(1 << most.bit_length() - 1, width & -width)


def to_levels(values: NDArray[np.float32], scale: NDArray[np.float32], middle: int) -> NDArray[np.float32]:
    """The nearest of ``2 * middle`` levels, -middle … middle - 1; 0 where the scale is."""
    inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale != 0)
    return np.clip(np.rint(values * inverse), -middle, middle - 1)


def finest_scale(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scales [out, blocks, 1] of 4-bit blocks.

    The value of largest magnitude maps to -8 or, clipped, would map beyond; whichever gives the least squared error,
    then fitted once more to the levels that it gave.
    """
    peak = np.take_along_axis(values, np.abs(values).argmax(-1)[..., None], -1)
    best, least = (peak / -8).astype(np.float32), np.full_like(peak, np.inf)
    for share in CLIPPING:
        scale = (peak * (share / -8)).astype(np.float32)
        error = np.square(to_levels(values, scale, 8) * scale - values).sum(-1, keepdims=True)
        best, least = np.where(error < least, scale, best), np.minimum(error, least)
    levels = to_levels(values, best, 8)
    square = np.square(levels).sum(-1, keepdims=True)
    return np.divide((levels * values).sum(-1, keepdims=True), square, out=np.zeros_like(best), where=square != 0)
