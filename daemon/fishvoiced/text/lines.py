"""Script → lines: what a voice is given, segment by segment, with the pauses between. The end of the text's stages."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeAlias

from fishvoiced.text import passages
from fishvoiced.text.normalize import normalize, speakable
from fishvoiced.text.passages import Passage, is_english
from fishvoiced.text.segment import split
from fishvoiced.text.spans import PLAIN_STYLE, Pause, Script, Style
from fishvoiced.text.spoken import neutral
from fishvoiced.text.spoken.english import read as read_english
from fishvoiced.text.spoken.words import Fixed, Reading, Unread, Word
from fishvoiced.text.written import written_words

FindWords: TypeAlias = Callable[[str, Style], Sequence[Fixed]]
"""The user's own words in a text of that style."""

_SHORT = 32
"""Lines of at most so many characters are remembered by their text: words and numbers in lists and tables."""


@dataclass  # not frozen: a list has thousands, and freezing would cost a microsecond of each
class Line:
    """One segment: characters [start, end) of the request's text, in one style.

    ``text`` is what markup leaves of it; ``gap`` what follows up to the next segment ("\\n\\n": a paragraph ends), None
    before a pause of the writer's and at the end. ``marks`` are names with their places in the request's text.
    """

    text: str
    start: int
    end: int
    style: Style
    language: str
    gap: str | None = None
    marks: tuple[tuple[int, str], ...] = ()
    fixed: tuple[Fixed, ...] = ()
    known: Container[str] = frozenset()
    _place: Callable[[int, int], tuple[int, int]] = field(default=lambda start, end: (start, end), repr=False)
    _readings: dict[str, Reading] = field(default_factory=dict, repr=False, compare=False)
    """Of short texts without ``fixed``, for all lines of a passage: many items of a list are alike."""

    @cached_property
    def reading(self) -> Reading:
        """The spoken words, with their places in the request's text."""
        place, read = self._place, self._read
        words = tuple([Word(*place(start, end), spoken, phones) for start, end, spoken, phones in read.words])
        return Reading(words, tuple(Unread(*place(part.start, part.end), part.script) for part in read.unread))

    @cached_property
    def _read(self) -> Reading:
        """The spoken words, with their places in ``text``."""
        found = None if self.fixed else self._readings.get(self.text)
        if found is None:
            if is_english(self.language):
                found = read_english(self.text, self.fixed, known=self.known)
            else:
                found = neutral.read(self.text, self.fixed, language=self.language)
            if not self.fixed and len(self.text) <= _SHORT:
                self._readings[self.text] = found
        return found

    def spoken(self, alphabet: Callable[[str], str]) -> str:
        """The spoken words as one string; ``[word](/phones/)``, in ``alphabet``, where a pronunciation is fixed."""
        return one_line(self.reading.words, alphabet)

    @classmethod
    def of(cls, text: str, language: str = "en") -> Line:
        """A text without markup as one line."""
        return cls(text, 0, len(text), PLAIN_STYLE, language)

    def part(self, start: int, end: int) -> Line:
        """``text[start:end]`` as a line of its own."""
        begin, stop = self._place(start, end)
        return replace(
            self,
            text=self.text[start:end],
            start=begin,
            end=stop,
            marks=(),
            fixed=passages.within(self.fixed, start, end),
            _place=lambda one, other: self._place(start + one, start + other),
        )

    def in_language(self, language: str) -> Line:
        """The same to be read by a voice of ``language``."""
        return self if language == self.language else replace(self, language=language, _readings={})

    def for_voice(self, language: str, known: Container[str]) -> Line:
        """The same to be read by a voice of ``language`` that knows these words."""
        return replace(self, language=language, known=known, _readings={})

    @property
    def word_places(self) -> list[tuple[int, int]]:
        """Where in the request's text the words stand that are spoken, with the punctuation written on them."""
        spoken = [(word.start, word.end) for word in self._read.words if not word.is_pause]
        places = (self._place(start, end) for start, end in written_words(self.text, spoken, self._is_together))
        return [(start, end) for start, end in places if end > start]

    def _is_together(self, start: int, end: int) -> bool:
        begin, stop = self._place(start, end)
        return stop - begin == end - start

    @property
    def is_speakable(self) -> bool:
        """Whether a voice that reads for itself has something to say."""
        return speakable(self.text)

    @cached_property
    def written(self) -> str:
        """For a voice that reads for itself: normalized text without markup, the user's own words put in."""
        return self._written(phones=False)

    @property
    def written_with_phones(self) -> str:
        """The same with ``[word](/phones/)`` where a pronunciation is fixed."""
        return self._written(phones=True)

    def _written(self, *, phones: bool) -> str:
        parts: list[str] = []
        at = 0
        for part in self.fixed:
            said = part.alias
            if phones and part.phones is not None:
                said = f"[{self.text[part.start : part.end]}](/{part.phones}/)"
            if said is None and part.say_as and is_english(self.language):
                whole = replace(part, start=0, end=part.end - part.start)
                said = read_english(self.text[part.start : part.end], (whole,)).line
            parts += [self.text[at : part.start], self.text[part.start : part.end] if said is None else said]
            at = part.end
        return normalize("".join([*parts, self.text[at:]]))

    @cached_property
    def numbers_written_out(self) -> str:
        """The same with numbers in words."""
        return in_words(self.written, self.language)


