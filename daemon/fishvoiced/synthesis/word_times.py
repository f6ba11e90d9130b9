"""When each written word of a segment begins to be heard: from the voice's own times, or estimated. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from fishvoice.protocol import WordTime

_WORD = re.compile(r"\S*[^\W_]\S*")
_LETTERS = re.compile(r"[^\W_]+")
LOOKAHEAD = 4  # written words that may be spoken so differently that none of their spoken ones is recognised


class WordTimes:
    """The words of ``text`` [start, end), each told once and in order, in seconds from the segment's first sample.

    ``places``: where they stand, if that is known already; between markup it cannot be seen here.
    """

    def __init__(self, text: str, start: int, end: int, places: Sequence[tuple[int, int]] | None = None) -> None:
        if places is None:
            places = [(match.start(), match.end()) for match in _WORD.finditer(text, start, end)]
        self._words = list(places)
        self._letters = [_letters(text[begin:stop]) for begin, stop in self._words]
        self._next = 0
        self._unmatched: list[float] = []  # times of spoken words that are not recognised in the text

    @property
    def none_is_spoken(self) -> bool:
        """Whether nothing is known of when a word is said."""
        return self._next == 0 and not self._unmatched

    def estimated(self, end: int, seconds_at: Callable[[int], float]) -> Iterator[WordTime]:
        """The words before character ``end``; ``seconds_at`` tells when a character is said."""
        while self._next < len(self._words) and self._words[self._next][0] < end:
            yield self._tell(seconds_at(self._words[self._next][0]))

    def spoken(self, words: Sequence[tuple[str, float]]) -> Iterator[WordTime]:
        """The written words of what a voice says that it speaks when: numbers are written in one and spoken in many."""
        for word, seconds in words:
            last = min(self._next + LOOKAHEAD, len(self._words))
            letters = _letters(word)
            place = next((place for place in range(self._next, last) if self._letters[place] == letters), None)
            if place is None:
                self._unmatched.append(seconds)
                continue
            yield from self._tell_unmatched(place, seconds)
            yield self._tell(seconds)

    def rest(self, seconds: float) -> Iterator[WordTime]:
        """What has not been told at the segment's end, ``seconds`` after its beginning."""
        yield from self._tell_unmatched(len(self._words), seconds)

    def _tell_unmatched(self, end: int, latest: float) -> Iterator[WordTime]:
        """The written words before ``end``, spread over the spoken ones that nobody has recognised."""
        times, self._unmatched = self._unmatched or [latest], []
        first, count = self._next, end - self._next
        for place in range(first, end):
            yield self._tell(times[(place - first) * len(times) // count])

    def _tell(self, seconds: float) -> WordTime:
        start, end = self._words[self._next]
        self._next += 1
        return WordTime(start, end, seconds)


def _letters(word: str) -> str:
    return "".join(_LETTERS.findall(word)).lower()
