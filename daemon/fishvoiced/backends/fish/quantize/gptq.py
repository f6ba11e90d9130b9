"""4-bit weights by GPTQ: each input's rounding error is compensated in the weights of the inputs after it.

GPTQ (Frantar et al. 2023): the inputs of a layer go through a matrix one after the other; what rounding one input's
weights does to the results is made up for by the weights of the inputs still to come, as far as those inputs are
correlated with it, in what the model reads and says itself.
"""

from __future__ import annotations

from concurrent.futures import Executor

import numpy as np
from numpy.typing import NDArray

from fishvoiced.backends.fish.checkpoint.tensors import Floats
from fishvoiced.backends.fish.quantize.weights import Packed, block_size, finest_scale, packed_levels

DAMPING = 0.5
"""Of the inputs' mean square, added to each one's: a few sentences do not tell which inputs always go together."""
MIDDLE = 8
CHOLESKY_BLOCK, CHOLESKY_PANEL = 128, 256
GROUP = 16
"""Inputs whose errors are spread one by one; to all behind them their errors go in one product."""
OUTPUTS = 1024
"""Outputs of a piece of work: each output is rounded by itself, so that pieces can be done side by side."""


def compensated(weight: Floats, inputs: Floats, pool: Executor) -> Packed:
    """``weight`` [out, in] rounded to 4 bits in blocks; ``inputs`` [n, in] are what goes through it."""
    spread = error_spread(inputs)
    pieces = [weight[begin : begin + OUTPUTS] for begin in range(0, len(weight), OUTPUTS)]
    rounded = list(pool.map(lambda piece: _rounded(piece, spread), pieces))
    levels = np.concatenate([levels for levels, _ in rounded])
    scales = np.concatenate([scales for _, scales in rounded])
    block = block_size(weight.shape[1])
    return Packed(packed_levels(levels.reshape(len(weight), -1, block), 4), scales, block)


def error_spread(inputs: Floats) -> Floats:
    """Upper triangular [in, in]; row i, divided by its i-th entry: how input i's error goes to those behind it.

    It is the Cholesky factor of the inverse of the inputs' damped second moment. They are fewer than a wide matrix has
    columns, so that the inverse comes from the smaller matrix of their products with each other.
    """
    count, width = inputs.shape
    mean = np.maximum(np.square(inputs).sum(dtype=np.float64) / width, 1e-12)
    x = inputs / np.float32(np.sqrt(DAMPING * mean))  # the damping is 1 then
    if count < width:  # (1 + XᵀX)⁻¹ = 1 - Xᵀ(1 + XXᵀ)⁻¹X
        y = inverted(cholesky(x @ x.T + np.eye(count, dtype=np.float32))) @ x
        inverse = -(y.T @ y)
        inverse[np.diag_indices(width)] += 1
    else:
        y = inverted(cholesky(x.T @ x + np.eye(width, dtype=np.float32)))
        inverse = y.T @ y
    return np.ascontiguousarray(cholesky(inverse).T)


def cholesky(matrix: Floats) -> Floats:
    """The lower triangular L with L Lᵀ = ``matrix``, by blocks: nearly all of it is products, several times as fast as
    LAPACK's on one thread."""
    left = matrix.copy()
    for begin in range(0, len(left), CHOLESKY_BLOCK):
        end = begin + CHOLESKY_BLOCK
        left[begin:end, begin:end] = np.linalg.cholesky(left[begin:end, begin:end])
        left[begin:end, end:] = 0
        below = left[end:, begin:end] @ np.linalg.inv(left[begin:end, begin:end]).T
        left[end:, begin:end] = below
        for first in range(end, len(left), CHOLESKY_PANEL):
            rows = below[first - end : first - end + CHOLESKY_PANEL]
            left[first : first + CHOLESKY_PANEL, end : first + len(rows)] -= rows @ below[: first - end + len(rows)].T
    return left


def inverted(lower: Floats) -> Floats:
    """The inverse of a lower triangular matrix, by halves: again products, mostly."""
    half = len(lower) // 2
    if half < CHOLESKY_BLOCK:
        inverse: Floats = np.linalg.inv(lower)
        return inverse
    above, below = inverted(lower[:half, :half]), inverted(lower[half:, half:])
    result = np.zeros_like(lower)
    result[:half, :half], result[half:, half:] = above, below
    result[half:, :half] = -(below @ (lower[half:, :half] @ above))
    return result


def _rounded(weight: Floats, spread: Floats) -> tuple[NDArray[np.int8], Floats]:
    """Levels [out, in] and scales [out, blocks] of some outputs."""
    left = np.ascontiguousarray(weight.T)  # [in, out]: what is still to be rounded
    size, (width, out) = block_size(len(left)), left.shape
    levels = np.empty((width, out), np.int8)
    scales = np.empty((width // size, out), np.float32)
    errors = np.empty((size, out), np.float32)
    shares = spread / np.diagonal(spread)[:, None]
    for begin in range(0, width, size):
        end = begin + size
        scale = finest_scale(np.ascontiguousarray(left[begin:end].T))[:, 0]
        inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale != 0)
        scales[begin // size] = scale
        for first in range(begin, end, GROUP):
            behind = first + GROUP
            for i in range(first, behind):
                level = np.rint(left[i] * inverse)
                np.maximum(level, -MIDDLE, out=level)
                np.minimum(level, MIDDLE - 1, out=level)
                levels[i] = level
                error = np.subtract(left[i], level * scale, out=errors[i - begin])
                left[i + 1 : behind] -= shares[i, i + 1 : behind, None] * error
            left[behind:end] -= shares[first:behind, behind:end].T @ errors[first - begin : behind - begin]
        left[end:] -= shares[begin:end, end:].T @ errors
    return np.ascontiguousarray(levels.T), np.ascontiguousarray(scales.T)
