"""Sound at another rate, on its way to an encoder. The door to soxr."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray

from fishvoice.encoding.base import Encoder


class Resampled:
    """A filter that keeps its state from piece to piece (libsoxr's HQ: 46 ms behind at 44.1 kHz).

    In float32, because in 16 bits libsoxr dithers, every time differently: the same seed would not be the same sound.
    """

    def __init__(self, from_rate: int, to_rate: int, then: Encoder) -> None:
        self._stream = soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32", quality="HQ")
        self._then = then

    def write(self, pcm: bytes) -> None:
        self._then.write(self._resampled(pcm, last=False))

    def finish(self) -> None:
        self._then.write(self._resampled(b"", last=True))
        self._then.finish()

    def _resampled(self, pcm: bytes, *, last: bool) -> bytes:
        samples = np.frombuffer(pcm, "<i2").astype("f4")
        made = np.rint(self._stream.resample_chunk(samples, last=last))
        return bytes(np.clip(made, -32768, 32767).astype("<i2").tobytes())


def resampled(samples: NDArray[np.float32], from_rate: int, to_rate: int) -> NDArray[np.float32]:
    """All of a sound at another rate."""
    made: NDArray[np.float32] = soxr.resample(samples, from_rate, to_rate, quality="HQ")
    return made
