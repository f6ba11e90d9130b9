"""Measures of several parts: 5'11", 40°26′46″N, 2h30m."""

from __future__ import annotations

import re
from collections.abc import Callable

from fishvoiced.text.spoken.english.numbers.cardinals import cardinal, decimal

_HEIGHT = re.compile(r"(?P<feet>\d{1,2})['’′]\s?(?P<inches>\d{1,2})(?:[\"”″]|''|\b)")
_ANGLE = re.compile(
    r"(?P<degrees>\d{1,3})°\s?(?P<minutes>\d{1,2})['’′](?:\s?(?P<seconds>\d{1,2}(?:\.\d{1,6})?)[\"”″])?"
    r"(?:\s?(?P<side>[NSEW])\b)?"
)
_BEARING = re.compile(r"(?P<number>\d{1,3}(?:\.\d{1,8})?)°\s?(?P<side>[NSEW])\b")
_DURATION = re.compile(
    r"(?P<h>\d{1,3})h\s?(?P<m>\d{1,2})(?:m(?:in)?)?(?:\s?(?P<s>\d{1,2})s)?\b"
    r"|(?P<min>\d{1,3})m(?:in)?\s?(?P<sec>\d{1,2})s\b"
)


def read_height(match: re.Match[str]) -> str:
    inches = match["inches"]
    return f"{cardinal(match['feet'])} {'foot' if match['feet'] == '1' else 'feet'} {cardinal(inches)} " + (
        "inch" if inches == "1" else "inches"
    )


_SIDES = {"N": "north", "S": "south", "E": "east", "W": "west"}


def read_angle(match: re.Match[str]) -> str:
    words = f"{cardinal(match['degrees'])} degrees {cardinal(str(int(match['minutes'])))} minutes"
    if match["seconds"]:
        words += f" {decimal(match['seconds'].lstrip('0') or '0')} seconds"
    return words + (f" {_SIDES[match['side']]}" if match["side"] else "")


def read_bearing(match: re.Match[str]) -> str:
    return f"{decimal(match['number'])} degrees {_SIDES[match['side']]}"


def read_duration(match: re.Match[str]) -> str:
    parts = ((match["h"], "hour"), (match["m"] or match["min"], "minute"), (match["s"] or match["sec"], "second"))
    return " ".join(
        f"{cardinal(str(int(amount)))} {name}{'' if int(amount) == 1 else 's'}" for amount, name in parts if amount
    )


RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str | None]], ...] = (
    (_ANGLE, read_angle),
    (_HEIGHT, read_height),
    (_BEARING, read_bearing),
    (_DURATION, read_duration),
)
