"""Samples, and the PCM bytes that are sent."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from fishvoice.protocol import SampleFormat

Samples: TypeAlias = NDArray[np.float32]
"""Mono sound [samples] within ±1."""


def to_pcm(samples: Samples, form: SampleFormat) -> bytes:
    """Mono samples [n] within ±1 as little-endian PCM; what is beyond ±1 is clipped, NaN becomes silence."""
    clean = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0)
    if form == "f32le":
        return clean.astype("<f4").tobytes()
    return (np.clip(clean, -1.0, 1.0) * 32767.0).round().astype("<i2").tobytes()
