"""Words with beginning and end, collected from the chunks of speech."""

from __future__ import annotations

from typing import NamedTuple

from fishvoice.protocol import WordTime
from fishvoice.speech import Chunk


class TimedWord(NamedTuple):
    """``word`` as it is written, heard from ``start`` to ``end``, in seconds from the beginning of all sound."""

    word: str
    start: float
    end: float


class WordCollector:
    """Words of requests that follow one another. A word ends where the next one begins, the last with its request."""

    def __init__(self) -> None:
        self._heard = 0.0  # seconds of sound of the requests before the current one
        self._sound = 0.0  # of the current one
        self._text = ""
        self._open: WordTime | None = None  # its end is not known yet

    def begin(self, text: str) -> None:
        """The next request says ``text``; the one before must have been finished."""
        self._text = text

    def chunk(self, chunk: Chunk) -> list[TimedWord]:
        """The words that are known with ``chunk``."""
        self._sound += chunk.seconds
        found = []
        for word in chunk.words:
            if self._open is not None:
                found.append(self._closed(self._open, word.seconds))
            self._open = word
        return found

    def finish(self) -> list[TimedWord]:
        """The request's sound is complete: its last word, if it had any."""
        last = [] if self._open is None else [self._closed(self._open, self._sound)]
        self._heard += self._sound
        self._sound, self._open = 0.0, None
        return last

    def _closed(self, word: WordTime, end: float) -> TimedWord:
        written = self._text[word.text_start : word.text_end]
        start = self._heard + word.seconds
        return TimedWord(written, round(start, 3), round(max(start, self._heard + end), 3))
