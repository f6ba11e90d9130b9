"""Spoken words as the text side writes them: lower-case words, letters' names as capitals, the marks ``, . ? !``.

``[word](/phonemes/)`` gives a word's pronunciation. Pure text work.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MARKS = frozenset(",.?!")
SENTENCE_ENDS = frozenset(".?!")
_TOKEN = re.compile(
    r"\[(?P<word>[^\]]+)\]\(/(?P<phonemes>[^/)]*)/\)"
    r"|(?P<mark>[,.?!])"
    r"|(?P<plain>(?:(?!\[[^\]]+\]\(/)[^\s,.?!])+)"
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a letter's name (one capital), or a mark. ``phonemes``: where the text itself says how it sounds."""

    text: str
    phonemes: str | None = None

    @property
    def is_mark(self) -> bool:
        return self.text in MARKS

    @property
    def is_letter(self) -> bool:
        return self.phonemes is None and len(self.text) == 1 and "A" <= self.text <= "Z"


def tokens(spoken: str) -> list[Token]:
    """Every word and mark in order."""
    return [_token(match) for match in _TOKEN.finditer(spoken)]


def _token(match: re.Match[str]) -> Token:
    if match["word"] is not None:
        return Token(match["word"], match["phonemes"])
    return Token(match["mark"] or match["plain"])
