"""Silences in a sound, measured."""

from __future__ import annotations

import numpy as np

from fishvoiced.synthesis.audio import Samples


def silences(sound: Samples, rate: int, longer_than: float = 0.02) -> list[float]:
    """Seconds of every silence between two sounds."""
    loud = np.flatnonzero(np.abs(sound) > 0.01)
    gaps = np.diff(loud)
    return [float(gap) / rate for gap in gaps[gaps > longer_than * rate]]
