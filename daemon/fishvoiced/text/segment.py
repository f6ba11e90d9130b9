"""A request's text in segments: sentences of a length that the model speaks well, each with its place.

Sentences are found by ``sentencex`` (MIT, Wikimedia: abbreviations of some 300 languages, character offsets,
native code). This file is its only door and lives around its limits: its time is quadratic in some scripts, so
it sees windows; it panics on some texts with foreign white space, so it sees plain blanks.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import sentencex

from fishvoiced.text.normalize import speakable

MERGE_CHARACTERS = 120
FIRST_CHARACTERS = 100
TINY = 3  # letters and digits; "Dr.", "No.", "1." are no sentences of their own

Span: TypeAlias = tuple[int, int]

_WINDOW = 4096
_WRAPPED_LINE = 60  # a line of at least this length probably goes on in the next one
_NARROW_LINE = 30  # likewise, if the next one does not begin with a capital letter
_BREAKS = re.compile("[\r\v\f\x1c-\x1e\x85\u2028\u2029](?!\n)")
_BLANKS = re.compile(r"[^\S\n]|[\x00-\x09\x0e-\x1f\x7f-\x9f\u200b\u2060\ufeff]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_MARKER = r"(?:[-*+•–—▪◦‣·]|\(?\w{1,3}[.)])"
_LIST_ITEM = re.compile(rf"{_MARKER}\s+\S")
_MARKED = re.compile(_MARKER)
# The end of a sentence inside a quotation or brackets, which sentencex keeps in one piece.
_INNER_STOP = re.compile(r"(?<=[^\W\d]{3})[.!?…][\"'”’)\]]*\s+(?=[\"'“‘(\[]*[^\W\d_a-z])|[。！？]+[”’」』）]*")
_CLAUSE = re.compile(r"[,;:][\"'”’)\]]*\s+|\s[-–—]+\s+|—|[，、；：،؛]+[”’」』）]*")
_SPACE = re.compile(r"\s+")
_STOP_INSIDE = re.compile(r"[.!?][^.!?\s]{0,8}\s")  # no other ASCII text has two sentences
# Abbreviations sentencex takes for the end of a sentence.
_MISSED_ABBREVIATION = re.compile(r"(?:^|\W)(?:vs|cf|approx|incl|excl|resp|attn|bldg|ste|rte)\.\s*$", re.IGNORECASE)
_NUMBERING = re.compile(
    r"(?:^|\W)(?:vols?|chap|ch|sect?|figs?|nos?|eq|art|ext|apt|rm|pp?|ep|ver|est)\.\s*$", re.IGNORECASE
)
_IN_ROMAN = re.compile(r"(?:^|\W)(?:vols?|chap|ch|sect?|figs?|art|pt|bk|ep)\.\s*$", re.IGNORECASE)
_ROMAN = re.compile(r"[IVXLC]{1,7}\b")


class Segment(NamedTuple):
    """``text`` is the request's own, ``request[start:end]``; normalize it before it is spoken."""

    text: str
    start: int
    end: int


def split(
    text: str,
    max_characters: int,
    *,
    first_characters: int = FIRST_CHARACTERS,
    merge_characters: int = MERGE_CHARACTERS,
    language: str = "en",
    is_speakable: Callable[[str], bool] = speakable,
) -> list[Segment]:
    """Cut ``text`` into segments of at most ``max_characters``; what cannot be spoken is left out.

    Short neighbors of one paragraph are merged up to ``merge_characters``, since every segment costs a prefill.
    The first sentence stays alone, and is cut at a comma if longer than ``first_characters``, so that sound
    starts soon. ``language`` is an ISO 639 code; an unknown one is read as English. Segments that are not
    ``is_speakable`` are left out. Linear in the text.
    """
    if max_characters < 1:
        raise ValueError(f"max_characters must be at least 1, not {max_characters}")
    plain = _plain(text)
    spans: list[Span] = []
    for block in _blocks(plain):
        if spans and block[1] - block[0] <= min(merge_characters, max_characters):
            merged = [_stripped(plain, block)]  # whatever its sentences are, they would be merged
        else:
            sentences = list(_sentences(plain, block, language))
            if not spans:
                sentences = _quick_start(plain, sentences, min(first_characters, max_characters))
            pieces = [piece for sentence in sentences for piece in _fit(plain, sentence, max_characters)]
            merged = _merge(plain, pieces, max_characters, merge_characters, alone=not spans)
        spans += (span for span in merged if is_speakable(text[slice(*span)]))
    return [Segment(text[start:end], start, end) for start, end in spans]


def _plain(text: str) -> str:
    """As long as ``text``, with no white space but blanks and line feeds, no control characters or surrogates."""
    return _SURROGATES.sub("\ufffd", _BLANKS.sub(" ", _BREAKS.sub("\n", text)))


def _blocks(text: str) -> Iterator[Span]:
    """Paragraphs, headings and list items: stretches whose line feeds are only typesetting."""
    lines = [(match.start(), match.end()) for match in re.finditer(r"[^\n]+", text)]
    start = None
    for line, following in pairwise([*lines, (len(text), len(text))]):
        start = line[0] if start is None else start
        adjacent = following[0] == line[1] + 1
        if not (adjacent and _goes_on(text[slice(*line)], text[slice(*following)])):
            if not text[start : line[1]].isspace():
                yield start, line[1]
            start = None


