"""One request's text → spans, by the markup that it is said to have; ``auto`` finds out."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias, get_args

from fishvoiced.text.markup import ssml
from fishvoiced.text.markup.builder import Builder
from fishvoiced.text.markup.elements import HTML, SSML, Elements
from fishvoiced.text.markup.tags import Tag, find
from fishvoiced.text.spans import Script, Text

Markup: TypeAlias = Literal["plain", "markdown", "ssml", "auto"]
CodeBlocks: TypeAlias = Literal["read", "skip"]
MARKUPS: tuple[str, ...] = get_args(Markup)

# What is hardly ever written without meaning Markdown. A lone asterisk or underscore is no evidence.
_MARKDOWN = re.compile(
    r"!?\[[^\[\]\n]{1,300}\]\((?:[^()\s]|\([^()\s]{0,200}\)){1,1000}(?:\s\"[^\"\n]{0,200}\")?\)"  # a link
    r"|^[ ]{0,3}(?:```|~~~)[\w+-]{0,20}[ ]*$"  # a fence
    r"|(?<![\w*])\*\*(?=[^\s*])[^*\n]{1,300}(?<=\S)\*\*(?![\w*])"  # strong
    r"|^[ ]{0,3}#{1,6}[ ]\S[^\n]{0,300}\n[ ]{0,3}\n"  # a heading and a blank line
    r"|^[ ]{0,3}\|?(?:[ ]?(?::-{1,60}:?|-{1,60}:|-{3,60})[ ]?\|){1,64}[ ]?(?::?-{3,60}:?)?[ ]*$"  # a table
    r"|(?<![`\w])`[^`\s][^`\n]{0,200}`(?![`\w])",  # code
    re.MULTILINE,
)
_ENTITY_OR_TAG = re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});|<[/!]?[A-Za-z-]")


def read(source: str, markup: Markup = "auto", *, code_blocks: CodeBlocks = "read") -> Script:
    """``source`` as spans. Linear in its length; no markup can make it grow."""
    if markup == "plain" or not source:
        return Script(source, (Text(source, 0, len(source)),) if source else ())
    builder = Builder(source)
    if markup == "ssml" or (markup == "auto" and ssml.DOCUMENT.match(source)):
        _read_ssml(builder, source)
    elif markup == "markdown" or _MARKDOWN.search(source):
        from fishvoiced.text.markup import markdown  # its library takes 0.1 s to load

        markdown.read(builder, source, code_blocks, indented_code=markup == "markdown")
    elif _ENTITY_OR_TAG.search(source) and _has_known_tag(source):
        elements = Elements(builder, ssml=False)
        elements.read(source, 0, len(source))
        elements.close_all(len(source))
    else:
        builder.text(source, 0, len(source))
    return builder.script()


def _read_ssml(builder: Builder, source: str) -> None:
    if ssml.DOCUMENT.match(source):
        ssml.read(builder, source)
    elif _has_known_tag(source):  # a fragment without its root
        elements = Elements(builder, ssml=True)
        elements.read(source, 0, len(source))
        elements.close_all(len(source))
    else:
        builder.text(source, 0, len(source))


def _has_known_tag(source: str) -> bool:
    """Whether there is a tag that HTML or SSML knows, or an entity."""
    for found in find(source, 0, len(source)):
        if isinstance(found, Tag):
            if found.name in HTML or found.name in SSML:
                return True
        elif len(found.text) != found.end - found.start:
            return True
    return False
