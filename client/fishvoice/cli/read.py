"""``fishvoice read``: a book to files of sound, chapter by chapter; an interrupted run goes on where it was."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from fishvoice.books.book import Book
from fishvoice.books.narration import plan, speak
from fishvoice.books.output import write_chapters, write_m4b
from fishvoice.books.reader import SUFFIXES, read_book
from fishvoice.cli import EXIT_INTERRUPTED
from fishvoice.cli.interrupt import Interrupted, interruptible
from fishvoice.client import Client
from fishvoice.encoding.formats import M4A_SUFFIXES, MissingEncoder
from fishvoice.errors import InvalidRequest
from fishvoice.request import SpeechOptions


def main(argv: Sequence[str]) -> int:
    """Raises UnreadableBook, InvalidRequest, MissingEncoder and what speaking raises."""
    options = _parser().parse_args(argv)
    source = Path(options.book)
    book = read_book(source)
    if options.list:
        for number, chapter in enumerate(book.chapters, 1):
            print(f"{number:4}  {chapter.title}  ({len(chapter.text):,} characters)")
        return 0
    numbers = _chosen(book, options.chapters, options.begin)
    chapters = [book.chapters[number - 1] for number in numbers]
    out = _output(options.out, source)
    speech: SpeechOptions = {
        "voice": options.voice,
        "speed": options.speed,
        "pitch": options.pitch,
        "volume": options.volume,
        "seed": options.seed,
    }
    work = out.with_name(f"{out.name}.part")
    segments = plan(chapters, work, speech)
    progress = _Progress(sum(len(segment.text) for segment in segments))
    progress.skip(sum(len(segment.text) for segment in segments if segment.file.exists()))
    try:
        with interruptible(), Client(start=not options.no_start) as client:
            speak(client, segments, speech, progress.add)
            if out.suffix.lower() in M4A_SUFFIXES:
                write_m4b(book, chapters, segments, out)
            else:
                write_chapters(book, numbers, segments, out)
    except Interrupted:
        progress.end()
        print(f"fishvoice: stopped; the same command goes on from here ({work})", file=sys.stderr)
        return EXIT_INTERRUPTED
    progress.end()
    shutil.rmtree(work)
    print(out)
    return 0


def _output(out: str | None, source: Path) -> Path:
    """A file of the MP4 kind, or a folder for MP3. Raises InvalidRequest, MissingEncoder."""
    has_aac = find_spec("av") is not None
    path = Path(out) if out else source.with_suffix(".m4b" if has_aac else "")
    if path.suffix.lower() in M4A_SUFFIXES:
        if not has_aac:
            raise MissingEncoder(f"{path.suffix} needs av: pip install 'fishvoice[av]'; or name a folder, for MP3")
        return path
    if path.suffix and not path.is_dir():
        raise InvalidRequest(f"{path}: name a file {', '.join(M4A_SUFFIXES)}, or a folder for an MP3 per chapter")
    return path


def _chosen(book: Book, wanted: str | None, begin: int) -> list[int]:
    """The chapters' numbers by a list like ``2-4,7``, from number ``begin`` on. Raises InvalidRequest."""
    numbers = range(1, len(book.chapters) + 1)
    chosen = set(numbers)
    if wanted is not None:
        chosen = set()
        for part in wanted.split(","):
            first, _, last = part.partition("-")
            try:
                chosen.update(range(int(first), int(last or first) + 1))
            except ValueError:
                raise InvalidRequest(f"--chapters {wanted}: give numbers like 2-4,7") from None
    found = [number for number in numbers if number in chosen and number >= begin]
    if not found:
        raise InvalidRequest(f"the book has the chapters 1 to {len(book.chapters)}; see --list")
    return found


class _Progress:
    """A line on a terminal: the share that is done, and the time left at the pace of this run."""

    def __init__(self, characters: int) -> None:
        self._all = characters
        self._done = self._own = 0
        self._begun = time.monotonic()
        self._live = sys.stderr.isatty()

    def skip(self, characters: int) -> None:
        """Done by an earlier run."""
        self._done += characters
        if characters:
            print(f"fishvoice: {self._done / self._all:.0%} is there from an earlier run", file=sys.stderr)

    def add(self, characters: int, seconds: float) -> None:
        self._done += characters
        self._own += characters
        if self._live:
            left = round((time.monotonic() - self._begun) * (self._all - self._done) / self._own)
            hours, minutes = divmod(left // 60, 60)
            shown = f"{self._done / self._all:.0%}, {hours}:{minutes:02}:{left % 60:02} left"
            print(f"\r\x1b[K{shown}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._live:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fishvoice read",
        description="Speak a book into files. An interrupted run goes on where it was when it is started again.",
    )
    parser.add_argument("book", help=f"a file: {', '.join(SUFFIXES)}")
    parser.add_argument("--out", "-o", metavar="PATH", help="a file .m4b with chapters, or a folder for MP3 by chapter")
    parser.add_argument("--list", action="store_true", help="only tell the chapters")
    parser.add_argument("--from", dest="begin", type=int, default=1, metavar="N", help="begin with chapter N")
    parser.add_argument("--chapters", metavar="LIST", help="only these, such as 2-4,7")
    parser.add_argument("--voice", help="see: fishvoice voices")
    parser.add_argument("--speed", type=float, default=1.0, help="0.25 … 4, default 1")
    parser.add_argument("--pitch", type=float, default=1.0, help="0.5 … 2 times the voice's own")
    parser.add_argument("--volume", type=float, default=1.0, help="0 … 2 times the voice's own")
    parser.add_argument("--seed", type=int, default=0, help="another one is another reading; default 0")
    parser.add_argument("--no-start", action="store_true", help="do not start a daemon")
    return parser
