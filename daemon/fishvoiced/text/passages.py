"""Spans → passages: stretches that are spoken in one go, with the way back to the request's text; pauses between."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import takewhile
from typing import NamedTuple, TypeAlias

from fishvoiced.text import runs
from fishvoiced.text.spans import Mark, Pause, Script, Style, Text
from fishvoiced.text.spoken.words import Fixed


class Piece(NamedTuple):
    """From ``offset`` on, a passage's text is ``source[start:end]``, or (not ``verbatim``) stands for it."""

    offset: int
    start: int
    end: int
    verbatim: bool


@dataclass(frozen=True, slots=True)
class Passage:
    """``text`` to be spoken in one ``style``. ``fixed`` is how parts of it are read, ``marks`` what is reported where;
    both count characters of ``text``."""

    text: str
    style: Style
    pieces: tuple[Piece, ...]
    fixed: tuple[Fixed, ...] = ()
    marks: tuple[tuple[int, str], ...] = ()
    _offsets: tuple[int, ...] = field(default=(), repr=False)

    def source(self, start: int, end: int) -> tuple[int, int]:
        """Where in the request's text ``text[start:end]`` comes from."""
        if not self.pieces:
            return 0, 0
        first = self.pieces[bisect_right(self._offsets, start) - 1]
        begin = first.start + start - first.offset
        if first.verbatim and begin + end - start <= first.end:  # nearly always: all in one piece
            return begin, begin + end - start
        last = self.pieces[bisect_right(self._offsets, max(start, end - 1)) - 1]
        begin = min(first.start + start - first.offset, first.end) if first.verbatim else first.start
        stop = min(last.start + end - last.offset, last.end) if last.verbatim else last.end
        return begin, max(begin, stop)

    def marks_within(self, start: int, end: int) -> Sequence[tuple[int, str]]:
        """The marks at the characters from ``start`` up to ``end``."""
        marks = self.marks
        if not marks:
            return ()
        return marks[bisect_left(marks, start, key=_place_of) : bisect_left(marks, end, key=_place_of)]


Part: TypeAlias = Passage | Pause


def _place_of(mark: tuple[int, str]) -> int:
    return mark[0]


def _end_of(part: Fixed) -> int:
    return part.end


@lru_cache(maxsize=256)
def is_english(language: str) -> bool:
    return language.replace("_", "-").split("-")[0].lower() == "en"


def passages(script: Script, language: str = "en") -> Iterator[Part]:
    """The script's texts in order, cut at pauses and wherever the style changes; blank ones are left out.

    ``language`` is the voice's: what we say ourselves ("code block") is left out where it is not English.
    """
    collected = _Collector()
    for span in script.spans:
        if isinstance(span, Pause):
            yield from collected.flush()
            yield span
        elif isinstance(span, Mark):
            collected.marks.append((collected.length, span.name))
        else:
            if collected.is_in_other_style(span):
                yield from collected.flush()
            english = is_english(span.style.language or language)
            if english or not span.announcement:
                collected.add(span, english)
    yield from collected.flush()


class _Collector:
    """The passage so far."""

    def __init__(self) -> None:
        self._style: Style | None = None
        self.marks: list[tuple[int, str]] = []
        self.length = 0
        self._pieces: list[Piece] = []
        self._parts: list[str] = []
        self._fixed: list[Fixed] = []

    def is_in_other_style(self, span: Text) -> bool:
        style = self._style
        return style is not None and style is not span.style and style != span.style

    def add(self, span: Text, english: bool) -> None:
        self._style = span.style
        if span.is_fixed:
            end = self.length + len(span.text)
            self._fixed.append(Fixed(self.length, end, span.alias, span.phones, span.say_as, span.code))
            self._append(span.text, span.start, span.end)
            return
        if len(span.text) < runs.SHORTEST:
            self._append(span.text, span.start, span.end)
            return
        verbatim = len(span.text) == span.end - span.start
        done = 0
        for run in runs.find(span.text):
            self._stretch(span, done, run.start, verbatim)
            place = (span.start + run.start, span.start + run.end) if verbatim else (span.start, span.end)
            self._append(run.spoken if english else run.plain, *place)
            done = run.end
        self._stretch(span, done, len(span.text), verbatim)

    def _stretch(self, span: Text, start: int, end: int, verbatim: bool) -> None:
        place = (span.start + start, span.start + end) if verbatim else (span.start, span.end)
        self._append(span.text[start:end], *place)

    def _append(self, text: str, start: int, end: int) -> None:
        if text:
            self._pieces.append(Piece(self.length, start, end, len(text) == end - start))
            self._parts.append(text)
            self.length += len(text)

    def flush(self) -> Iterator[Passage]:
        """The passage, if there is anything in it, and a fresh beginning. Marks without a text go to the next one."""
        text = "".join(self._parts)
        if self._style is not None and text.strip():
            pieces = tuple(self._pieces)
            offsets = tuple(piece.offset for piece in pieces)
            yield Passage(text, self._style, pieces, tuple(self._fixed), tuple(self.marks), offsets)
            self.marks = []
        self.marks = [(0, name) for _, name in self.marks]
        self._style, self.length = None, 0
        self._pieces, self._parts, self._fixed = [], [], []


def with_words(passage: Passage, words: Sequence[Fixed]) -> Passage:
    """``passage`` with the user's own ``words``, where the markup does not say otherwise."""
    merged = list(passage.fixed)
    taken = [(part.start, part.end) for part in passage.fixed]
    merged += [word for word in words if not _overlaps(taken, word)]
    merged.sort(key=lambda part: part.start)
    return Passage(passage.text, passage.style, passage.pieces, tuple(merged), passage.marks, passage._offsets)


def _overlaps(taken: list[tuple[int, int]], word: Fixed) -> bool:
    at = bisect_right(taken, (word.start, word.end))
    return any(start < word.end and word.start < end for start, end in taken[max(0, at - 1) : at + 1])


def within(fixed: Sequence[Fixed], start: int, end: int) -> tuple[Fixed, ...]:
    """The part of ``fixed``, which is in order and without overlaps, that lies in ``text[start:end]``, counted from
    ``start``."""
    if not fixed:
        return ()
    inside = takewhile(lambda part: part.start < end, fixed[bisect_right(fixed, start, key=_end_of) :])
    return tuple(replace(part, start=max(part.start, start) - start, end=min(part.end, end) - start) for part in inside)
