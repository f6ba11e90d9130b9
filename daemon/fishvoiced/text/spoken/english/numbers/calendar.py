"""Dates and times of day: 12/25/2024, 24.12.2024, 2024-12-25T10:30Z, "Dec. 25, 2024", "25 Dec", 9:30PM, 14:05."""

from __future__ import annotations

import re
from collections.abc import Callable

from fishvoiced.text.spoken.english.numbers.cardinals import cardinal, ordinal, year

MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_MONTH = (
    r"(?P<month>Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?"
    r"|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEPT?|OCT|NOV|DEC)\b\.?"
)
_DAY = r"(?P<day>0?[1-9]|[12]\d|3[01])"
_LAST_DAY = r"(?:\s?[-–—]\s?(?P<last>0?[1-9]|[12]\d|3[01]))?"
_YEAR = r"(?P<year>1[0-9]\d\d|20\d\d)"
_TIME = r"(?P<hour>[01]?\d|2[0-4])[:](?P<minute>[0-5]\d)(?:[:](?P<second>[0-5]\d)(?:[.,]\d{1,9})?)?"
_SENTENCE_END = r"\s*\Z|\s+(?!Mon|Tue|Wed|Thu|Fri|Sat|Sun|[A-Z]{2,4}\b)[A-Z]"
_HALF = rf"(?:\s?(?P<half>[AaPp])(?:\.\s?[Mm](?:\.(?!{_SENTENCE_END}))?|[Mm]\b))"

ISO = re.compile(
    rf"{_YEAR}(?P<sep>[-/.])(?P<month>0?[1-9]|1[0-2])(?P=sep){_DAY}(?!\d)"
    rf"(?:[T ]{_TIME}(?P<zone>Z|[+-]\d\d:?\d\d)?)?(?![\w-])"
)
NUMERIC = re.compile(
    r"(?P<one>\d{1,2})(?P<sep>[/.-])(?P<two>\d{1,2})(?P=sep)(?P<year>(?:1[0-9]|20)\d\d|\d\d)(?![\w/])(?!\.\d)"
)
MONTH_FIRST = re.compile(rf"{_MONTH}\s{{1,2}}{_DAY}{_LAST_DAY}(?:st|nd|rd|th)?\b(?![:.,]?\d)(?:,?\s{{1,2}}{_YEAR}\b)?")
DAY_FIRST = re.compile(rf"{_DAY}{_LAST_DAY}(?:st|nd|rd|th)?[-\s]{{1,2}}{_MONTH}(?:[-,]?\s?{_YEAR}\b)?")
MONTH_YEAR = re.compile(rf"{_MONTH}\s{{1,2}}{_YEAR}\b")
_UNTIL = r"(?P<until>\s?[-–—]\s?(?=\d{1,2}(?::[0-5]\d|\s?[AaPp]\.?[Mm])))?"
CLOCK = re.compile(rf"{_TIME}{_HALF}?(?![\w:]){_UNTIL}")
DOTTED_CLOCK = re.compile(rf"(?P<hour>1[0-2]|0?[1-9])\.(?P<minute>[0-5]\d)(?P<second>(?!))?{_HALF}{_UNTIL}")
HOUR = re.compile(rf"(?P<hour>1[0-2]|0?[1-9])(?:\s?[-–]\s?(?P<last>1[0-2]|0?[1-9]))?{_HALF}{_UNTIL}")
_MON = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)"
_DAY_NAME = r"(?:Mon|Tues?|Wed|Thu(?:rs)?|Fri|Sat|Sun)"
NAMES = re.compile(
    rf"(?P<one>{_MON}|{_DAY_NAME})\.?(?P<link>\s?[-–—]\s?|/)(?P<two>{_MON}|{_DAY_NAME})\b\.?(?=\W|\Z)"  # Mon-Fri
)
COMPACT = re.compile(
    r"(?P<year>(?:19|20)\d\d)(?P<month>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01])(?![^\W_]|[.,]\d)"  # 20240131
)
ISO_MONTH = re.compile(r"(?P<year>(?:19|20)\d\d)-(?P<month>0[1-9])(?![\w-]|\.\d)")
ISO_WEEK = re.compile(r"(?P<year>(?:19|20)\d\d)-W(?P<week>[0-5]\d)(?!\w)")
LOG_DATE = re.compile(rf"{_DAY}/{_MONTH}/{_YEAR}(?::{_TIME}(?:\s(?P<zone>[+-]\d{{4}}))?)?(?!\w)")  # 10/Oct/2000:13:55
OFFSET = re.compile(r"(?P<name>UTC|GMT)\s?(?P<zone>[+\-−]\d{1,2}(?::?[0-5]\d)?)(?!\w)")
WEEKDAY = re.compile(
    r"(?P<name>Mon|Tues?|Wed|Thu(?:rs)?|Fri|Sat|Sun)\b\.?"
    r"(?=,?\s{1,2}(?:\d|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec))"
)
_WEEKDAYS = {"mon": "monday", "tue": "tuesday", "wed": "wednesday", "thu": "thursday", "fri": "friday",
             "sat": "saturday", "sun": "sunday"}  # fmt: skip


def date(day: int, month: int, written_year: str | None = None, last: int | None = None) -> str:
    """25, 12, "2024" → "december twenty fifth, twenty twenty four" without the comma."""
    words = f"{MONTHS[month - 1]} {ordinal(day)}" + (f" to {ordinal(last)}" if last else "")
    return f"{words} {_year(written_year)}" if written_year else words


