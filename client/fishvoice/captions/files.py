"""Caption files: words grouped to lines that can be read, as SubRip, WebVTT or JSON. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath

from fishvoice.captions.words import TimedWord
from fishvoice.errors import InvalidRequest

LINE_CHARACTERS = 42  # a line of broadcast captions
LINE_SECONDS = 5.0
_ABBREVIATION = re.compile(r"[A-Z][a-z]{0,2}\.")
_ENDS = (".", "!", "?", "…", "。", "！", "？")


def check(path: str | PurePath) -> None:
    """Raises InvalidRequest for a suffix that names no format of captions."""
    if PurePath(path).suffix.lower() not in _WRITERS:
        raise InvalidRequest(f"{path}: captions are written as .srt, .vtt or .json")


def write(words: Sequence[TimedWord], path: str | PurePath) -> str:
    """The content of a file of captions called ``path``. Raises InvalidRequest."""
    check(path)
    return _WRITERS[PurePath(path).suffix.lower()](words)


def lines(words: Iterable[TimedWord]) -> Iterator[list[TimedWord]]:
    """Words that stand on the screen together: a sentence, or as much of it as a line takes."""
    line: list[TimedWord] = []
    for word in words:
        width = sum(len(each.word) + 1 for each in line) + len(word.word)
        if line and (width > LINE_CHARACTERS or word.end - line[0].start > LINE_SECONDS):
            yield line
            line = []
        line.append(word)
        if word.word.rstrip("\"'”’»)]").endswith(_ENDS) and not _ABBREVIATION.fullmatch(word.word):
            yield line
            line = []
    if line:
        yield line


def _srt(words: Sequence[TimedWord]) -> str:
    cues = [
        f"{number}\n{_clock(line[0].start, ',')} --> {_clock(line[-1].end, ',')}\n{_text(line)}\n"
        for number, line in enumerate(lines(words), 1)
    ]
    return "\n".join(cues)


def _vtt(words: Sequence[TimedWord]) -> str:
    cues = [
        f"{_clock(line[0].start, '.')} --> {_clock(line[-1].end, '.')}\n{_escaped(_text(line))}\n"
        for line in lines(words)
    ]
    return "\n".join(["WEBVTT\n", *cues])


def _json(words: Sequence[TimedWord]) -> str:
    return json.dumps([word._asdict() for word in words], ensure_ascii=False, indent=1) + "\n"


def _text(line: Sequence[TimedWord]) -> str:
    return " ".join(word.word for word in line)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(seconds: float, point: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{milliseconds // 1000:02}{point}{milliseconds % 1000:03}"


_WRITERS = {".srt": _srt, ".vtt": _vtt, ".json": _json}
