"""Markdown → spans. The only door to ``markdown_it`` (CommonMark with tables and strikethrough).

The library tells the lines of a block, but not the columns of what is in a line. So its texts, which are pieces of
the source in the source's order, are looked up from where the last one ended; a link's target is stepped over first.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import accumulate

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from fishvoiced.text.markup.builder import Builder, Hints
from fishvoiced.text.markup.elements import Elements
from fishvoiced.text.markup.tags import Plain

_TARGET = re.compile(
    r"\](?:\(\s{0,8}(?:<[^<>\n]{0,2000}>|(?:\\.|[^()\s\\]|\((?:\\.|[^()\s\\]){0,500}\)){0,2000})"
    r"(?:\s{1,8}(?:\"[^\"]{0,500}\"|'[^']{0,500}'|\([^()]{0,500}\)))?\s{0,8}\)|\[[^\[\]]{0,500}\])?"
)
_BREAKS = frozenset(
    f"{block}_{side}"
    for block in ("paragraph", "heading", "list_item", "blockquote", "tr", "table")
    for side in ("open", "close")
) | {"hr"}
_IN_LINE = re.compile(r"[\n\\`*_\[\]!<>&~]")
"""Without one of these, a text is only text."""
# Without its sign nowhere in the text, a rule of the parser has nothing to do.
_SIGNS = {
    rule: re.compile(sign, re.MULTILINE)
    for rule, sign in {
        "fence": "```|~~~", "blockquote": ">", "hr": r"(?:-[ \t]*){3}|(?:\*[ \t]*){3}|(?:_[ \t]*){3}",
        "reference": r"\]:", "html_block": "<", "heading": "#", "lheading": r"^[ \t>]{0,99}(?:=+|-+)[ \t]*$",
        "table": r"\|", "backticks": "`", "strikethrough": "~~", "emphasis": "[*_]", "link": r"\[", "image": r"!\[",
        "autolink": "<", "html_inline": "<", "entity": "&", "escape": r"\\",
    }.items()
}  # fmt: skip
_WIDE = re.compile(r"^(?:[^|\n]{0,300}\|){100}", re.MULTILINE)
_MANY_BRACKETS = re.compile(r"(?:[\[\]!()]){200}")


def read(builder: Builder, source: str, code_blocks: str, *, indented_code: bool) -> None:
    """All of ``source``. ``code_blocks``: "read" or "skip"; ``indented_code``: four blanks make code."""
    tamed = _tamed(source)
    idle = frozenset(rule for rule, sign in _SIGNS.items() if not sign.search(tamed))
    if _WIDE.search(tamed):  # every row would be filled up to the first one's width
        idle |= {"table"}
    reader = _Reader(builder, source, tamed, code_blocks)
    parser = _parser(idle if indented_code else idle | {"code"})
    with _collector_paused():
        for token in parser.parse(tamed):
            reader.block(token)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """The parser makes a great many objects and no garbage; the collector would go through them over and over."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@lru_cache(maxsize=64)
def _parser(idle: frozenset[str]) -> MarkdownIt:
    """``idle``: rules that the text gives nothing to do. Every one costs time in every line."""
    parser = MarkdownIt("commonmark", {"maxNesting": 20}).enable(["table", "strikethrough"])
    parser.disable("text_join")  # keeps escapes and entities apart from the text that is the source's own
    parser.core.ruler.at("inline", _inline)
    return parser.disable(list(idle))


def _inline(state: StateCore) -> None:
    """The library's rule, less its work where there is nothing but text: then an inline token has no children."""
    for token in state.tokens:
        if token.type == "inline" and _IN_LINE.search(token.content):
            token.children = []
            state.md.inline.parse(token.content, state.md, state.env, token.children)


def _tamed(source: str) -> str:
    """As long as ``source``; runs of brackets that can be no links are made letters, since they cost most, and what
    the parser would replace itself is replaced alike."""
    source = source.replace("\x00", "\ufffd").replace("\r\n", " \n").replace("\r", "\n")
    return _MANY_BRACKETS.sub(lambda run: "x" * len(run[0]), source)


