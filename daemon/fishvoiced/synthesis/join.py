"""Segments' sound as one stretch: no click where two meet, and a pause fitting the punctuation between them."""

from __future__ import annotations

import re

import numpy as np

from fishvoiced.synthesis.audio import Samples

FADE_SECONDS = 0.004  # too short to be heard as a fade, long enough not to be heard as a click

# On top of the silence that the model itself leaves at a segment's end.
PARAGRAPH_PAUSE = 0.30
SENTENCE_PAUSE = 0.12
CLAUSE_PAUSE = 0.06
_PARAGRAPH = re.compile(r"\n[^\S\n]*\r?\n|\u2029")
_SENTENCE_END = re.compile(r"[.!?…。！？।؟።|:：][\"'”’»)\]」』）]*\s*$")
_CLAUSE_END = re.compile(r"[,;—–，、；،؛-][\"'”’»)\]」』）]*\s*$")


def pause_after(segment: str, gap: str) -> float:
    """Seconds of silence between ``segment`` and the next one, ``gap`` being the request's text between them.

    A segment that ends without punctuation was cut in the middle of a sentence and gets none, unless a line
    ended there (a heading, an item of a list).
    """
    if _PARAGRAPH.search(gap):
        return PARAGRAPH_PAUSE
    if "\n" in gap or _SENTENCE_END.search(segment):
        return SENTENCE_PAUSE
    return CLAUSE_PAUSE if _CLAUSE_END.search(segment) else 0.0


class Joiner:
    """Takes sound chunk by chunk, gives it back a fade's length later.

    What comes out is as long as what went in plus the pauses. ``fade_seconds`` 0 changes no sample.
    """

    def __init__(self, sample_rate: int, fade_seconds: float = FADE_SECONDS) -> None:
        self._sample_rate = sample_rate
        length = round(fade_seconds * sample_rate)
        # Raised cosine: smooth at both ends, and symmetrical, so that a fade-out is the same read backwards.
        self._fade: Samples = (np.sin(np.pi / 2 * (np.arange(length) + 0.5) / max(length, 1)) ** 2).astype(np.float32)
        self._faded_in = 0  # samples of the current segment that the fade-in has reached
        self._held: Samples = np.zeros(0, np.float32)

    def push(self, samples: Samples) -> Samples:
        """More of the current segment → what is sure not to be its end."""
        gain = self._fade[self._faded_in : self._faded_in + len(samples)]
        self._faded_in += len(gain)
        faded = np.concatenate([samples[: len(gain)] * gain, samples[len(gain) :]])
        waiting = np.concatenate([self._held, faded])
        ready = max(0, len(waiting) - len(self._fade))
        self._held = waiting[ready:]
        return waiting[:ready]

    def end_segment(self, pause_seconds: float = 0.0) -> Samples:
        """The segment is over: its end, faded out, and a pause. The next chunk begins another segment."""
        tail = self._held * self._fade[: len(self._held)][::-1]
        self._held = tail[:0]
        self._faded_in = 0
        return np.concatenate([tail, np.zeros(round(pause_seconds * self._sample_rate), np.float32)])
