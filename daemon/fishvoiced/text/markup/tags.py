"""Tags, entities and comments of XML and HTML in a text, found forgivingly and in linear time. Nothing is expanded
but single characters, so that no document can grow."""

from __future__ import annotations

import html
import html.entities
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

MAX_ATTRIBUTE_CHARACTERS = 2000

_MOST = f"{{0,{MAX_ATTRIBUTE_CHARACTERS}}}"
_VALUE = rf"""\s{{0,8}}=\s{{0,8}}(?:"[^"<]{_MOST}"|'[^'<]{_MOST}'|[^\s"'<>=]{{1,256}})"""
_TAG = re.compile(
    rf"<(?P<close>/)?(?P<name>[A-Za-z][\w:.-]{{0,63}})(?P<attributes>(?:\s{{1,16}}[\w:@.-]{{1,64}}(?:{_VALUE})?){{0,32}})"
    r"\s{0,16}(?P<empty>/)?>"
)
_ATTRIBUTE = re.compile(r"""([\w:@.-]+)\s*=\s*(?:"([^"<]*)"|'([^'<]*)'|([^\s"'<>=]+))""")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_INSTRUCTION = re.compile(r"<\?[^<>]{0,2000}\?>|<![A-Za-z][^<>]{0,2000}(?:\[[^\]]{0,20000}\]\s*)?>")
_NEXT = re.compile("[<&]")


class Plain(NamedTuple):
    """``text`` stands for ``source[start:end]``."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Tag:
    """``<name …>`` at ``source[start:end]``. ``name`` is in lower case and without a namespace."""

    name: str
    start: int
    end: int
    attributes: dict[str, str] = field(default_factory=dict)
    opens: bool = True
    closes: bool = False


Found: TypeAlias = Plain | Tag


def find(source: str, start: int, end: int) -> Iterator[Found]:
    """Text and tags of ``source[start:end]`` in order; comments and instructions vanish; garbage is text."""
    text_from = at = start
    unclosed = frozenset[str]()
    while True:
        hit = _NEXT.search(source, at, end)
        if hit is None:
            break
        at = hit.start()
        found, stop, unclosed = _at(source, at, end, unclosed)
        if stop is None:
            at += 1
            continue
        if text_from < at:
            yield Plain(source[text_from:at], text_from, at)
        if found is not None:
            yield found
        text_from = at = stop
    if text_from < end:
        yield Plain(source[text_from:end], text_from, end)


def _at(source: str, at: int, end: int, unclosed: frozenset[str]) -> tuple[Found | None, int | None, frozenset[str]]:
    """What begins at ``at``, where it ends (None: nothing does), and the brackets known to have no end."""
    if source[at] == "&":
        entity = _ENTITY.match(source, at, end)
        if entity is None or not (entity[0][1] == "#" or entity[0][1:] in html.entities.html5):
            return None, None, unclosed
        decoded = html.unescape(entity[0])
        return Plain(decoded, at, entity.end()), entity.end(), unclosed
    for opening, closing in (("<!--", "-->"), ("<![CDATA[", "]]>")):
        if source.startswith(opening, at, end) and opening not in unclosed:
            stop = source.find(closing, at + len(opening), end)
            if stop < 0:
                return None, None, unclosed | {opening}
            inner = Plain(source[at + 9 : stop], at + 9, stop) if closing == "]]>" and stop > at + 9 else None
            return inner, stop + 3, unclosed
    tag = _TAG.match(source, at, end)
    if tag is not None:
        return _tag(tag), tag.end(), unclosed
    instruction = _INSTRUCTION.match(source, at, end)
    return None, instruction.end() if instruction else None, unclosed


def _tag(match: re.Match[str]) -> Tag:
    attributes = {
        name.rpartition(":")[2].lower(): html.unescape(double or single or bare)
        for name, double, single, bare in _ATTRIBUTE.findall(match["attributes"])
    }
    name = match["name"].rpartition(":")[2].lower()
    closing = bool(match["close"])
    return Tag(name, match.start(), match.end(), attributes, opens=not closing, closes=closing or bool(match["empty"]))
