"""The sound of one voice at the sample rate that was announced for another."""

from __future__ import annotations

import numpy as np
import soxr

from fishvoiced.synthesis.audio import Samples
from fishvoiced.synthesis.base import Rendering, TimedSamples


def at_rate(steps: Rendering, rate: int, wanted: int) -> Rendering:
    """The same ``steps``, which are at ``rate``, at ``wanted`` samples per second."""
    if rate == wanted:
        yield from steps
        return
    resampler = soxr.ResampleStream(rate, wanted, 1, dtype="float32")
    for step in steps:
        if isinstance(step, TimedSamples):
            yield TimedSamples(_resampled(resampler, step.samples), step.words)
        else:
            yield _resampled(resampler, step) if isinstance(step, np.ndarray) else step
    yield _resampled(resampler, np.zeros(0, np.float32), last=True)


def _resampled(resampler: soxr.ResampleStream, samples: Samples, *, last: bool = False) -> Samples:
    made: Samples = resampler.resample_chunk(samples, last=last)
    return made
