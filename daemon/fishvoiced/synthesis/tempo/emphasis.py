"""Which moments of speech carry its words: where the spectrum changes. For shortening the others more. Pure.

People who speak fast shorten vowels and pauses more than consonants and the transitions between sounds (after Covell,
Withgott and Slaney, "Mach1: nonuniform time-scale modification of speech", ICASSP 1998; the measure is simpler here).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fishvoiced.synthesis.audio import Samples

HOP_SECONDS = 0.010
SMOOTHED = 5
"""Hops whose changes count for the one in their middle."""
BANDS = 24
LOWEST_HERTZ, HIGHEST_HERTZ = 100.0, 8000.0
FAINTEST = 1e-7
"""Power of a band, of full scale's: changes below are not heard."""
EXPONENT = 0.5
MIN_CHANGE, MAX_CHANGE = 0.3, 2.5  # of the usual
FIRST_USUAL = 0.9
MEMORY_HOPS = 200.0
"""So long a stretch decides what is usual for a voice."""

Weights = NDArray[np.float64]


class Emphasis:
    """Sound in pieces of any size → a weight for every hop of it, about 1 on average; the same for any pieces."""

    def __init__(self, sample_rate: int) -> None:
        self.hop = round(HOP_SECONDS * sample_rate)
        self._window = np.hanning(2 * self.hop + 2)[1:-1]
        frequencies = np.fft.rfftfreq(2 * self.hop, 1 / sample_rate)
        top = min(HIGHEST_HERTZ, sample_rate / 2)
        edges = np.searchsorted(frequencies, np.geomspace(LOWEST_HERTZ, top, BANDS + 1))
        self._edges = np.unique(edges)
        self._scale = 1 / np.square(self._window.sum() / 2)
        self._sound = np.zeros(self.hop // 2, np.float64)  # a frame is centered on its hop
        self._spectra = np.zeros((0, len(self._edges) - 1))
        self._changes: Weights = np.zeros(0)
        self._usual, self._mean = FIRST_USUAL, 1.0

    def push(self, samples: Samples) -> Weights:
        """The weights that have become known."""
        self._sound = np.concatenate([self._sound, samples])
        count = len(self._sound) // self.hop - 1
        if count <= 0:
            return np.zeros(0)
        frames = np.lib.stride_tricks.sliding_window_view(self._sound, 2 * self.hop)[:: self.hop][:count]
        self._sound = self._sound[count * self.hop :]
        power = np.square(np.abs(np.fft.rfft(frames * self._window, axis=1))) * self._scale
        bands = np.add.reduceat(power[:, : self._edges[-1]], self._edges[:-1], axis=1)
        spectra = np.log(bands + FAINTEST)
        if not len(self._spectra):
            spectra = np.concatenate([spectra[:1], spectra])  # nothing changes before the beginning
        self._spectra = np.concatenate([self._spectra, spectra])
        changes = np.abs(self._spectra[2:] - self._spectra[:-2]).mean(1)
        self._spectra = self._spectra[-2:]
        if not len(self._changes):
            changes = np.concatenate([np.zeros(SMOOTHED // 2), changes])
        self._changes = np.concatenate([self._changes, changes])
        known = max(0, len(self._changes) - SMOOTHED + 1)
        parts = [self._changes[place : place + known] for place in range(SMOOTHED)]
        self._changes = self._changes[known:]
        return np.array([self._weight(float(change)) for change in np.mean(parts, axis=0)])

    def finish(self) -> Weights:
        """The weights of the rest, as if silence followed."""
        return self.push(np.zeros((SMOOTHED // 2 + 2) * self.hop, np.float32))

    def _weight(self, change: float) -> float:
        weight = math.pow(min(max(change / self._usual, MIN_CHANGE), MAX_CHANGE), EXPONENT)
        if change > MIN_CHANGE * self._usual:
            self._usual += (change - self._usual) / MEMORY_HOPS
        self._mean += (weight - self._mean) / MEMORY_HOPS
        return weight / self._mean