class _Reader:
    """Block tokens in order → spans. ``_at``: how far into the source the texts have come."""

    def __init__(self, builder: Builder, source: str, tamed: str, code_blocks: str) -> None:
        self._builder = builder
        self._source = source
        self._tamed = tamed  # what the parser has seen
        self._skips_code = code_blocks == "skip"
        self._lines = [0, *accumulate(len(line) for line in re.split("(?<=\n)", tamed))]
        self._last = len(self._lines) - 1
        self._at = 0
        self._numbered = False  # a list's number has been read, and its text follows
        self._elements = Elements(builder, ssml=False)

    def block(self, token: Token) -> None:
        if token.hidden:  # a paragraph that is all of a list's item: the item is the break
            self._numbered = False
            return
        if token.map is not None:
            self._at = max(self._at, self._lines[min(token.map[0], self._last)])
        if token.type in _BREAKS:
            self._break(token)
        elif token.type == "inline":
            self._inline(token)
        elif token.type in ("th_close", "td_close"):
            self._builder.boundary(self._at, ", ")
        elif token.type in ("fence", "code_block"):
            self._code(token)
        elif token.type == "html_block":
            start = self._at
            end = self._lines[min(token.map[1], len(self._lines) - 1)] if token.map else start
            self._elements.read(self._source, start, end)
            self._at = end

    def _break(self, token: Token) -> None:
        if token.type == "paragraph_open" and self._numbered:
            self._numbered = False
            return
        self._builder.boundary(self._at)
        if token.info and token.type == "list_item_open":
            self._number(token.info + token.markup)

    def _number(self, number: str) -> None:
        """An ordered list's number is a word of the writer's."""
        found = self._tamed.find(number, self._at)
        if found >= 0:
            blank = self._tamed.startswith(" ", found + len(number))
            self._say(f"{number} ", found, len(number) + blank)
            self._numbered = True

    def _code(self, token: Token) -> None:
        assert token.map is not None
        first, last = (self._lines[min(line, len(self._lines) - 1)] for line in token.map)
        self._builder.boundary(first)
        self._builder.announce("code block:" if not self._skips_code else "code block, skipped.", first)
        self._builder.boundary(first)
        if not self._skips_code:
            self._code_lines(token, first, last)
        self._at = last
        self._builder.boundary(last)

    def _code_lines(self, token: Token, first: int, last: int) -> None:
        if token.type == "fence":
            first = self._tamed.find("\n", first, last) + 1 or last
        self._builder.hints = Hints(code=True)
        content = token.content.rstrip("\n")
        start = self._tamed.find(content, first, last)
        if start >= 0:
            self._builder.text(self._source[start : start + len(content)], start, start + len(content))
        else:  # indented or quoted: line by line
            self._at = first
            for line in content.split("\n"):
                self._find_and_say(line.strip(), last)
                self._builder.text("\n", self._at, self._at)
        self._builder.hints = Hints()

    def _inline(self, token: Token) -> None:
        end = self._lines[min(token.map[1], len(self._lines) - 1)] if token.map else len(self._source)
        if token.children:
            self._children(token.children, end)
        else:
            self._find_and_say(token.content, end)

    def _children(self, tokens: Iterable[Token], end: int) -> None:
        for token in tokens:
            if (token.type == "text" and token.content) or token.type == "text_special":
                self._find_and_say(token.content, end, token.markup)
            elif token.type == "code_inline":
                self._find_and_say(token.content, end)
            elif token.type in ("softbreak", "hardbreak"):
                newline = self._tamed.find("\n", self._at, end)
                self._say("\n", newline if newline >= 0 else self._at, 1 if newline >= 0 else 0)
            elif token.type == "html_inline":
                self._tag(token.content, end)
            elif token.type == "link_close" and token.markup != "autolink":
                self._step_over_target(end)
            elif token.type == "image":
                self._children(token.children or (), end)
                self._step_over_target(end)

    def _find_and_say(self, text: str, end: int, written: str = "") -> None:
        """``text`` from the place where it stands next; ``written``: what stands for it there (an entity)."""
        if not text:
            return
        looked_for = written if written and written != text else text
        found = self._tamed.find(looked_for, self._at, end)
        if found >= 0:
            said = self._source[found : found + len(text)] if looked_for is text else text
            self._say(said, found, len(looked_for))
        else:  # changed by the parser (a tab, a line break inside code): what comes next stands for it
            start, self._at = self._at, max(self._at, min(self._at + len(text), end))
            self._elements.text(Plain(text, start, self._at))

    def _say(self, text: str, start: int, length: int | None = None) -> None:
        self._at = start + (len(text) if length is None else length)
        self._elements.text(Plain(text, start, self._at))

    def _tag(self, written: str, end: int) -> None:
        found = self._tamed.find(written, self._at, end)
        if found >= 0:
            self._at = found + len(written)
            self._elements.read(self._source, found, self._at)

    def _step_over_target(self, end: int) -> None:
        bracket = self._tamed.find("]", self._at, end)
        target = _TARGET.match(self._tamed, bracket, end) if bracket >= 0 else None
        if target is not None:
            self._at = target.end()
