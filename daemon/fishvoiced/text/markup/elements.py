"""What each element of SSML and HTML does to the text in it."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from fishvoiced.text.markup import values
from fishvoiced.text.markup.builder import MAX_DEPTH, Builder, Hints
from fishvoiced.text.markup.tags import Plain, Tag, find
from fishvoiced.text.spans import Prosody, Style

SSML = frozenset(
    [
        "speak", "break", "prosody", "say-as", "sub", "phoneme", "mark", "p", "s", "paragraph", "sentence", "lang",
        "voice", "audio", "emphasis", "w", "token", "desc", "lexicon", "lookup", "meta", "metadata",
    ]
)  # fmt: skip
BLOCKS = frozenset(
    [
        "p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "li", "tr", "table", "ul", "ol", "blockquote", "section",
        "article", "header", "footer", "hr", "pre", "figure", "figcaption", "dl", "dt", "dd", "main", "nav", "aside",
        "form", "fieldset", "title", "summary", "details", "address", "caption", "thead", "tbody", "option",
    ]
)  # fmt: skip
_INLINE = frozenset(
    [
        "a", "abbr", "b", "bdi", "bdo", "big", "br", "button", "center", "cite", "code", "del", "dfn", "em", "font",
        "i", "img", "input", "ins", "kbd", "label", "map", "mark", "picture", "q", "rp", "rt", "ruby", "samp", "small",
        "source", "span", "strike", "strong", "sub", "sup", "td", "th", "time", "tt", "u", "var", "wbr", "html", "body",
        "head", "script", "style", "template", "noscript", "svg", "math", "iframe", "object", "video", "canvas",
        "select", "textarea", "link", "base", "col", "colgroup",
    ]
)  # fmt: skip
HTML = BLOCKS | _INLINE
_HIDDEN = frozenset([
    "script", "style", "template", "head", "svg", "math", "iframe", "object", "canvas", "meta", "metadata", "lexicon",
    "desc", "rp",
])  # fmt: skip
_EMPTY = frozenset([
    "br", "hr", "img", "input", "wbr", "source", "link", "base", "meta", "col", "break", "mark", "lexicon",
])  # fmt: skip
_SENTENCES = frozenset({"p", "s", "paragraph", "sentence"})
_RAISED = str.maketrans("0123456789+-n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ")
_LOWERED = str.maketrans("0123456789+-", "₀₁₂₃₄₅₆₇₈₉₊₋")


class _Open(NamedTuple):
    """An element that is open, and what was in force before it."""

    name: str
    style: Style
    hints: Hints
    alias_until: bool
    table: dict[int, int] | None


class Elements:
    """Takes the tags and texts of a source in order. ``ssml``: inside ``<speak>``, where unknown tags are ignored;
    elsewhere a tag that is no known one is text."""

    def __init__(self, builder: Builder, *, ssml: bool) -> None:
        self._builder = builder
        self._ssml = ssml
        self._open: list[_Open] = []
        self._ignored = 0  # open elements beyond MAX_DEPTH
        self._hidden = 0
        self._table: dict[int, int] | None = None
        self._alias: tuple[str, int, int] | None = None

    def read(self, source: str, start: int, end: int) -> None:
        for found in find(source, start, end):
            if isinstance(found, Plain):
                self.text(found)
            elif self._ssml or found.name in HTML or (found.name in SSML):
                self.tag(found)
            else:
                self.text(Plain(source[found.start : found.end], found.start, found.end))

    def close_all(self, at: int) -> None:
        while self._open:
            self._close(self._open[-1].name, at)

    def text(self, plain: Plain) -> None:
        if self._hidden:
            return
        if self._alias is not None:  # the alias stands for all of the element's text
            alias, start, _ = self._alias
            self._alias = alias, start if start >= 0 else plain.start, plain.end
            return
        text = plain.text.translate(self._table) if self._table else plain.text
        self._builder.text(text, plain.start, plain.end)

    def tag(self, tag: Tag) -> None:
        if tag.opens:
            self._begin(tag)
        if tag.closes or (tag.opens and tag.name in _EMPTY and not self._is_container(tag)):
            self._close(tag.name, tag.start)

    def _is_container(self, tag: Tag) -> bool:
        """HTML's ``<mark>`` encloses text, SSML's has a name and none."""
        return tag.name == "mark" and "name" not in tag.attributes

    def _begin(self, tag: Tag) -> None:
        builder = self._builder
        if len(self._open) >= MAX_DEPTH:
            self._ignored += 1
            return
        self._open.append(_Open(tag.name, builder.style, builder.hints, self._alias is not None, self._table))
        if tag.name in _HIDDEN:
            self._hidden += 1
        if self._hidden or (self._alias is not None and tag.name != "mark"):
            return  # an alias stands for all that is in its element
        if tag.name in BLOCKS or (self._ssml and tag.name in _SENTENCES):
            builder.boundary(tag.start)
        action = _ACTIONS.get(tag.name)
        if action is not None:
            action(self, tag)

    def _close(self, name: str, at: int) -> None:
        builder = self._builder
        if self._ignored and all(element.name != name for element in self._open[-1:]):
            self._ignored -= 1
            return
        if not any(element.name == name for element in self._open):
            return  # closes what was never opened
        while True:
            element = self._open.pop()
            if element.name in _HIDDEN:
                self._hidden -= 1
            if self._alias is not None and not element.alias_until:
                self._say_alias()
            builder.style, builder.hints, self._table = element.style, element.hints, element.table
            if element.name == name:
                break
        if self._hidden or self._alias is not None:
            return
        if name in BLOCKS or (self._ssml and name in _SENTENCES):
            builder.boundary(at)
        elif name in ("td", "th"):
            builder.boundary(at, ", ")

    def _say_alias(self) -> None:
        assert self._alias is not None
        alias, start, end = self._alias
        self._alias = None
        if start >= 0:
            self._builder.hints = replace(self._builder.hints, alias=alias)
            self._builder.text(self._builder.source_text(start, end), start, end)

    def break_(self, tag: Tag) -> None:
        time = tag.attributes.get("time")
        length = values.seconds(time) if time is not None else None
        if time is not None and length is None:
            self._builder.notice(f"a break of {time[:40]!r} cannot be understood; write 2s or 500ms")
        if length is None:
            length = values.STRENGTHS.get(tag.attributes.get("strength", "medium"), 0.5)
        self._builder.pause(length, tag.start, tag.end)

    def prosody(self, tag: Tag) -> None:
        read = {
            name: reader(tag.attributes[name])
            for name, reader in (("rate", values.rate), ("pitch", values.pitch), ("volume", values.volume))
            if name in tag.attributes
        }
        for name in [name for name, value in read.items() if value is None]:
            self._builder.notice(f"{name} {tag.attributes[name][:40]!r} cannot be understood and is ignored")
        self._builder.change(Prosody(**{name: value for name, value in read.items() if value is not None}))

    def say_as(self, tag: Tag) -> None:
        kind = tag.attributes.get("interpret-as") or tag.attributes.get("type")
        if kind:
            form = tag.attributes.get("format")
            kind = kind.partition(":")[2] or kind  # "vxml:date"
            self._builder.hints = Hints(say_as=f"{kind}:{form}" if form else kind)

    def sub(self, tag: Tag) -> None:
        if "alias" in tag.attributes and not tag.closes:
            if self._alias is None:
                self._alias = tag.attributes["alias"], -1, -1
        elif not self._ssml:
            self._table = _LOWERED

    def phoneme(self, tag: Tag) -> None:
        phones = tag.attributes.get("ph")
        if phones and tag.attributes.get("alphabet", "ipa").lower() == "ipa":
            self._builder.hints = Hints(phones=phones)
        elif phones:
            self._builder.notice(f"the alphabet {tag.attributes['alphabet'][:40]!r} is unknown: write ipa")

    def mark(self, tag: Tag) -> None:
        if "name" in tag.attributes:
            self._builder.mark(tag.attributes["name"], tag.start)

    def language(self, tag: Tag) -> None:
        language = tag.attributes.get("lang")
        if language:
            self._builder.style = replace(self._builder.style, language=language)

    def voice(self, tag: Tag) -> None:
        self.language(tag)
        name = tag.attributes.get("name")
        if name:
            self._builder.style = replace(self._builder.style, voice=name)

    def line_break(self, tag: Tag) -> None:
        self._builder.boundary(tag.start, "\n")

    def image(self, tag: Tag) -> None:
        if tag.attributes.get("alt"):
            self._builder.text(tag.attributes["alt"], tag.start, tag.end)

    def program(self, tag: Tag) -> None:
        self._builder.hints = Hints(code=True)

    def raised(self, tag: Tag) -> None:
        self._table = _RAISED


_ACTIONS = {
    "break": Elements.break_,
    "prosody": Elements.prosody,
    "say-as": Elements.say_as,
    "sub": Elements.sub,
    "phoneme": Elements.phoneme,
    "mark": Elements.mark,
    "speak": Elements.language,
    "lang": Elements.language,
    "p": Elements.language,
    "s": Elements.language,
    "voice": Elements.voice,
    "br": Elements.line_break,
    "img": Elements.image,
    "pre": Elements.program,
    "sup": Elements.raised,
}
