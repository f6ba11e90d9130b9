"""Text of HTML and Markdown, with the places of headings and anchors in it. The door to lxml and markdown-it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import lxml.etree
import lxml.html

from fishvoice.books.book import Book, Chapter, Cut, UnreadableBook, chapters

_SILENT = frozenset({"head", "math", "nav", "noscript", "script", "style", "svg", "template"})
_BLOCKS = frozenset(
    "address article aside blockquote body dd div dl dt figcaption figure footer h1 h2 h3 h4 h5 h6 header hr li main "  # noqa: SIM905
    "ol p pre section table tr ul".split()
)
_CELLS = frozenset({"td", "th"})


@dataclass
class MarkedText:
    """``anchors``: where the elements with an id begin; ``headings``: of levels 1 and 2."""

    text: str = ""
    anchors: dict[str, int] = field(default_factory=dict)
    headings: list[tuple[int, Cut]] = field(default_factory=list)

    def chapter_cuts(self) -> list[Cut]:
        """The headings of the highest level that occurs more than once, else of any."""
        levels = [level for level, _ in self.headings]
        best = next((level for level in (1, 2) if levels.count(level) > 1), min(levels, default=1))
        return [cut for level, cut in self.headings if level == best]


def html_text(content: bytes | str) -> MarkedText:
    """What of an HTML document is to be read. Raises UnreadableBook."""
    try:
        # Entities and other files are not followed, and nesting has libxml's own limit.
        encoding = None if isinstance(content, str) else "utf-8"
        parser = lxml.html.HTMLParser(no_network=True, huge_tree=False, encoding=encoding)
        root = lxml.html.document_fromstring(content, parser=parser)
    except (lxml.etree.LxmlError, ValueError) as error:
        raise UnreadableBook(f"not readable as HTML: {error}") from error
    return _Reading().read(root)


def read_html(content: str, name: str) -> Book:
    """An HTML file as a book."""
    marked = html_text(content)
    return Book(name, tuple(chapters(marked.text, marked.chapter_cuts(), name)))


def read_markdown(content: str, name: str) -> Book:
    """A Markdown file as a book."""
    from markdown_it import MarkdownIt

    return read_html(f"<html><body>{MarkdownIt().render(content)}</body></html>", name)


def read_text(content: str, name: str) -> Book:
    """A plain text: one chapter."""
    return Book(name, (Chapter(name, content.strip()),))


class _Reading:
    """The text so far. The tree is walked by iteration, for nesting is somebody else's choice."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._found = MarkedText()
        self._heading: tuple[int, int, int] | None = None  # level, offset, index of its first part

    def read(self, root: Any) -> MarkedText:
        for event, element in _walk(root):
            if event == "start":
                self._start(element)
            else:
                self._end(element)
        self._found.text = "".join(self._parts)
        return self._found

    def _start(self, element: Any) -> None:
        tag = element.tag
        if tag in _BLOCKS:
            self._break("\n\n")
        elif tag == "br":
            self._break("\n")
        elif tag in _CELLS:
            self._say(" ")
        if name := element.get("id") or (element.get("name") if tag == "a" else None):
            self._found.anchors.setdefault(name, self._length)
        if tag in ("h1", "h2"):
            self._heading = (int(tag[1]), self._length, len(self._parts))
        self._say(element.text, folded=tag != "pre")

    def _end(self, element: Any) -> None:
        tag = element.tag
        if self._heading is not None and tag == f"h{self._heading[0]}":
            level, offset, part = self._heading
            title = " ".join("".join(self._parts[part:]).split())
            self._heading = None
            if title:
                self._found.headings.append((level, Cut(offset, title)))
        if tag in _BLOCKS:
            self._break("\n\n")
        self._say(element.tail)

    def _say(self, text: str | None, *, folded: bool = True) -> None:
        if not text:
            return
        said = text if not folded else " ".join(text.split()) if text.strip() else " "
        if folded and text.strip():
            said = f"{' ' * text[0].isspace()}{said}{' ' * text[-1].isspace()}"
        if folded and (not self._parts or self._parts[-1][-1:].isspace()):
            said = said.lstrip()
        if said:
            self._parts.append(said)
            self._length += len(said)

    def _break(self, lines: str) -> None:
        if self._parts and not self._parts[-1].endswith(lines):
            self._parts.append(lines)
            self._length += len(lines)


def _walk(root: Any) -> Iterator[tuple[str, Any]]:
    """Start and end of every element whose content is read; of the others only what follows them."""
    stack: list[tuple[str, Any]] = [("start", root)]
    while stack:
        event, element = stack.pop()
        if event == "start" and (not isinstance(element.tag, str) or element.tag in _SILENT):
            yield "end", element
            continue
        yield event, element
        if event == "start":
            stack.append(("end", element))
            stack.extend(("start", child) for child in reversed(element))