def _goes_on(line: str, following: str) -> bool:
    """Whether the next line continues this one."""
    line, following = line.strip(), following.strip()
    if not line or not following or (len(line) < _NARROW_LINE and not _MARKED.fullmatch(line)):
        return False
    if _LIST_ITEM.match(following):
        return False
    return len(line) >= _WRAPPED_LINE or not following[0].isupper() or len(line) < _NARROW_LINE


def _sentences(text: str, block: Span, language: str) -> Iterator[Span]:
    """The sentences of ``block``, without a gap between them."""
    start, end = block
    begun = start
    while start < end:
        window = text[start : min(start + _WINDOW, end)].replace("\n", " ")
        ends = _sentence_ends(window, language)
        if start + len(window) < end:  # the last sentence may go on behind the window
            ends = ends[:-1] or [window.rfind(" ") + 1 or len(window)]
        for stop in ends:
            if start + stop == end or _is_break(window, stop):
                yield begun, start + stop
                begun = start + stop
        start += ends[-1]


def _sentence_ends(window: str, language: str) -> list[int]:
    if window.isascii() and not _STOP_INSIDE.search(window):
        return [len(window)]
    return [found["end_index"] for found in sentencex.get_sentence_boundaries(language, window)]


def _is_break(window: str, stop: int) -> bool:
    """Refuse breaks inside words and names, as in "System.Out", and behind abbreviations."""
    if window[stop - 1].isascii() and not window[stop - 1].isspace():
        return False
    behind = max(0, stop - 12)
    if window[stop : stop + 1].isdecimal() and _NUMBERING.search(window, behind, stop):
        return False
    if _ROMAN.match(window, stop) and _IN_ROMAN.search(window, behind, stop):
        return False
    return not _MISSED_ABBREVIATION.search(window, behind, stop)


def _quick_start(text: str, sentences: list[Span], limit: int) -> list[Span]:
    """Cut a long first sentence at its last stop or comma before ``limit``, unless that leaves next to nothing."""
    if not sentences or sentences[0][1] - sentences[0][0] <= limit:
        return sentences
    start, end = sentences[0]
    places = start + limit // 3, start + limit, start + limit
    cut = _nearest(_INNER_STOP, text, *places) or _nearest(_CLAUSE, text, *places)
    return [(start, cut), (cut, end), *sentences[1:]] if cut else sentences


def _fit(text: str, sentence: Span, limit: int) -> Iterator[Span]:
    """Parts of ``sentence`` within ``limit``, about equal: cut behind a stop, a comma, a blank, or just anywhere."""
    start, end = _stripped(text, sentence)
    while end - start > limit:
        parts = -(-(end - start) // limit)
        target = start + (end - start) // parts
        cut = (
            _nearest(_INNER_STOP, text, start + limit // 3, start + limit, target)
            or _nearest(_CLAUSE, text, start + limit // 3, start + limit, target)
            or _nearest(_SPACE, text, start, start + limit, target)
            or _between_characters(text, start, start + limit)
        )
        yield start, cut
        start, end = _stripped(text, (cut, end))
    if start < end:
        yield start, end


def _nearest(pattern: re.Pattern[str], text: str, low: int, high: int, target: int) -> int | None:
    """The end of the match within (low, high] that is closest to ``target``."""
    cuts = [match.end() for match in pattern.finditer(text, low, high) if match.end() > low]
    return min(cuts, key=lambda cut: abs(cut - target), default=None)


def _between_characters(text: str, start: int, cut: int) -> int:
    """Move ``cut`` back so that no combining mark is parted from its letter, but not for ever."""
    for place in range(cut, max(start, cut - 8), -1):
        if not unicodedata.category(text[place]).startswith("M"):
            return place
    return cut


def _merge(text: str, pieces: Iterable[Span], limit: int, wanted: int, alone: bool) -> list[Span]:
    """Join short neighbors. ``alone``: the first result is to stay as short as it is."""
    merged: list[Span] = []
    for piece in (_stripped(text, span) for span in pieces):
        if merged:
            start, end = merged[-1]
            joined = piece[1] - start
            short = joined <= wanted and not (alone and len(merged) == 1)
            if joined <= limit and (short or _is_tiny(text, (start, end))):
                merged[-1] = start, piece[1]
                continue
        merged.append(piece)
    if len(merged) > 1 and _is_tiny(text, merged[-1]) and merged[-1][1] - merged[-2][0] <= limit:
        end = merged.pop()[1]
        merged[-1] = merged[-1][0], end
    return merged


def _is_tiny(text: str, span: Span) -> bool:
    return span[1] - span[0] < 64 and sum(map(str.isalnum, text[slice(*span)])) <= TINY


def _stripped(text: str, span: Span) -> Span:
    start, end = span
    part = text[start:end]
    if part and not (part[0].isspace() or part[-1].isspace()):
        return span
    return start + len(part) - len(part.lstrip()), end - (len(part) - len(part.rstrip()))
