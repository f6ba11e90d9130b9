"""Several recordings of a voice as one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fishvoice.encoding.compressed import beginning
from fishvoice.encoding.formats import encoded
from fishvoice.encoding.resample import resampled
from fishvoice.errors import InvalidRequest

MOST_SECONDS = 30.0  # what a voice can follow, together
PAUSE_SECONDS = 0.3


def joined(recordings: Sequence[bytes]) -> bytes:
    """A WAV file of all ``recordings``, one after the other, at the first one's rate. Raises InvalidRequest."""
    rate, left = 0, MOST_SECONDS
    parts: list[NDArray[np.float32]] = []
    for recording in recordings:
        own_rate, samples = beginning(recording, left)
        rate = rate or own_rate
        left -= len(samples) / own_rate + PAUSE_SECONDS
        if left <= 0:
            raise InvalidRequest(f"the recordings have more than {MOST_SECONDS:g} s together: send fewer of them")
        parts += [resampled(samples, own_rate, rate), np.zeros(round(PAUSE_SECONDS * rate), np.float32)]
    sound = np.clip(np.concatenate(parts[:-1]), -1.0, 1.0)
    return encoded("wav", rate, np.rint(sound * 32767).astype("<i2").tobytes())
