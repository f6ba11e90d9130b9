"""A file to a book, by its suffix."""

from __future__ import annotations

from pathlib import Path

from fishvoice.books.book import MAX_FILE_BYTES, Book, UnreadableBook, checked

_TEXTS = {".html": "read_html", ".htm": "read_html", ".xhtml": "read_html", ".md": "read_markdown", ".txt": "read_text"}
SUFFIXES = (".epub", ".pdf", *_TEXTS)


def read_book(path: Path) -> Book:
    """Raises UnreadableBook; ModuleNotFoundError where the extra ``books`` is not installed."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UnreadableBook(f"{path.name}: books are read from {', '.join(SUFFIXES)}")
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise UnreadableBook(f"{path.name} has {size:,} bytes; the limit is {MAX_FILE_BYTES:,}")
        return checked(_read(path, suffix))
    except OSError as error:
        raise UnreadableBook(f"cannot read {path}: {error.strerror or error}") from error


def _read(path: Path, suffix: str) -> Book:
    if suffix == ".epub":
        from fishvoice.books.epub import read_epub

        return read_epub(path)
    if suffix == ".pdf":
        from fishvoice.books.pdf import read_pdf

        return read_pdf(path)
    from fishvoice.books import markup

    try:
        content = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableBook(f"{path.name} is not UTF-8 text: {error.reason} at byte {error.start}") from error
    found: Book = getattr(markup, _TEXTS[suffix])(content, path.stem)
    return found
