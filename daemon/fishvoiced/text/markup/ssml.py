"""SSML documents: whether one is well-formed, and a forgiving reading of what is meant either way."""

from __future__ import annotations

import re
from xml.parsers import expat

from fishvoiced.text.markup.builder import Builder
from fishvoiced.text.markup.elements import Elements

DOCUMENT = re.compile(
    r"\s{0,64}(?:<\?xml[^<>]{0,500}\?>\s{0,64})?"
    r"(?:<!DOCTYPE[^\[<>]{0,500}(?:\[[^\]]{0,20000}\]\s{0,8})?>\s{0,64})?<speak\b"
)


def read(builder: Builder, source: str) -> None:
    """All of ``source``; what is not well-formed is told, and read as the text that it seems to be."""
    problem = _problem(source)
    if problem is not None:
        builder.notice(f"the SSML is malformed ({problem}); it is read as text")
    elements = Elements(builder, ssml=True)
    elements.read(source, 0, len(source))
    elements.close_all(len(source))


def _problem(source: str) -> str | None:
    """Why ``source`` is no well-formed XML; None if it is. Entities are never expanded: declaring any is refused."""
    parser = expat.ParserCreate()
    parser.EntityDeclHandler = _refuse
    try:
        parser.Parse(source.encode("utf-8", "surrogatepass"), True)
    except expat.ExpatError as error:
        return f"line {error.lineno}, column {error.offset + 1}: {expat.ErrorString(error.code)}"
    except _Refused:
        return "it declares entities"
    return None


class _Refused(Exception):
    pass


def _refuse(*_: object) -> None:
    raise _Refused
