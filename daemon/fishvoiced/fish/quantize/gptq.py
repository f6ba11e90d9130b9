"""4-bit weights by GPTQ: each input's rounding error is compensated in the weights of the inputs after it.

GPTQ (Frantar et al. 2023): the inputs of a layer go through a matrix one after the other; what rounding one input's
weights does to the results is made up for by the weights of the inputs still to come, as far as those inputs are
correlated with it, in what the model reads and says itself.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from fishvoiced.fish.checkpoint.tensors import Floats
from fishvoiced.fish.quantize.weights import Packed, block_size, finest_scale, packed_levels, to_levels

DAMPING = np.float32(0.5)
"""Of the inputs' mean square, added to each one's: a few sentences do not tell which inputs always go together."""
MIDDLE = 8
GROUP = 16
"""Inputs whose errors are spread one by one; to all behind them their errors go in one product."""
OUTPUTS = 512
"""Outputs of a piece of work: each output is rounded by itself, so that pieces can be done side by side."""


def compensated(weight: Floats, moment: Floats) -> Packed:
    """``weight`` [out, in] rounded to 4 bits in blocks; ``moment`` [in, in]: the sum of the inputs' outer products."""
    spread = error_spread(moment)
    pieces = [weight[begin : begin + OUTPUTS] for begin in range(0, len(weight), OUTPUTS)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        rounded = list(pool.map(lambda piece: _rounded(piece, spread), pieces))
    levels = np.concatenate([levels for levels, _ in rounded])
    scales = np.concatenate([scales for _, scales in rounded])
    block = block_size(weight.shape[1])
    return Packed(packed_levels(levels.reshape(len(weight), -1, block), 4), scales, block)


def error_spread(moment: Floats) -> Floats:
    """Upper triangular [in, in]; row i: how input i's error is best spread over itself and those behind it."""
    mean = np.maximum(np.diagonal(moment).mean(), np.float32(1e-12))
    damped = moment + np.eye(len(moment), dtype=np.float32) * (DAMPING * mean)
    return np.ascontiguousarray(np.linalg.cholesky(np.linalg.inv(damped)).T)


def _rounded(weight: Floats, spread: Floats) -> tuple[NDArray[np.int8], Floats]:
    """Levels [out, in] and scales [out, blocks] of some outputs."""
    left = np.ascontiguousarray(weight.T)  # [in, out]: what is still to be rounded
    size, (width, out) = block_size(len(left)), left.shape
    levels = np.empty((width, out), np.int8)
    scales = np.empty((width // size, out), np.float32)
    errors = np.empty((size, out), np.float32)
    for begin in range(0, width, size):
        end = begin + size
        scale = finest_scale(np.ascontiguousarray(left[begin:end].T))[:, 0]
        scales[begin // size] = scale
        for first in range(begin, end, GROUP):
            behind = first + GROUP
            for i in range(first, behind):
                levels[i] = to_levels(left[i], scale, MIDDLE)
                errors[i - begin] = (left[i] - levels[i] * scale) / spread[i, i]
                left[i + 1 : behind] -= spread[i, i + 1 : behind, None] * errors[i - begin]
            left[behind:end] -= spread[first:behind, behind:end].T @ errors[first - begin : behind - begin]
        left[end:] -= spread[begin:end, end:].T @ errors
    return np.ascontiguousarray(levels.T), np.ascontiguousarray(scales.T)
