"""PDF: pages to paragraphs, outline to chapters. The door to pypdf."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from fishvoice.books.book import Book, Cut, UnreadableBook, chapters

MAX_PAGES = 10_000
_HYPHEN = re.compile(r"(\w)[-\u00ad]\n(?=[a-zß-ÿ])")
_LINE_END = re.compile(r"(?<=[^\n])\n(?=[^\n])")
_PAGE_NUMBER = re.compile(r"\A\s*\d{1,4}\s*\n|\n\s*\d{1,4}\s*\Z")


def read_pdf(path: Path) -> Book:
    """Raises UnreadableBook."""
    try:
        reader = PdfReader(path)
        if reader.is_encrypted and not reader.decrypt(""):
            raise UnreadableBook(f"{path.name} is encrypted: save it without a password")
        if len(reader.pages) > MAX_PAGES:
            raise UnreadableBook(f"{path.name} has {len(reader.pages)} pages; the limit is {MAX_PAGES}")
        pages = [paragraphs(page.extract_text()) for page in reader.pages]
        marks = sorted(_outline(reader, reader.outline))
        facts: Any = reader.metadata or {}
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as error:
        raise UnreadableBook(f"{path.name} is no readable PDF: {error}") from error
    title = str(facts.get("/Title") or path.stem)
    offsets = [0]
    for page in pages:
        offsets.append(offsets[-1] + len(page) + 2)
    cuts = [Cut(offsets[page], name) for page, name in marks]
    author = str(facts["/Author"]) if facts.get("/Author") else None
    return Book(title, tuple(chapters("\n\n".join(pages), cuts, title)), author)


def paragraphs(page: str) -> str:
    """Lines joined to paragraphs, words that were divided at their ends made whole, the page's number left out."""
    return _LINE_END.sub(" ", _HYPHEN.sub(r"\1", _PAGE_NUMBER.sub("\n", page.strip()).strip()))


def _outline(reader: PdfReader, entries: Any) -> Iterator[tuple[int, str]]:
    """(page, title) of the outline's first level."""
    for entry in entries:
        if not isinstance(entry, list):
            page = reader.get_destination_page_number(entry)
            if page is not None and page >= 0:
                yield page, str(entry.title)
