"""Written English as spoken words: numbers, dates, times, money, acronyms, symbols, marks.

Pure text work: no phones here. Each piece keeps its place in the text, so that a word
spoken can be traced back to the characters it came from.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass

from num2words import num2words

MAX_DIGITS = 15  # longer numbers are read digit by digit


@dataclass(frozen=True, slots=True)
class Piece:
    """What is said for text[start:end]: lower-case words, letter names as single capitals, or one pause mark."""

    start: int
    end: int
    spoken: str

    @property
    def is_pause(self) -> bool:
        return self.spoken in ",.?!"


MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
UNITS = {
    "%": "percent", "°": "degrees", "°c": "degrees C", "°f": "degrees F", "km": "kilometers",
    "cm": "centimeters", "mm": "millimeters", "kg": "kilograms", "mg": "milligrams",
    "ms": "milliseconds", "kb": "kilobytes", "mb": "megabytes", "gb": "gigabytes",
    "tb": "terabytes", "hz": "hertz", "khz": "kilohertz", "mhz": "megahertz", "ghz": "gigahertz",
}  # fmt: skip
CURRENCIES = {
    "$": ("dollar", "cent"),
    "€": ("euro", "cent"),
    "£": ("pound", "penny"),
    "¥": ("yen", ""),
}
SYMBOLS = {
    "&": "and", "+": "plus", "=": "equals", "@": "at", "#": "hash", "*": "star", "/": "slash",
    "\\": "backslash", "~": "tilde", "^": "caret", "_": "underscore", "<": "less than",
    ">": "greater than", "|": "pipe", "$": "dollar", "%": "percent", "`": "backquote",
    "{": "left brace", "}": "right brace", "€": "euro", "£": "pound", "¥": "yen", "°": "degrees",
    "×": "times", "÷": "divided by", "±": "plus or minus", "≤": "at most", "≥": "at least",
    "≠": "not equal to", "→": "arrow", "←": "left arrow", "↑": "up arrow", "↓": "down arrow",
    "©": "copyright", "®": "registered", "™": "trademark", "§": "section", "•": "bullet",
    "✓": "check mark",
}  # fmt: skip
# Spoken only when the mark stands alone: a key being echoed, a cursor over one character.
LONE = SYMBOLS | {
    ".": "dot", ",": "comma", "?": "question mark", "!": "exclamation mark", ":": "colon",
    ";": "semicolon", "-": "dash", "–": "dash", "—": "dash", "'": "apostrophe", '"': "quote",
    "(": "left paren", ")": "right paren", "[": "left bracket", "]": "right bracket",
    " ": "space", "\n": "new line", "\t": "tab", "…": "ellipsis",
}  # fmt: skip
SILENT_SYMBOLS = frozenset("*`_#|~^{}<>•")  # decoration inside running text
PAUSES = {",": ",", ";": ",", ":": ",", "—": ",", "–": ",", "(": ",", ")": ",", "…": ".",
          ".": ".", "?": "?", "!": "!"}  # fmt: skip
ABBREVIATIONS = {
    "mr.": "mister", "mrs.": "missus", "ms.": "miz", "dr.": "doctor", "prof.": "professor",
    "st.": "saint", "jr.": "junior", "sr.": "senior", "vs.": "versus", "etc.": "et cetera",
    "e.g.": "for example", "i.e.": "that is", "no.": "number", "approx.": "approximately",
    "a.m.": "A M", "p.m.": "P M", "ok": "okay", "vs": "versus", "etc": "et cetera",
    "eg": "for example", "ctrl": "control", "alt": "alt", "del": "delete", "esc": "escape",
    "pgup": "page up", "pgdn": "page down", "gui": "gooey", "sudo": "soo doo",
    "stdin": "standard in", "stdout": "standard out", "stderr": "standard error",
}  # fmt: skip

_NUMBER = r"\d+(?:,\d{3})+|\d+"
_LETTER = r"(?:[^\W\d_][\u0300-\u036f]*)"
_SCANNER = re.compile(
    rf"""
      (?P<date>\b(?:1\d|2\d)\d\d-(?:0\d|1[0-2])-(?:[0-2]\d|3[01])\b)
    | (?P<time>\b(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?\b(?!:))
    | (?P<money>[$€£¥]\ ?(?:{_NUMBER})(?:\.\d+)?(?:\ (?:million|billion|trillion)\b)?)
    | (?P<ordinal>\b\d+(?:st|nd|rd|th)\b)
    | (?P<decade>\b(?:1[1-9]|20)?\d0'?s\b)
    | (?P<version>\b\d+(?:\.\d+){{2,}}\b)
    | (?P<number>(?<![\w.])[-−]?(?:{_NUMBER})(?:\.\d+)?(?:\ ?(?:%|°[CcFf]?|(?:[ckm]m|[km]g|ms|[KMGT]B|[kMG]?Hz)\b))?)
    | (?P<dotted>\b(?:[A-Za-z]\.){{2,}}|\b(?:Mrs?|Ms|Dr|Prof|St|Jr|Sr|vs|approx)\.|\bNo\.(?=\ \d))
    | (?P<word>{_LETTER}+(?:['’]{_LETTER}+)*['’]?)
    | (?P<digits>\d+)
    | (?P<break>\n\s*\n)
    | (?P<run>(?P<rep>[-=_*~.+\#])(?P=rep){{2,}})
    | (?P<mark>\S)
    """,
    re.VERBOSE,
)


def spoken_pieces(text: str, known: Container[str]) -> Iterator[Piece]:
    """Reads ``text`` from left to right; ``known`` tells which words have a pronunciation.

    Never yields two pause marks in a row nor one at the start.
    """
    lone = text.strip() or text[:1]
    if len(lone) == 1 and lone in LONE:
        yield Piece(text.index(lone), text.index(lone) + 1, LONE[lone])
        return
    paused = True
    for start, end, spoken in _scan(text, known):
        if not spoken or (spoken in PAUSES and paused):
            continue
        paused = spoken in PAUSES
        yield Piece(start, end, spoken)


def _scan(text: str, known: Container[str]) -> Iterator[tuple[int, int, str]]:
    for match in _SCANNER.finditer(text):
        kind = "run" if match.lastgroup == "rep" else match.lastgroup
        start, end = match.span()
        if kind == "word":
            yield from _word(text, match, known)
        elif kind == "mark":
            yield start, end, _mark(text, start)
        elif kind == "break" or match.group()[:3] == "...":
            yield start, end, "."
        elif kind != "run" and kind is not None:
            yield start, end, _READERS[kind](match.group())


def _mark(text: str, at: int) -> str:
    mark = text[at]
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    inside = before.isalnum() and after.isalnum()
    if mark == ".":
        return "dot" if after.isalnum() else "."
    if mark == "-":
        return "," if before == " " and after == " " else ""
    if mark == ":" and inside:
        return ""
    if mark in PAUSES:
        return PAUSES[mark]
    if mark in SILENT_SYMBOLS and not (mark in "#_<>^~*" and before == " " and after == " "):
        return ""
    return SYMBOLS.get(mark, "")


def _word(text: str, match: re.Match[str], known: Container[str]) -> Iterator[tuple[int, int, str]]:
    start, end = match.span()
    word = match.group().replace("’", "'")
    word = word.removesuffix("'")
    if len(word) == 1:
        yield start, end, _single(word, text[end:])
        return
    lower = _plain(word.lower())
    if lower in ABBREVIATIONS:
        yield start, end, ABBREVIATIONS[lower]
    elif word.isupper() and len(word) <= 5 and not _reads_as_word(word, text, known):
        yield start, end, " ".join(_plain(word.lower()).upper())
    elif word.isascii() and lower not in known and len(parts := _CAMEL.findall(word)) > 1:
        at = start
        for part in parts:
            yield at, at + len(part), _part(part, known)
            at += len(part)
    else:
        yield start, end, _unspeakable(lower, known)


def _part(part: str, known: Container[str]) -> str:
    if len(part) == 1 or (part.isupper() and part.lower() not in known):
        return " ".join(part.upper())
    return _unspeakable(_plain(part.lower()), known)


def _unspeakable(lower: str, known: Container[str]) -> str:
    """Words without a vowel ("xml", "ssh") are letters; words of other scripts cannot be said at all."""
    if not re.search("[a-z]", lower):
        return ""
    if lower not in known and len(lower) <= 5 and not re.search("[aeiouy]", lower):
        return " ".join(c for c in lower.upper() if "A" <= c <= "Z")
    return lower


def _reads_as_word(word: str, text: str, known: Container[str]) -> bool:
    """Capitals are an acronym unless the word is known and the text shouts anyway or it is long."""
    shouting = sum(map(str.isupper, text)) > 0.7 * max(1, sum(map(str.isalpha, text)))
    return word.lower() in known and (len(word) > 3 or (shouting and len(text) > len(word)))


def _single(letter: str, rest: str) -> str:
    """A letter's name; before another word "a" is the article: "a cat", but "capital A" and "A, B, C"."""
    plain = _plain(letter.lower()).upper()
    if letter in "aA" and _WORD_NEXT.match(rest):
        return "a"
    return "i" if plain == "I" else plain if "A" <= plain <= "Z" else ""


def _plain(word: str) -> str:
    """Accents off ("café" → "cafe"); letters of other scripts disappear later, when spelled."""
    return "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))


_WORD_NEXT = re.compile(r"""\s+["'“‘(]?(?:[^\W\d_]{2}|\d)""")
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z']+|[^A-Za-z]+")


def cardinal(digits: str) -> str:
    """ "1,024" → "one thousand and twenty four" without the hyphens and commas of print."""
    digits = digits.replace(",", "")
    if len(digits) > MAX_DIGITS or (len(digits) > 1 and digits[0] == "0"):
        return single_digits(digits)
    return _clean(num2words(int(digits)))


def single_digits(digits: str) -> str:
    return " ".join(_clean(num2words(int(d))) for d in digits if d.isdigit())


def _clean(words: str) -> str:
    return words.replace("-", " ").replace(",", "")


def _year(digits: str) -> str:
    return _clean(num2words(int(digits), to="year"))


def _number(text: str) -> str:
    match = re.fullmatch(r"([-−]?)([\d,]+)(?:\.(\d+))? ?(\D*)", text)
    assert match is not None, text  # the scanner's own pattern
    minus, whole, decimals, unit = match.groups()
    plain_year = not (minus or decimals or unit or "," in whole)
    if plain_year and len(whole) == 4 and "1100" <= whole <= "2099":
        return _year(whole)
    words = cardinal(whole)
    if decimals:
        words += " point " + single_digits(decimals)
    if unit:
        words += " " + UNITS[unit.lower()]
    return "minus " + words if minus else words


def _ordinal(text: str) -> str:
    return _clean(num2words(int(text[:-2]), to="ordinal"))


def _decade(text: str) -> str:
    digits = text.rstrip("s'")
    words = _year(digits) if len(digits) == 4 else cardinal(digits)
    return words[:-1] + "ies" if words.endswith("y") else words + "s"


def _date(text: str) -> str:
    year, month, day = text.split("-")
    if not (1 <= int(month) <= 12 and int(day) >= 1):
        return " ".join(single_digits(part) for part in (year, month, day))
    return f"{MONTHS[int(month) - 1]} {_ordinal(str(int(day)) + 'th')} {_year(year)}"


def _time(text: str) -> str:
    hour, minute, *second = text.split(":")
    words = cardinal(str(int(hour)))
    if minute == "00":
        words += " o'clock" if not second and 1 <= int(hour) <= 12 else " hundred"
    else:
        words += " oh " + cardinal(minute[1]) if minute[0] == "0" else " " + cardinal(minute)
    return words + (" and " + cardinal(str(int(second[0]))) + " seconds" if second else "")


def _money(text: str) -> str:
    match = re.fullmatch(r"(.) ?([\d,]+)(?:\.(\d+))?(?: (\w+))?", text)
    assert match is not None, text  # the scanner's own pattern
    sign, whole, decimals, scale = match.groups()
    unit, small = CURRENCIES[sign]
    if scale or (decimals and (len(decimals) != 2 or not small)):
        point = " point " + single_digits(decimals) if decimals else ""
        return f"{cardinal(whole)}{point}{' ' + scale if scale else ''} {_many(unit)}"
    words = f"{cardinal(whole)} {unit if whole == '1' else _many(unit)}"
    if decimals and int(decimals):
        cents = str(int(decimals))
        words += f" and {cardinal(cents)} {small if cents == '1' else _many(small)}"
    return words


def _many(unit: str) -> str:
    return {"yen": "yen", "penny": "pence"}.get(unit, unit + "s")


def _version(text: str) -> str:
    return " point ".join(cardinal(part) for part in text.split("."))


def _dotted(text: str) -> str:
    known = ABBREVIATIONS.get(text.lower())
    return known if known is not None else " ".join(text.replace(".", "").upper())


_READERS: dict[str, Callable[[str], str]] = {
    "date": _date,
    "time": _time,
    "money": _money,
    "ordinal": _ordinal,
    "decade": _decade,
    "version": _version,
    "number": _number,
    "dotted": _dotted,
    "digits": single_digits,
}
