"""Marked-up text as screen readers send it: plain text for the voice, and the marks with their places in it.

Speech Synthesis Markup Language (W3C Recommendation, version 1.1), read forgivingly: what is no markup is text, so
that a stray ``<`` or ``&`` in somebody's document never silences it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

from fishvoice.protocol import Markup

# An attribute's value holds no "<" in XML, and neither comments nor CDATA sections hold another one's beginning here:
# that keeps the search linear in any garbage.
_VALUE = r"""\s*=\s*(?:"[^"<]*"|'[^'<]*')"""
_TAG = re.compile(
    r"<!--(?:(?!<!--).)*?-->|<!\[CDATA\[(?P<cdata>(?:(?!<!\[CDATA\[).)*?)\]\]>|<\?[^<>]*\?>|<![A-Z][^<>]*>"
    rf"|<(?P<close>/)?(?P<name>[A-Za-z][\w:.-]*)(?P<attributes>(?:\s+[\w:.-]+{_VALUE})*)\s*(?P<empty>/)?>",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r"""([\w:.-]+)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')""")
_SHAPES_SOUND = re.compile(r"<(?:break|prosody|say-as|phoneme|sub|voice|lang)\b")
_SENTENCES = frozenset({"p", "s", "paragraph", "sentence"})


@dataclass(frozen=True)
class Mark:
    """``<mark name="…"/>`` before character ``offset`` of the text."""

    name: str
    offset: int


@dataclass(frozen=True)
class MarkedText:
    """``marks`` in the order of the text."""

    text: str
    marks: tuple[Mark, ...] = ()
    markup: Markup = "plain"


def read(source: str) -> MarkedText:
    """``source`` without its markup. Text that is in no ``<speak>`` element is taken as it is."""
    if not re.match(r"\s*(?:<\?[^<>]*\?>\s*)?<speak\b", source):
        return MarkedText(source)
    return _Reading().read(source)


def with_markup(source: str) -> MarkedText | None:
    """``source`` itself, its marks counted in it, where it asks for more than words and marks; else None."""
    if not _SHAPES_SOUND.search(source):
        return None
    marks = []
    for tag in _TAG.finditer(source):
        if tag["name"] is not None and tag["name"].rpartition(":")[2].lower() == "mark" and not tag["close"]:
            names = {key: html.unescape(one or two) for key, one, two in _ATTRIBUTE.findall(tag["attributes"])}
            if "name" in names:
                marks.append(Mark(names["name"], tag.start()))
    return MarkedText(source, tuple(marks), "ssml")


def parts(marked: MarkedText, limit: int) -> Iterator[MarkedText]:
    """``marked`` in pieces of at most ``limit`` characters, cut at white space where there is any."""
    start = 0
    while len(marked.text) - start > limit:
        cut = marked.text.rfind(" ", start + 1, start + limit) + 1 or start + limit
        yield _slice(marked, start, cut)
        start = cut
    yield _slice(marked, start, len(marked.text) + 1)


def _slice(marked: MarkedText, start: int, end: int) -> MarkedText:
    inside = tuple(Mark(mark.name, mark.offset - start) for mark in marked.marks if start <= mark.offset < end)
    return MarkedText(marked.text[start:end], inside, marked.markup)


class _Reading:
    """The text so far, and what the open elements do to it."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._length = 0
        self._marks: list[Mark] = []
        self._hidden: str | None = None  # the element whose content is replaced by something else

    def read(self, source: str) -> MarkedText:
        position = 0
        for tag in _TAG.finditer(source):
            self._say(html.unescape(source[position : tag.start()]))
            position = tag.end()
            if tag["cdata"] is not None:
                self._say(tag["cdata"])
            elif tag["name"] is not None:
                self._tag(tag["name"].rpartition(":")[2].lower(), tag)
        self._say(html.unescape(source[position:]))
        return MarkedText("".join(self._text), tuple(self._marks))

    def _say(self, text: str) -> None:
        if self._hidden is None and text:
            self._text.append(text)
            self._length += len(text)

    def _tag(self, name: str, tag: re.Match[str]) -> None:
        if tag["close"]:
            if name == self._hidden:
                self._hidden = None
            elif name in _SENTENCES:
                self._say("\n")
            return
        attributes = {key: html.unescape(one or two) for key, one, two in _ATTRIBUTE.findall(tag["attributes"])}
        if name == "mark" and "name" in attributes:
            self._marks.append(Mark(attributes["name"], self._length))
        elif name == "sub" and "alias" in attributes and not tag["empty"]:
            self._say(attributes["alias"])
            self._hidden = self._hidden or name
        elif name == "break":
            self._say(" ")
