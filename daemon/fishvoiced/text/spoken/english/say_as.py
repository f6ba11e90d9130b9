"""SSML's ``say-as`` for English: what ``interpret-as`` asks for, said so whatever it looks like."""

from __future__ import annotations

import re
from collections.abc import Callable

from fishvoiced.text.spoken.english.numbers import calendar
from fishvoiced.text.spoken.english.numbers.cardinals import (
    cardinal,
    decimal,
    fraction,
    in_groups,
    ordinal,
    single_digits,
    year,
)
from fishvoiced.text.spoken.english.symbols import LONE
from fishvoiced.text.spoken.letters import name_of, plain_letter


def read_as(written: str, interpret_as: str) -> str | None:
    """Words for ``written``, ``interpret_as`` being a kind, or a kind and its format ("date:dmy").

    None where the kind is unknown or does not fit, so that it is read as it stands.
    """
    kind, _, form = interpret_as.lower().partition(":")
    reader = _READERS.get(kind)
    if reader is _date and form:
        return _formatted(written.strip(), form)
    return reader(written.strip()) if reader else None


def _characters(written: str) -> str | None:
    return ", ".join(filter(None, map(_character, written))) or None


def _character(character: str) -> str:
    if character.isdecimal():
        return cardinal(str(int(character)))
    letter = plain_letter(character)
    return " ".join(letter.upper()) if letter and letter != "'" else LONE.get(character) or name_of(character)


def _cardinal(written: str) -> str | None:
    match = re.fullmatch(r"([-−]?)(\d[\d,]{0,30}(?:\.\d{1,30})?)", written)
    return (match[1] and "minus ") + decimal(match[2]) if match else None


def _ordinal(written: str) -> str | None:
    match = re.fullmatch(r"(\d{1,15})(?:st|nd|rd|th)?\.?", written)
    return ordinal(int(match[1])) if match else None


def _digits(written: str) -> str | None:
    return single_digits(written) or None


def _telephone(written: str) -> str | None:
    groups = re.findall(r"\d+", written)
    plus = "plus " if written.startswith("+") else ""
    if len(groups) == 1:
        return plus + in_groups(groups[0])
    return plus + ", ".join(map(single_digits, groups)) if groups else None


def _fraction(written: str) -> str | None:
    match = re.fullmatch(r"(\d{1,6})\s?/\s?(\d{1,6})", written)
    return fraction(int(match[1]), int(match[2])) if match and int(match[2]) > 1 else None


def _date(written: str) -> str | None:
    for pattern, reader in (*calendar.RULES, (calendar.MONTH_FIRST, calendar.read_month_first)):
        match = pattern.fullmatch(written)
        if match:
            return reader(match)
    return None


def _formatted(written: str, form: str) -> str | None:
    """ "10/11/2024" as "dmy" → "november tenth …", "3/5" as "md" → "march fifth", "3/2024" as "my" → "march …"."""
    order = "".join(dict.fromkeys(form))  # "yyyymmdd" is "ymd"
    numbers = re.fullmatch(r"(\d{1,4})(?:[/.-](\d{1,4}))?(?:[/.-](\d{1,4}))?", written)
    if numbers is None or len(order) != sum(number is not None for number in numbers.groups()):
        return _date(written)
    parts = dict(zip(order, filter(None, numbers.groups()), strict=True))
    month, day = int(parts.get("m", 1)), int(parts.get("d", 1))
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return _date(written)
    if "d" in parts and "m" in parts:
        return calendar.date(day, month, parts.get("y"))
    named = [calendar.MONTHS[month - 1]] if "m" in parts else [ordinal(day)] if "d" in parts else []
    return " ".join([*named, year(parts["y"])] if len(parts.get("y", "")) == 4 else named) or None


_READERS: dict[str, Callable[[str], str | None]] = {
    "characters": _characters,
    "character": _characters,
    "spell-out": _characters,
    "verbatim": _characters,
    "letters": _characters,
    "cardinal": _cardinal,
    "number": _cardinal,
    "ordinal": _ordinal,
    "digits": _digits,
    "telephone": _telephone,
    "phone": _telephone,
    "fraction": _fraction,
    "date": _date,
    "time": _date,
}
