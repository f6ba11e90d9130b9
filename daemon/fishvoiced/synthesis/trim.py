"""Silence that a voice leaves at a segment's edges, taken off where the writer has put an exact pause."""

from __future__ import annotations

import numpy as np

from fishvoiced.synthesis.audio import Samples

QUIET = 0.01
"""Samples below this are silence."""
KEPT_SECONDS = 0.01
"""So much of it stays: a consonant's onset, the end of a fade."""


class EdgeTrimmer:
    """One segment's sound, without the silence at its ``start`` and ``end``. ``dropped``: samples taken off in
    front."""

    def __init__(self, sample_rate: int, *, start: bool, end: bool) -> None:
        self._keep = round(KEPT_SECONDS * sample_rate)
        self._waiting = start  # for the first sound
        self._trims_end = end
        self._held: Samples = np.zeros(0, np.float32)
        self.dropped = 0

    def push(self, samples: Samples) -> Samples:
        """More sound → what is certain to stay."""
        if not self._waiting and not self._trims_end:
            return samples
        sound = np.concatenate([self._held, samples])
        loud = np.flatnonzero(np.abs(sound) >= QUIET)
        if self._waiting:
            if len(loud) == 0:
                self._drop(sound, max(0, len(sound) - self._keep))
                return sound[:0]
            first = max(0, int(loud[0]) - self._keep)
            self._drop(sound, first)
            self._waiting = False
            sound, loud = sound[first:], loud - first
        stop = len(sound) if not self._trims_end else int(loud[-1]) + 1 if len(loud) else 0
        self._held = sound[stop:]
        return sound[:stop]

    def finish(self) -> Samples:
        """The rest, where the segment ends."""
        return self._held[: self._keep]

    def _drop(self, sound: Samples, count: int) -> None:
        self.dropped += count
        self._held = sound[count:]
