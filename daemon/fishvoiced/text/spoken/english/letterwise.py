"""What begins with a letter and is no plain word: addresses, dates by name, names of languages, codes."""

from __future__ import annotations

import re

from fishvoiced.text.spoken.english import romans
from fishvoiced.text.spoken.english.acronyms import PLURAL, WITH_AND, letters, plural
from fishvoiced.text.spoken.english.numbers import calendar, codes, currencies

_SCHEME = re.compile(r"(?:https?|ftps?|sftp|wss?|file|ssh|git)://(?:www\.)?", re.IGNORECASE)
_WWW = re.compile(r"www\.(?=\w)", re.IGNORECASE)
_MAILTO = re.compile(r"mailto:(?=\S)", re.IGNORECASE)
_SHARP = re.compile(r"(?P<letter>[CFJAGDEBX])#(?!\w)")
_PLUS_PLUS = re.compile(r"(?P<name>[A-Za-z]{1,10})\+\+(?!\w)")
_WITH = re.compile(r"w/(?:out\b|o\b|(?=[\s\w,.;]))|b/c\b|c/o\b|n/a\b|N/A\b|and/or\b")
_WITHOUT_BLANK = {"w/o": "without", "w/out": "without", "b/c": "because", "c/o": "care of", "n/a": "N A",
                  "and/or": "and or",                   "w/": "with"}  # fmt: skip
_SPEED = re.compile(r"(?P<one>km|mi|m|MB|GB|KB|mg|kg|Mb|Gb)/(?P<two>h|s|hr|sec|L|l|dL|min)\b")
_SPEEDS = {"km": "kilometers", "mi": "miles", "m": "meters", "MB": "megabytes", "GB": "gigabytes", "KB": "kilobytes",
           "mg": "milligrams", "kg": "kilograms", "Mb": "megabits", "Gb": "gigabits", "h": "hour", "s": "second",
           "hr": "hour", "sec": "second", "L": "liter", "l": "liter", "dL": "deciliter", "min": "minute"}  # fmt: skip
_DRIVE = re.compile(r"[A-Za-z]:(?=\\|/(?!/))")
_JS = re.compile(r"(?P<name>[A-Z][a-z]{1,12})\.(?P<suffix>js|ts|io|py|rs|NET)\b")


_ALPHABET = re.compile(r"(?:A[-–]Z|a[-–]z)(?![\w-])")
_MONTH = re.compile(r"(?:(?<=\bof )|(?<=\bin )|(?<=\bsince ))(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b")
_GRADE = re.compile(r"(?P<letter>[A-F])[-−](?=[,;.)!?]|\s*\Z)")


def _with(match: re.Match[str]) -> str | None:
    """Not inside a path: "a.b/c.txt"."""
    before, after = match.string[match.start() - 1 : match.start()], match.string[match.end() : match.end() + 2]
    in_path = before in tuple("./\\-_@") or after[:1] == "/" or (after[:1] == "." and after[1:].isalnum())
    return None if in_path else _WITHOUT_BLANK[match[0].lower()]


def _version(match: re.Match[str]) -> str | None:
    return codes.read_version(match)


def _plural(match: re.Match[str]) -> str | None:
    text, start, end = match.string, match.start(), match.end()
    numeral = romans.read(match[0].replace("’", "'"), text[max(0, start - 48) : start], text[end : end + 48])
    if numeral is not None:
        return numeral
    behind = text[end : end + 1]
    contracted = behind in ("'", "’") and text[end + 1 : end + 2].isalpha()
    return None if behind.isalnum() or contracted else plural(match)


def _with_and(match: re.Match[str]) -> str:
    return " and ".join(letters(part) for part in match[0].split("&"))


def _mixed(match: re.Match[str]) -> str | None:
    return codes.read_mixed(match)


def _weekday(match: re.Match[str]) -> str:
    return calendar.read_weekday(match)


def _suffix(match: re.Match[str]) -> str:
    return f"{match['name'].lower()} dot {letters(match['suffix']) if match['suffix'] != 'NET' else 'net'}"


RULES = (
    (_SCHEME, lambda _: ""),
    (_WWW, lambda _: ""),
    (_MAILTO, lambda _: ""),
    (codes.UUID, codes.read_uuid),
    (codes.MAC, codes.read_mac),
    (codes.IPV6, codes.read_ipv6),
    (codes.IBAN, codes.read_groups),
    (codes.DATED_ID, codes.read_dated_id),
    (calendar.OFFSET, calendar.read_offset),
    (calendar.NAMES, calendar.read_names),
    (_MONTH, lambda match: calendar.MONTHS[calendar.month_of(match[0]) - 1]),
    (_ALPHABET, lambda _: "A to Z"),
    (_GRADE, lambda match: f"{match['letter']} minus"),
    (calendar.MONTH_FIRST, calendar.read_month_first),
    (calendar.MONTH_YEAR, calendar.read_month_year),
    (calendar.WEEKDAY, _weekday),
    (currencies.BEFORE, currencies.read),
    (codes.VERSION, _version),
    (codes.SHORT_VERSION, _version),
    (_SHARP, lambda match: f"{match['letter']} sharp"),
    (_PLUS_PLUS, lambda match: "G plus plus" if match["name"] == "g" else f"{_plus_name(match['name'])} plus plus"),
    (_WITH, _with),
    (_SPEED, lambda match: f"{_SPEEDS[match['one']]} per {_SPEEDS[match['two']]}"),
    (_DRIVE, lambda match: f"{match[0][0].upper()} colon"),
    (_JS, _suffix),
    (WITH_AND, _with_and),
    (PLURAL, _plural),
    (codes.HASH, codes.read_hash),
    (codes.SALT, codes.read_salt),
    (codes.MIXED, _mixed),
)


def _plus_name(name: str) -> str:
    return name.upper() if len(name) == 1 else name.lower()