def one_line(words: Iterable[Word], alphabet: Callable[[str], str]) -> str:
    """Spoken words as a voice is given them: "see the [data](/dˈAtə/) here."."""
    out = ""
    for word in words:
        said = word.spoken if word.phones is None else f"[{word.spoken}](/{alphabet(word.phones)}/)"
        out += said if word.is_pause or not out else f" {said}"
    return out


def lines(
    script: Script,
    max_characters: int,
    language: str = "en",
    *,
    known: Container[str] = frozenset(),
    own_words: FindWords | None = None,
) -> Iterator[Line | Pause | None]:
    """The segments of at most ``max_characters`` in order, and the writer's pauses; None for a segment without anything
    to say, so that nobody waits long for the next. ``language`` is the voice's."""
    first = True
    for part in passages.passages(script, language):
        if isinstance(part, Pause):
            yield part
            continue
        if own_words is not None:
            part = passages.with_words(part, own_words(part.text, part.style))
        for line in _lines(part, max_characters, part.style.language or language, known, first):
            first = False
            yield line if line.is_speakable or line.reading.words or line.reading.unread else None


def _lines(passage: Passage, max_characters: int, language: str, known: Container[str], first: bool) -> Iterator[Line]:
    segments = split(
        passage.text,
        max_characters,
        language=language.split("-")[0],
        is_speakable=lambda text: not text.isspace() and text != "",
        **({} if first else {"first_characters": max_characters}),
    )
    marked = 0  # up to here the marks are with segments
    readings: dict[str, Reading] = {}
    for index, segment in enumerate(segments):
        last = index + 1 == len(segments)
        here = passage.marks_within(marked, len(passage.text) + 1 if last else segment.end)
        marked = segment.end
        start, end = passage.source(segment.start, segment.end)
        yield Line(
            segment.text,
            start,
            end,
            passage.style,
            language,
            None if last else passage.text[segment.end : segments[index + 1].start],
            tuple((passage.source(place, place)[0], name) for place, name in here),
            passages.within(passage.fixed, segment.start, segment.end),
            known,
            lambda a, b, offset=segment.start: passage.source(a + offset, b + offset),  # type: ignore[misc]
            readings,
        )


_WORTH_WORDS = re.compile(r"[\d$€£¥₠-₿¢%‰½¼¾⅐-⅞²³°×÷±≤≥≠]")


def in_words(text: str, language: str) -> str:
    """``text`` with numbers, amounts and dates in words, everything else as it is written."""
    if not _WORTH_WORDS.search(text):
        return text
    if not is_english(language):
        return neutral.numbers_in_words(text, language)
    out: list[str] = []
    at, last = 0, (-1, -1)
    for word in read_english(text).words:
        place = word.start, word.end
        if not _WORTH_WORDS.search(text, *place):
            continue
        if place == last:
            out.append(word.spoken if word.is_pause else f" {word.spoken}")
        else:
            out += [text[at : word.start], word.spoken]
        at, last = word.end, place
    return "".join([*out, text[at:]])
