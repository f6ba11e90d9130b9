"""What the fast AR is told besides the slow AR's output: sampling options, random draws, recent frames.

Upstream's repetition penalty (fish-speech 0.1.0) has quirks that parity depends on, and they are kept:

- The first frame of a generation is neither penalized nor ever looked back at.
- The window is the last 16 frames; before there are 16, the empty places count as code 0.
- Of the semantic codebook only the window's oldest entry is penalized, of the others every entry.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fishvoiced.backends.fish.types import Codes, SamplingOptions

Array: TypeAlias = NDArray[Any]

WINDOW = 16
NONE = -1


def empty_inputs(num_codebooks: int, rows: int = 1) -> dict[str, Array]:
    """What the fast AR is told of ``rows`` streams, by its inputs' names."""
    window = np.zeros((rows, num_codebooks + 1, WINDOW), np.int64)
    window[:, 0] = NONE
    steering = {name: np.ones(rows, np.float32) for name in ("temperature", "top_p", "repetition_penalty")}
    return {"history": window, "uniforms": np.zeros((rows, num_codebooks), np.float32), **steering}


class SamplingState:
    """Updates the arrays in ``inputs``, those of one stream, in place: an engine may bind them once."""

    def __init__(
        self,
        num_codebooks: int,
        max_frames: int,
        sampling: SamplingOptions,
        seed: int,
        inputs: dict[str, Array] | None = None,
    ) -> None:
        self.inputs = empty_inputs(num_codebooks) if inputs is None else inputs
        self._random = np.random.Generator(np.random.Philox(seed))
        self._frames = np.zeros((num_codebooks + 1, max_frames + WINDOW), np.int64)
        self._frames[0] = NONE
        self._count = -1  # frames in the window's reach; the first one is not
        self._penalty = bfloat16(sampling.repetition_penalty)
        self.inputs["temperature"][:] = bfloat16(sampling.temperature)
        self.inputs["top_p"][:] = bfloat16(sampling.top_p)
        self._window, self._uniforms = self.inputs["history"][0], self.inputs["uniforms"][0]
        self._window[:] = 0
        self._window[0] = NONE
        self._penalty_now = self.inputs["repetition_penalty"]
        self._penalty_now[:] = 1

    def next_frame(self) -> None:
        """Make ready for the next frame: new draws, the window as it is now."""
        self._random.random(out=self._uniforms, dtype=np.float32)
        if self._count >= 0:
            start = max(0, self._count - WINDOW)
            np.copyto(self._window, self._frames[:, start : start + WINDOW])
            self._penalty_now[0] = self._penalty

    def add(self, codes: Codes) -> None:
        """Note a frame's codes [num_codebooks]."""
        if self._count >= 0:
            self._frames[0, self._count] = codes[0]
            self._frames[1:, self._count] = codes
        self._count += 1


def bfloat16(value: float) -> float:
    """``value`` rounded to bfloat16 (to nearest, ties to even), as upstream holds its sampling options."""
    bits = int(np.float32(value).view(np.uint32))
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    return float(np.uint32(rounded).view(np.float32))
