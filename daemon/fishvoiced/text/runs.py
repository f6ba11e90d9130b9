"""Long runs and blobs in a text, which are named instead of spelled: "3,000 times A", "a long code"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

RUN = 12
"""So many equal signs in a row and more are counted. Fewer letters are an exclamation ("Nooooo")."""
SHORTEST = 8
"""A text of fewer characters has none."""
LONGEST_CODE = 72
"""A SHA-256 in hexadecimal is still read; what is longer nobody can follow."""

_BLOB = re.compile(
    rf"(?P<sign>[^\s\d])(?P=sign){{{RUN - 1},}}"
    r"|(?P<digits>\d{41,})"
    rf"|(?P<combining>[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u20d0-\u20ff\ufe20-\ufe2f]{{8,}})"
    rf"|(?P<unit>[^\W_]{{2,3}})(?P=unit){{{RUN - 1},}}"
    rf"|(?P<code>[A-Za-z0-9+/=_%.:~&?-]{{{LONGEST_CODE + 1},}})"
    r"|(?P<marks>[^\w\s]{200,})"
)
# Three parts of random signs, as in signed tokens.
_TOKEN = re.compile(
    r"\b(?=[A-Za-z_-]{0,60}\d)(?=[^a-z.]{0,60}[a-z])(?=[^A-Z.]{0,60}[A-Z])[\w-]{16,72}\.[\w-]{16,72}\.[\w-]{16,72}\b"
)
_DECORATION = frozenset("-=_*~.+#|<>^•·─━═!?,;:/\\\"'`")


class Run(NamedTuple):
    """``text[start:end]`` is better said as ``spoken``, which is English, or ``plain``: in no language's words."""

    start: int
    end: int
    spoken: str
    plain: str


def find(text: str) -> Iterator[Run]:
    """Runs and blobs in order. Linear in the text."""
    if len(text) < SHORTEST:
        return
    at = 0
    for match in _BLOB.finditer(text):
        spoken = _named(match)
        if spoken is not None and match.start() >= at:
            yield Run(match.start(), match.end(), spoken, _plain(match))
            at = match.end()


def _plain(match: re.Match[str]) -> str:
    """ "3000 A"; the beginning of a blob."""
    repeated = match["sign"] or match["unit"]
    if repeated:
        return f"{len(match[0]) // len(repeated)} {repeated}"
    return "" if match["combining"] or match["marks"] else f"{match[0][:4]}…"


def _named(match: re.Match[str]) -> str | None:
    """What is said for a match; None where it is decoration, or a word or path that can be read after all."""
    written, length = match[0], match.end() - match.start()
    repeated = match["sign"] or match["unit"]
    if repeated:
        if repeated in _DECORATION:
            return None
        return f"{length // len(repeated):,} times {repeated}"
    if match["digits"]:
        return f"a number of {length:,} digits"
    if match["combining"]:
        return ""
    if match["marks"]:
        return None if set(written) <= _DECORATION else f"{length:,} signs"
    longest = max((len(part) for part in re.split(r"[/.:=&?_~+%-]+", written)), default=0)
    if longest <= LONGEST_CODE and not _TOKEN.search(written):
        return None  # an address, a path: its parts are words
    if written.isalpha() and written[1:].islower():
        return f"a long word of {length:,} letters"
    return f"a long code of {length:,} characters"
