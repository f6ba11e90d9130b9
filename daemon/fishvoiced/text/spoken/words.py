"""What the second stage yields: spoken words with their places, and what cannot be spoken."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

PAUSE_MARKS = frozenset(",.?!")


class Word(NamedTuple):
    """What is said for ``text[start:end]``.

    ``spoken``: lower-case words, a letter's name as one capital ("T X T"), or one pause mark of ``, . ? !``.
    ``phones``: the pronunciation where somebody has fixed it, in the International Phonetic Alphabet.
    """

    start: int
    end: int
    spoken: str
    phones: str | None = None

    @property
    def is_pause(self) -> bool:
        return self.spoken in PAUSE_MARKS


@dataclass(frozen=True, slots=True)
class Unread:
    """``text[start:end]`` has letters of a ``script`` that this language cannot read ("Cyrillic")."""

    start: int
    end: int
    script: str


@dataclass(frozen=True, slots=True)
class Fixed:
    """How ``text[start:end]`` is to be said, decided by markup or by the user's own words.

    At most one of: ``alias`` (other text, read in its place), ``phones`` (International Phonetic Alphabet),
    ``say_as`` (SSML's ``interpret-as``: "characters", "ordinal", "date" …), ``code`` (every sign by its name).
    """

    start: int
    end: int
    alias: str | None = None
    phones: str | None = None
    say_as: str | None = None
    code: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as it is spoken. No two pause marks follow each other, and none comes first."""

    words: tuple[Word, ...]
    unread: tuple[Unread, ...] = ()

    @property
    def line(self) -> str:
        """The spoken words as one line: "hello, T X T file."."""
        out = ""
        for word in self.words:
            out += word.spoken if word.is_pause or not out else " " + word.spoken
        return out


class Reader(Protocol):
    """One language: written text → spoken words. ``fixed`` is in the text's order, without overlaps."""

    def __call__(self, text: str, fixed: Iterable[Fixed] = ()) -> Reading: ...
