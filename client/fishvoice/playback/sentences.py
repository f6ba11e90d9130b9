"""Cutting text that is still arriving into pieces worth a request each. Pure: text in, pieces out.

The daemon finds the sentences; here it is enough never to cut inside one, and never to sit on a finished one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fishvoice.protocol import MAX_TEXT_CHARACTERS

CLAUSE_SECONDS = 1.5
"""A sentence that is not over after so long is spoken up to its last comma."""
WORD_SECONDS = 4.0
"""Without one, it is spoken up to its last word after so long."""
STREAM_CHARACTERS = 2000  # a piece of a stream at most: text that is read slowly should not wait for more

# Nothing is given back once it is matched (*+, ++), and no match begins within a run of marks: linear in any text.
_CLOSING = r"""["'”’»)\]」』）]*+"""
_END = re.compile(rf"(?<![.!?…])[.!?…]++{_CLOSING}(?=\s++\S)|[。！？]{_CLOSING}|\n[^\S\n]*+\n")
_FINISHED = re.compile(rf"[.!?…。！？]{_CLOSING}\Z")
_CLAUSE_END = re.compile(rf"(?<![\d][,.])(?<=[,;:—–]){_CLOSING}\s|\s[-–—]\s")
# Blanks where a piece may be cut: not inside "3 1/2", "$5 million", "5 kg", "No. 5", "Dr. Smith".
_SAFE_BLANK = re.compile(r"(?:(?<=[^\W\d_]{2})|(?<=[,;:!?)\]\"'”’]))\s+(?=[^\s\d])")
_OPEN_NUMBER = re.compile(r"\d[.,]?\s*\Z")
_LOOK_BACK = 100  # characters: more closing marks than that end no sentence
_WORD = re.compile(r"\S")
_LEADING = re.compile(r"\b(?:Dr|Mr|Mrs|Ms|Prof|St|vs|No|Nr|Fig|approx|ca|e\.g|i\.e|z\.B|bzw)\.\Z")
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
            end = self._last_blank() or self._text.rfind(" ", 1, self._limit) + 1 or self._limit
        return self._cut(end)

    def take_idle(self) -> str | None:
        """Nothing has come for a while: also what looks finished, or else the lines that are."""
        if not self.full and self._looks_finished() and (self._ends_line() or not self._is_open()):
            return self._cut(len(self._text))
        return self.take() or self._cut(self._text.rfind("\n", 0, self._limit) + 1)

    def take_late(self, waited: float) -> str | None:
        """The first of the text has waited ``waited`` seconds: what can be spoken of an unfinished sentence."""
        end = 0
        if waited >= CLAUSE_SECONDS:
            end = max((match.end() for match in _CLAUSE_END.finditer(self._text, 0, self._limit)), default=0)
            if not end and self._looks_finished() and (self._ends_line() or not self._leads_on()):
                end = min(len(self._text), self._limit)
        if not end and waited >= WORD_SECONDS:
            end = self._last_blank()
        return self._cut(end)

    def _looks_finished(self) -> bool:
        return self._ends_line() or bool(_FINISHED.search(self._text.rstrip()[-_LOOK_BACK:]))

    def _ends_line(self) -> bool:
        return "\n" in self._text[len(self._text.rstrip()) :]

    def _is_open(self) -> bool:
        """Whether the text ends in a number or an abbreviation, which may go on."""
        text = self._text.rstrip()
        return bool(_OPEN_NUMBER.search(text[-12:]) or _ABBREVIATION.search(text[-12:]))

    def _leads_on(self) -> bool:
        """Whether the text ends in an abbreviation that something always follows: a title, "No."."""
        return bool(_LEADING.search(self._text.rstrip()[-12:]))

    def _last_blank(self) -> int:
        """Behind the last blank that parts no number and no abbreviation; 0 if there is none."""
        blanks = [
            match.end()
            for match in _SAFE_BLANK.finditer(self._text, 0, self._limit)
            if not _ABBREVIATION.search(self._text[max(0, match.start() - 12) : match.start()])
        ]
        return max(blanks, default=0)

    def take_rest(self) -> str | None:
        """Nothing more will come."""
        return self._cut(len(self._text)) if not self.full else self.take()

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
