"""Signs of code, logs and addresses that are other things in prose: pointers, ports, relative paths, "<name>"."""

from __future__ import annotations

import re
from collections.abc import Callable

from fishvoiced.text.spoken.english.numbers.cardinals import cardinal, single_digits

_FOOTNOTE = re.compile(r"\[\^(?P<id>[\w-]{1,20})\]:?")
_RELATIVE = re.compile(r"\.{1,2}(?=/)")
_POINTER = re.compile(r"\*{1,2}(?=[A-Za-z_])")
_EMPHASIS_ENDS = re.compile(r"[^\n*]{0,160}?[^\s*]\*")
_STAR_CODE = re.compile(r"\*(?=\d{1,4}#?(?![\w*]))")
_LONG_DASH = re.compile(r"-{2,3}(?=[ \t]{1,4}\S)")
_TIGHT_DASH = re.compile(r"(?<=[a-z]{2})-{2,3}(?=[a-z]{2})")
_BRACKETED = re.compile(r"<(?=(?:https?://)?[\w.+@-][\w.+@/-]{1,63}>)")
_BRACKET_BEFORE = re.compile(r"(?:\A|[\s(\[,;:\"'])<(?:https?://)?[\w.+@-][\w.+@/-]{1,63}\Z")
_BRACKET_ENDS = re.compile(">")
_QUESTION = re.compile(r"\?(?=\s[^?\n]{1,80}\s:\s)")
_ELSE = re.compile(r":(?=\s)")
_ELSE_BEFORE = re.compile(r"\s\?\s[^?:\n]{1,80}\s\Z")
_PORT = re.compile(r":(?P<port>\d{2,5})(?![\w.:])")
_KNOWN_DOMAIN_BEFORE = re.compile(r"\w\.(?:com|org|net|edu|gov|io|dev|app|local|lan|uk|de|fr|eu|us)\Z")
_DOMAIN_BEFORE = re.compile(r"\w\.[a-z]{2,6}\Z")
_HOST_BEFORE = re.compile(r"(?:localhost|\A|[\s\]])\Z")
_ALL = re.compile(r"\*(?=\))|(?:(?<=/)|(?<=\s)|\A)\*(?=\.[A-Za-z])|(?<=/)\*(?![\w*/])")


def tight_before(match: re.Match[str]) -> bool:
    """Something other than a blank or an opening bracket stands before."""
    before = match.string[match.start() - 1 : match.start()] if match.start() else ""
    return bool(before) and not before.isspace() and before not in "([{\"'“‘=,;:/|"


def _pointer(match: re.Match[str]) -> str | None:
    """ "*args": a star that begins a name and no emphasis."""
    if tight_before(match) or _EMPHASIS_ENDS.match(match.string, match.end()):
        return None
    return " ".join(["star"] * len(match[0]))


def _all(match: re.Match[str]) -> str | None:
    """ "COUNT(*)", "*.txt", "build/*"."""
    before = match.string[match.start() - 1 : match.start()] if match.start() else ""
    return "star" if before in ("", "(", "/") or before.isspace() else None


def _relative(match: re.Match[str]) -> str | None:
    before = match.string[match.start() - 1 : match.start()] if match.start() else ""
    tight = tight_before(match) and before != "/"
    return None if tight else " ".join(["dot"] * len(match[0]))


def _long_dash(match: re.Match[str]) -> str | None:
    """Between words, as in "one -- two", a pause; beside code's signs, and at a line's beginning, it is something
    else."""
    line = match.string[max(0, match.start() - 80) : match.start()].rpartition("\n")[2]
    return "," if line.strip() and line[-1:].isspace() else None


def _bracketed(match: re.Match[str]) -> str | None:
    """ "<ann@mail.org>", "<stdio.h>", "<bob>": the brackets are only there to hold a name."""
    return None if tight_before(match) else ","


def _bracket_ends(match: re.Match[str]) -> str | None:
    return "," if _BRACKET_BEFORE.search(match.string, max(0, match.start() - 74), match.start()) else None


def _else(match: re.Match[str]) -> str | None:
    """The second half of "a ? b : c"."""
    return "colon" if _ELSE_BEFORE.search(match.string, max(0, match.start() - 90), match.start()) else None


def _question(match: re.Match[str]) -> str | None:
    before = match.string[match.start() - 1 : match.start()] if match.start() else ""
    return "question mark" if before.isspace() else None


def _port(match: re.Match[str]) -> str | None:
    before = match.string[max(0, match.start() - 9) : match.start()]
    known = _HOST_BEFORE.search(before) and (len(match["port"]) > 3 or before.endswith("localhost"))
    known = known or (_DOMAIN_BEFORE.search(before) and match.string[match.end() : match.end() + 1] == "/")
    known = known or (_KNOWN_DOMAIN_BEFORE.search(before) and len(match["port"]) > 3)
    return f"port {single_digits(match['port'])}" if known else None


RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str | None]], ...] = (
    (_RELATIVE, _relative),
    (_LONG_DASH, _long_dash),
    (_POINTER, _pointer),
    (_ALL, _all),
    (_TIGHT_DASH, lambda _: ","),
    (_STAR_CODE, lambda match: None if tight_before(match) else "star"),
    (_FOOTNOTE, lambda match: f"footnote {cardinal(match['id']) if match['id'].isdecimal() else match['id'].lower()}"),
    (_BRACKETED, _bracketed),
    (_BRACKET_ENDS, _bracket_ends),
    (_QUESTION, _question),
    (_ELSE, _else),
    (_PORT, _port),
)
