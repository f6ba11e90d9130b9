"""A book as what is spoken of it: titles and chapters of plain text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fishvoice.errors import FishvoiceError

MAX_FILE_BYTES = 512 << 20
MAX_CHARACTERS = 20_000_000  # some two weeks of sound


class UnreadableBook(FishvoiceError):
    """A file is no book that can be read here; the message says why, and what to do."""


@dataclass(frozen=True)
class Chapter:
    title: str
    text: str


@dataclass(frozen=True)
class Book:
    """``cover``: the bytes of a picture, JPEG or PNG."""

    title: str
    chapters: tuple[Chapter, ...]
    author: str | None = None
    cover: bytes | None = None


@dataclass(frozen=True)
class Cut:
    """A chapter called ``title`` begins before character ``offset``."""

    offset: int
    title: str


def chapters(text: str, cuts: Iterable[Cut], before: str) -> Iterator[Chapter]:
    """``text`` in chapters; what stands before the first cut is one called ``before``. Empty ones are left out."""
    begun = Cut(0, before)
    for cut in sorted(cuts, key=lambda cut: cut.offset):
        if cut.offset > begun.offset and (inside := text[begun.offset : cut.offset].strip()):
            yield Chapter(begun.title, inside)
        begun = cut
    if rest := text[begun.offset :].strip():
        yield Chapter(begun.title, rest)


def checked(book: Book) -> Book:
    """Raises UnreadableBook if there is nothing to read, or far too much."""
    size = sum(len(chapter.text) for chapter in book.chapters)
    if not size:
        raise UnreadableBook(f"{book.title} has no text; pages that are pictures have to go through text recognition")
    if size > MAX_CHARACTERS:
        raise UnreadableBook(f"{book.title} has {size:,} characters; the limit is {MAX_CHARACTERS:,}")
    return book
