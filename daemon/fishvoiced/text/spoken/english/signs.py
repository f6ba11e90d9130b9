"""What begins with neither a letter nor a digit: operators, money, flags of commands, emoticons, pauses, symbols."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from fishvoiced.text.spoken.english import code_signs
from fishvoiced.text.spoken.english.code_signs import tight_before
from fishvoiced.text.spoken.english.numbers import codes, currencies, quantities
from fishvoiced.text.spoken.english.numbers.cardinals import (
    cardinal,
    decade,
    decimal,
    fraction,
    power,
)
from fishvoiced.text.spoken.english.symbols import DECORATION, EMOTICONS, LONE, OPERATORS, PAUSES, SYMBOLS
from fishvoiced.text.spoken.letters import name_of

_ANY_OPERATOR = "|".join(sorted(map(re.escape, OPERATORS), key=len, reverse=True))
_EMOTICONS = "|".join(sorted(map(re.escape, EMOTICONS), key=len, reverse=True))
_DIRECTIVES = "include|define|undef|ifdef|ifndef|if|endif|else|elif|pragma|import|error|region|endregion"

OPERATOR = re.compile(rf"(?:{_ANY_OPERATOR})(?![-!=<>|&*+/~?])")
_EMOTICON = re.compile(rf"(?:{_EMOTICONS})(?![\w/\\])")
_DECORATION = re.compile(
    r"([-=_*~.+#|<>^•·─━═\"'`/\\:])\1{3,}|(?:[*_=~#+\-|•]\s?){3,64}(?=\n|\Z)|-{3}(?!\w)|_{2,3}|\*{1,3}|`{1,3}|~{2,3}"
    r"|#{2,6}(?!\w)"
)
_ELLIPSIS = re.compile(r"\.{2,3}(?!\.)|…+|\.(?:\s\.){2}")
_FLAG = re.compile(r"(?P<dashes>--?)(?=[A-Za-z])")
_SHORT_FLAG = re.compile(r"[A-Za-z]{1,3}(?![\w'’])")
_NUMBER_SIGN = re.compile(r"#(?=\d)")
_HASHTAG = re.compile(rf"#(?!(?:{_DIRECTIVES})\b)(?=[^\W\d_])")
_SHORT_DECADE = re.compile(r"['’‘](?P<digits>\d0)s\b")
_SHORT_YEAR = re.compile(r"['’‘](?P<digits>[0-9]\d)(?![\w'’])")
_SMALL_DECIMAL = re.compile(r"(?P<number>\.\d{1,64})(?![\w.])")
_CARET = re.compile(r"\^(?:\((?P<in>-?\d{1,3})\)|\{(?P<braced>-?\d{1,3})\}|(?P<plain>-?\d{1,3})(?!\w))")
_CARET_LETTER = re.compile(r"\^(?=[-−+]?\w|[({])")
_SUBTRACTED = re.compile(r"(?:.?[^\w\s'’])?[\s]?[^\W_] [-\u2010\u2011] [^\W_](?:\W|\Z)?")
_SECTIONS = re.compile("§§")

_VULGAR = re.compile(rf"(?P<vulgar>[{''.join(quantities.VULGAR)}])")
_CHECKBOX = re.compile(r"\[(?P<done>[ xX])\](?=\s)")
_AND = re.compile(r"['’]n['’](?=\s)")
_BETWEEN_NAMES = re.compile(r"[\w)\]]\s\?\?\s[\w(]")

_QUERY = re.compile(r"\?(?=[\w.%-]{1,40}=)")
_WITH = re.compile(r"/o\b")
_QUOTED = re.compile(r"(?:\A|\n)[> ]{0,8}\Z")  # a line of a mail, quoted
_STARS = re.compile("[★☆]{2,10}")
_SQUARE_ROOT = re.compile(r"√")

Read = Callable[[re.Match[str]], str | None]


def _operator(match: re.Match[str]) -> str | None:
    text, start, end = match.string, match.start(), match.end()
    sign, before, after = match[0], text[max(0, start - 1) : start], text[end : end + 1]
    if before in ("", "\n") and after in ("", "\n") and len(set(sign)) == 1:
        return None  # a line of its own
    if sign == "??" and _BETWEEN_NAMES.match(text, max(0, start - 2)):
        return OPERATORS[sign]
    if sign in ("--", "**", "->", "<-", "<<", ">>", "||", "<>", "++", "??") and not (before.strip() or after.strip()):
        return None if sign in ("--", "**", "??") else OPERATORS[sign]
    if sign == "--":
        return OPERATORS[sign] if before.isalnum() and not after.isalnum() else ("," if after == " " else None)
    if sign == "**" and not (before.isspace() and after.isspace()) and not (before.isalnum() and after.isalnum()):
        return None
    if sign == "??" and not after.strip():
        return None
    if sign == "++" and not before:
        return None
    if sign == "?.":
        return OPERATORS[sign] if before.isalnum() and after.isalpha() else None
    return OPERATORS[sign]


def _emoticon(match: re.Match[str]) -> str | None:
    before = match.string[match.start() - 1 : match.start()] if match.start() else ""
    if before and not before.isspace():
        return None
    after = match.string[match.end() : match.end() + 1].strip()
    if match[0] in (":/", ":o", ":O", "<3") and after not in ("", ".", ",", "!"):
        return None
    return EMOTICONS[match[0]]


def _flag(match: re.Match[str]) -> str | None:
    if tight_before(match):
        return None
    if len(match["dashes"]) == 1 and not _SHORT_FLAG.match(match.string, match.end()):
        return None  # "-word" is a dash of prose
    return "dash dash" if len(match["dashes"]) == 2 else "dash"


def _hashtag(match: re.Match[str]) -> str | None:
    return None if tight_before(match) else "hashtag"


def _money_before(match: re.Match[str]) -> str | None:
    if match["minus"] and tight_before(match):
        return None
    return currencies.read(match)


def _short_year(match: re.Match[str]) -> str | None:
    return None if tight_before(match) else cardinal(match["digits"]) if match["digits"][0] != "0" else (
        "oh " + cardinal(match["digits"][1]))  # fmt: skip


def _phone(match: re.Match[str]) -> str | None:
    return codes.read_phone(match)


def _caret(match: re.Match[str]) -> str:
    return power(int(match["in"] or match["braced"] or match["plain"]))


def _checkbox(match: re.Match[str]) -> str:
    return "not checked," if match["done"] == " " else "checked,"


def _stars(match: re.Match[str]) -> str:
    """ "★★★☆☆" → "three out of five stars"."""
    full = match[0].count("★")
    return f"{cardinal(str(full))} out of {cardinal(str(len(match[0])))} stars" if full else "no stars"


def _silent(match: re.Match[str]) -> str | None:
    """Decoration of three and more; shorter ones only where they touch a word (emphasis)."""
    text, start, end = match.string, match.start(), match.end()
    before, after = text[start - 1 : start] if start else "", text[end : end + 1]
    if len(match[0].strip()) < 3 and match[0][0] != "`" and not before.strip() and not after.strip():
        return None
    if match[0] == "*" and before.isdecimal() and after.isdecimal():
        return "times"
    if match[0] == "~~" and not (before.isalnum() or after.isalnum()):
        return None
    return ""


RULES: tuple[tuple[re.Pattern[str], Read], ...] = (
    (_EMOTICON, _emoticon),
    *code_signs.RULES,
    (_ELLIPSIS, lambda _: "."),
    (_SECTIONS, lambda _: "sections"),
    (OPERATOR, _operator),
    (currencies.BEFORE, _money_before),
    (codes.PHONE, _phone),
    (codes.COLOR, codes.read_color),
    (_NUMBER_SIGN, lambda _: "number"),
    (_HASHTAG, _hashtag),
    (_SHORT_DECADE, lambda match: decade(match["digits"])),
    (_SHORT_YEAR, _short_year),
    (_SMALL_DECIMAL, lambda match: decimal(match["number"])),
    (_CARET, _caret),
    (_CARET_LETTER, lambda _: "to the power of"),
    (_CHECKBOX, _checkbox),
    (_STARS, _stars),
    (_AND, lambda _: "and"),
    (_QUERY, lambda _: "question mark"),
    (_FLAG, _flag),
    (_DECORATION, _silent),
)
FRACTIONS = (_VULGAR, lambda match: fraction(*quantities.VULGAR[match["vulgar"]]))


def mark(text: str, at: int, end: int) -> str:
    """One sign inside running text: words, a pause mark, or "" for silence."""
    sign = text[at]
    before, after = text[at - 1] if at else "", text[at + 1] if at + 1 < end else ""
    if sign == ".":
        return "dot" if after.isalnum() else "."
    if sign in "-\u2010\u2011":
        return "minus" if _SUBTRACTED.fullmatch(text, max(0, at - 3), at + 4) else _dash(before, after)
    if sign == "/" and text[max(0, at - 2) : at + 3 : 4].isdecimal() and before == after == " ":
        return "divided by"
    if (
        sign == ">"
        and not before.strip(" >")
        and (not after or after in " >")
        and _QUOTED.search(text, max(0, at - 8), at)
    ):
        return ""
    if sign == "/" and before.isupper() and after.isupper():
        return ""
    if sign == ":" and before.isdecimal() and after.isdecimal():
        return ""
    if sign in ",'" and before.isdecimal() and after.isdecimal():
        return ""
    if sign == "–" and before.isalnum() and after.isalnum():
        return ""
    if sign == "!" and after.isalpha() and not (before.isalnum() or before in ("!", "?")):
        return "not" if before else "exclamation mark"
    if sign == "+" and after.isspace() is False and before.isspace() and after.isalpha():
        return "plus"
    if sign in "~≈" and after.isdecimal() and not before.isalnum():
        return "about"
    if sign in PAUSES:
        return PAUSES[sign]
    if sign in DECORATION or (sign == "#" and not before.strip() and not after.strip()):
        between_blanks = (not before.strip() and not after.strip()) and bool(before) and bool(after)
        return _between_blanks(text, at, end) if between_blanks or sign == "#" else ""
    return other(sign)


def _between_blanks(text: str, at: int, end: int) -> str:
    """A sign of decoration with blanks on both sides is meant, except a list's bullet at the beginning of a line."""
    line = text[max(0, at - 12) : at].rpartition("\n")[2]
    sign = text[at]
    if sign in "*_`#" and (line.strip() or sign == "#"):
        digits = text[max(0, at - 2) : at].strip().isdecimal() and text[at + 1 : at + 3].strip().isdecimal()
        return "times" if sign == "*" and digits else SYMBOLS[sign]
    return ""


