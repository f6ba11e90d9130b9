"""What has been spoken of a book as files to listen to: one M4B with chapters, or an MP3 per chapter."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from fishvoice.books.book import Book, Chapter
from fishvoice.books.narration import Segment, sound
from fishvoice.encoding.compressed import seconds_of
from fishvoice.errors import PlaybackError

_UNSAFE = re.compile(r"[^\w\-. ]+")
PAUSE_SECONDS = 0.6  # between segments that end a chapter, and before the next one's title


def write_m4b(book: Book, chapters: Sequence[Chapter], segments: Sequence[Segment], path: Path) -> None:
    """One file with title, author, chapters and cover. Raises PlaybackError, MissingEncoder."""
    from fishvoice.encoding.aac import Aac
    from fishvoice.encoding.aac import Chapter as Mark

    marks, at, rate = [], 0.0, 0
    for number, group in groupby(segments, key=lambda segment: segment.chapter):
        begun = at
        for segment in group:
            seconds, rate = seconds_of(segment.file)
            at += seconds
        at += PAUSE_SECONDS
        marks.append(Mark(chapters[number].title, begun, at))
    metadata = {"title": book.title, "genre": "Audiobook"} | ({"artist": book.author} if book.author else {})
    fresh = path.with_name(f".{path.name}.new")
    try:
        writer = Aac(rate, fresh, "mp4", metadata=metadata, chapters=marks, cover=book.cover)
        last = segments[0].chapter
        for segment, _, pcm in sound(segments):
            if segment.chapter != last:
                writer.write(_silence(rate))
                last = segment.chapter
            writer.write(pcm)
        writer.write(_silence(rate))
        writer.finish()
        os.replace(fresh, path)
    except OSError as error:
        raise PlaybackError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        fresh.unlink(missing_ok=True)


def write_chapters(book: Book, numbers: Sequence[int], segments: Sequence[Segment], folder: Path) -> list[Path]:
    """An MP3 in ``folder`` for each chapter of these ``numbers``, named so that they sort. Raises PlaybackError."""
    from fishvoice.encoding.compressed import Compressed

    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, group in groupby(segments, key=lambda segment: segment.chapter):
            title = book.chapters[numbers[number] - 1].title
            path = folder / f"{numbers[number]:03} {file_name(title)}.mp3"
            tags = {"title": title, "album": book.title, "tracknumber": str(numbers[number])}
            tags |= {"artist": book.author} if book.author else {}
            fresh = path.with_suffix(".new")
            own = list(group)
            try:
                with fresh.open("w+b") as file:
                    writer = Compressed("mp3", seconds_of(own[0].file)[1], file, tags)
                    for _, _, pcm in sound(own):
                        writer.write(pcm)
                    writer.finish()
                os.replace(fresh, path)
            finally:
                fresh.unlink(missing_ok=True)
            written.append(path)
    except OSError as error:
        raise PlaybackError(f"cannot write in {folder}: {error.strerror or error}") from error
    return written


def file_name(title: str) -> str:
    """``title`` as a name that every file system takes, and that leads nowhere else."""
    return " ".join(_UNSAFE.sub(" ", title).split()).strip(". ")[:80] or "chapter"


def _silence(rate: int) -> bytes:
    return bytes(2 * round(PAUSE_SECONDS * rate))
