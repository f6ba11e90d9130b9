"""Cutting text that is still arriving into pieces worth a request each. Pure: text in, pieces out.

The daemon finds the sentences; here it is enough never to cut inside one, and never to sit on a finished one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fishvoice.protocol import MAX_TEXT_CHARACTERS

STREAM_CHARACTERS = 2000  # a piece of a stream at most: text that is read slowly should not wait for more

# Nothing is given back once it is matched (*+, ++), and no match begins within a run of marks: linear in any text.
_CLOSING = r"""["'”’»)\]」』）]*+"""
_END = re.compile(rf"(?<![.!?…])[.!?…]++{_CLOSING}(?=\s++\S)|[。！？]{_CLOSING}|\n[^\S\n]*+\n")
_FINISHED = re.compile(rf"[.!?…。！？]{_CLOSING}\Z")
_LOOK_BACK = 100  # characters: more closing marks than that end no sentence
_WORD = re.compile(r"\S")
_ABBREVIATION = re.compile(
    r"\b(?:[A-Za-z]|Dr|Mr|Mrs|Ms|Prof|St|Jr|Sr|vs|etc|No|Nr|Fig|approx|ca|e\.g|i\.e|z\.B|bzw)\.\Z"
)


class SentenceBuffer:
    """Text goes in as it comes; :meth:`take` gives as many whole sentences as are there, up to ``limit`` characters."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._text = ""

    @property
    def full(self) -> bool:
        """There is enough for a piece of the largest size."""
        return len(self._text) >= self._limit

    @property
    def empty(self) -> bool:
        return not self._text

    def feed(self, text: str) -> None:
        self._text += text

    def take(self) -> str | None:
        """Whole sentences; None if the first one is not yet known to be over."""
        end = max(_ends(self._text, self._limit), default=0)
        if not end and self.full:
            end = self._text.rfind(" ", 1, self._limit) + 1 or self._limit
        return self._cut(end)

    def take_idle(self) -> str | None:
        """Nothing has come for a while: also what looks finished, or else the lines that are."""
        if self._looks_finished() and not self.full:
            return self._cut(len(self._text))
        return self.take() or self._cut(self._text.rfind("\n", 0, self._limit) + 1)

    def take_rest(self) -> str | None:
        """Nothing more will come."""
        return self._cut(len(self._text)) if not self.full else self.take()

    def _looks_finished(self) -> bool:
        said = self._text.rstrip()
        return "\n" in self._text[len(said) :] or bool(_FINISHED.search(said[-_LOOK_BACK:]))

    def _cut(self, end: int) -> str | None:
        piece, self._text = self._text[:end], self._text[end:]
        return piece.strip() or None


def split(text: str, limit: int = MAX_TEXT_CHARACTERS) -> Iterator[str]:
    """All of ``text`` in pieces of at most ``limit`` characters."""
    pieces = SentenceBuffer(limit)
    pieces.feed(text)
    while pieces.full:
        piece = pieces.take()
        if piece:
            yield piece
    rest = pieces.take_rest()
    if rest:
        yield rest


def _ends(text: str, limit: int) -> Iterator[int]:
    for match in _END.finditer(text, 0, limit):
        if not match[0].startswith(".") or not _goes_on(text, match.start() + 1, match.end()):
            yield match.end()


def _goes_on(text: str, dot: int, end: int) -> bool:
    """Whether the full stop before ``dot`` ends no sentence: an abbreviation's, or a small letter follows."""
    following = _WORD.search(text, end)
    return bool((following and following[0].islower()) or _ABBREVIATION.search(text[max(0, dot - 12) : dot]))
