"""EPUB: spine and table of contents to chapters. The door to EbookLib."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from fishvoice.books.book import Book, Chapter, Cut, UnreadableBook, chapters
from fishvoice.books.markup import html_text

MAX_ENTRIES = 20_000
MAX_UNPACKED_BYTES = 1 << 30
MAX_ENTRY_BYTES = 128 << 20


def read_epub(path: Path) -> Book:
    """Raises UnreadableBook, also for what would unpack to far more than a book."""
    _check_size(path)
    import ebooklib
    from ebooklib import epub

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of EbookLib about its own future
            source: Any = epub.read_epub(str(path), {"ignore_ncx": False})
    except Exception as error:  # EbookLib raises whatever its parsers raise
        raise UnreadableBook(f"{path.name} is no readable EPUB: {error}") from error
    title = _metadata(source, "title") or path.stem
    covers = [*source.get_items_of_type(ebooklib.ITEM_COVER), *_named_covers(source, ebooklib)]
    return Book(
        title,
        tuple(_chapters(source, title)),
        author=_metadata(source, "creator"),
        cover=bytes(covers[0].get_content()) if covers else None,
    )


def _check_size(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError) as error:
        raise UnreadableBook(f"{path.name} is no EPUB: {error}") from error
    unpacked = sum(entry.file_size for entry in entries)
    if (
        len(entries) > MAX_ENTRIES
        or unpacked > MAX_UNPACKED_BYTES
        or any(entry.file_size > MAX_ENTRY_BYTES for entry in entries)
    ):
        raise UnreadableBook(f"{path.name} unpacks to {len(entries):,} files of {unpacked:,} bytes: that is no book")


def _chapters(source: Any, title: str) -> Iterator[Chapter]:
    """The documents in reading order; a chapter goes on until the table of contents names another one."""
    titles: dict[str, dict[str, str]] = {}
    for href, name in _contents(source.toc):
        document, _, anchor = href.partition("#")
        titles.setdefault(unquote(document), {}).setdefault(unquote(anchor), name)
    current = Chapter(title, "")
    for document in _documents(source):
        marked = html_text(document.get_content())
        named = titles.get(document.get_name(), {})
        cuts = [Cut(marked.anchors.get(anchor, 0), name) for anchor, name in named.items()]
        for number, chapter in enumerate(chapters(marked.text, cuts, current.title)):
            if number == 0 and not any(cut.offset == 0 for cut in cuts) and current.text:
                current = Chapter(current.title, f"{current.text}\n\n{chapter.text}")
                continue
            if current.text:
                yield current
            current = chapter
    if current.text:
        yield current


def _documents(source: Any) -> Iterator[Any]:
    for reference, linear, *_ in source.spine:
        item = source.get_item_with_id(reference)
        if item is not None and linear != "no" and "nav" not in (getattr(item, "properties", None) or ()):
            yield item


def _contents(entries: Any) -> Iterator[tuple[str, str]]:
    """(href, title) in order, however deep."""
    for entry in entries:
        if isinstance(entry, tuple):
            section, children = entry
            yield from _contents([section])
            yield from _contents(children)
        elif getattr(entry, "href", None) and entry.title:
            yield entry.href, entry.title


def _metadata(source: Any, name: str) -> str | None:
    found = source.get_metadata("DC", name)
    return found[0][0] if found and found[0][0] else None


def _named_covers(source: Any, ebooklib: Any) -> list[Any]:
    named = [source.get_item_with_id(facts.get("content")) for _, facts in source.get_metadata("OPF", "cover")]
    images = source.get_items_of_type(ebooklib.ITEM_IMAGE)
    return [item for item in named if item] or [item for item in images if "cover" in item.get_name().lower()]