def _dash(before: str, after: str) -> str:
    if before == "^" and after.isalnum():
        return "minus"
    if (not before or before.isspace()) and (not after or after.isspace()):
        return "," if before and after else ""
    if after.isdecimal() and not (before.isalnum() or (before and before in ")]")):
        return "minus"
    return ""


def other(sign: str) -> str:
    """A sign without a rule: its symbol's name, a currency's, or Unicode's; "" for what only decorates."""
    if sign in SYMBOLS:
        return SYMBOLS[sign]
    kind = unicodedata.category(sign)
    if kind == "Sc":
        return currencies.sign_name(sign)
    if kind in ("No", "Nl"):
        return _numeric(sign)
    if kind in ("Sm", "Lo", "Lm"):
        return name_of(sign)
    if kind == "So" and not "\u2500" <= sign <= "\u25ff":
        return name_of(sign)
    return ""


def _numeric(sign: str) -> str:
    """①, Ⅳ, ㊿, 𐄇: what they count, where it is a whole number; else the name."""
    value = unicodedata.numeric(sign, None)
    if value is not None and value == int(value) and value < 10**9:
        return cardinal(str(int(value)))
    if value is not None and sign in quantities.VULGAR:
        return fraction(*quantities.VULGAR[sign])
    return name_of(sign)


def alone(sign: str) -> str | None:
    """The name of a sign that is the whole text; None for a letter or digit that text rules read."""
    if sign in LONE:
        return LONE[sign]
    if sign.isascii() and sign.isalnum():
        return None
    return other(sign) or (None if sign.isalnum() else name_of(sign))