def _year(digits: str) -> str:
    if len(digits) == 2:
        digits = ("20" if int(digits) < 70 else "19") + digits
    return year(digits)


def read_iso(match: re.Match[str]) -> str:
    words = date(int(match["day"]), int(match["month"]), match["year"])
    if match["hour"]:
        words += " at " + clock(match["hour"], match["minute"], match["second"], None)
        if match["zone"]:
            words += " U T C" + ("" if match["zone"] == "Z" else _offset(match["zone"]))
    return words


def read_names(match: re.Match[str]) -> str | None:
    """ "Mon-Fri" → "monday to friday", "Jan/Feb" → "january slash february"."""
    one, two = _full(match["one"]), _full(match["two"])
    if (one in MONTHS) != (two in MONTHS):
        return None
    return f"{one} slash {two}" if match["link"] == "/" else f"{one} to {two}"


def _full(name: str) -> str:
    return _WEEKDAYS.get(name[:3].lower()) or MONTHS[month_of(name) - 1]


def read_compact(match: re.Match[str]) -> str:
    return date(int(match["day"]), int(match["month"]), match["year"])


def read_iso_month(match: re.Match[str]) -> str:
    return f"{MONTHS[int(match['month']) - 1]} {year(match['year'])}"


def read_iso_week(match: re.Match[str]) -> str:
    return f"{year(match['year'])} week {cardinal(str(int(match['week'])))}"


def read_log_date(match: re.Match[str]) -> str:
    words = date(int(match["day"]), month_of(match["month"]), match["year"])
    if match["hour"]:
        words += " at " + clock(match["hour"], match["minute"], match["second"], None)
        words += " U T C" + _offset(match["zone"]) if match["zone"] else ""
    return words


def read_offset(match: re.Match[str]) -> str:
    return " ".join(match["name"]) + _offset(match["zone"])


def _offset(zone: str) -> str:
    """ "+0200", "-5" → " plus two", " minus five"."""
    digits = zone[1:].replace(":", "")
    hours, minutes = (int(digits[:-2]), int(digits[-2:])) if len(digits) > 2 else (int(digits), 0)
    words = (" plus " if zone[0] == "+" else " minus ") + cardinal(str(hours))
    return words + (f" {cardinal(str(minutes))}" if minutes else "")


def read_numeric(match: re.Match[str]) -> str | None:
    """Month first with slashes and dashes as in the United States, day first with dots; whatever is possible."""
    one, two = int(match["one"]), int(match["two"])
    if len(match["year"]) == 2 and match["sep"] != "/":
        return None  # 1.2.34 is a version, 1-2-34 anything
    day, month = (one, two) if match["sep"] == "." else (two, one)
    if month > 12:
        day, month = month, day
    if not (1 <= day <= 31 and 1 <= month <= 12):
        return None
    return date(day, month, match["year"])


def read_month_first(match: re.Match[str]) -> str:
    return date(int(match["day"]), month_of(match["month"]), match["year"], int(match["last"] or 0) or None)


def read_day_first(match: re.Match[str]) -> str:
    days = ordinal(int(match["day"])) + (f" to {ordinal(int(match['last']))}" if match["last"] else "")
    words = f"{days} of {MONTHS[month_of(match['month']) - 1]}"
    return f"{words} {year(match['year'])}" if match["year"] else words


def read_month_year(match: re.Match[str]) -> str:
    return f"{MONTHS[month_of(match['month']) - 1]} {year(match['year'])}"


def month_of(name: str) -> int:
    return next(number for number, month in enumerate(MONTHS, 1) if month.startswith(name[:3].lower()))


def read_clock(match: re.Match[str]) -> str | None:
    if match["hour"] == "24" and match["minute"] != "00":
        return None
    words = clock(match["hour"], match["minute"], match["second"], match["half"])
    return words + " to" if match["until"] else words


def clock(hour: str, minute: str, second: str | None, half: str | None) -> str:
    """ "9", "05" → "nine oh five"; "9", "00" → "nine o'clock", with ``half`` a or p "nine P M"."""
    words = cardinal(str(int(hour)))
    if minute != "00":
        words += (" oh " if minute[0] == "0" else " ") + cardinal(str(int(minute)))
    elif not half and not second:
        words += " o'clock" if 1 <= int(hour) <= 12 else " hundred"
    elif second and not half:
        words += " hundred" if not 1 <= int(hour) <= 12 else " o'clock"
    if second and int(second):
        words += f" and {cardinal(str(int(second)))} second{'' if int(second) == 1 else 's'}"
    return words + (f" {half.upper()} M" if half else "")


def read_hour(match: re.Match[str]) -> str:
    words = cardinal(str(int(match["hour"])))
    if match["last"]:
        words += " to " + cardinal(str(int(match["last"])))
    return f"{words} {match['half'].upper()} M" + (" to" if match["until"] else "")


def read_weekday(match: re.Match[str]) -> str:
    return _WEEKDAYS[match["name"][:3].lower()]


RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str | None]], ...] = (
    (ISO, read_iso),
    (ISO_WEEK, read_iso_week),
    (ISO_MONTH, read_iso_month),
    (COMPACT, read_compact),
    (LOG_DATE, read_log_date),
    (NUMERIC, read_numeric),
    (DAY_FIRST, read_day_first),
    (HOUR, read_hour),
    (CLOCK, read_clock),
    (DOTTED_CLOCK, read_clock),
)
"""For what begins with a digit, in this order."""
