"""What begins with a digit and counts or measures something: ranges, units, fractions, powers, ratios, years."""

from __future__ import annotations

import re
from collections.abc import Callable

from fishvoiced.text.spoken.english.numbers import exponents, measures, units
from fishvoiced.text.spoken.english.numbers.calendar import date
from fishvoiced.text.spoken.english.numbers.cardinals import (
    NUMBER,
    cardinal,
    decade,
    decimal,
    fraction,
    in_pairs,
    is_year,
    mixed,
    ordinal,
    plain_number,
    plural,
    single_digits,
    year,
)

VULGAR = {
    "½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅖": (2, 5), "⅗": (3, 5), "⅘": (4, 5),
    "⅙": (1, 6), "⅚": (5, 6), "⅐": (1, 7), "⅛": (1, 8), "⅜": (3, 8), "⅝": (5, 8), "⅞": (7, 8), "⅑": (1, 9),
    "⅒": (1, 10),
}  # fmt: skip

_FRACTION_BELOW = frozenset((*range(2, 11), 12, 16, 20, 32, 64, 100, 1000))
_FRACTION = re.compile(
    r"(?:(?P<whole>\d{1,4})[ \u00a0-])?(?P<above>\d{1,4})[/⁄](?P<below>\d{1,4})(?:th|ths|rd|rds)?(?![\w/]|\.\d)"
)
_ORDINAL = re.compile(
    r"(?P<digits>\d{1,15}|\d{1,3}(?:,\d{3}){1,4})(?:(?:st|nd|rd|th)\b|ˢᵗ|ⁿᵈ|ʳᵈ|ᵗʰ)"
    r"(?:\s?[-–—]\s?(?P<last>\d{1,4})(?:st|nd|rd|th)\b)?",
    re.IGNORECASE,
)
_DECADE = re.compile(r"(?P<digits>(?:1[1-9]|20)?\d0)['’]?s\b(?:\s?[-–—]\s?['’]?(?P<last>(?:1[1-9]|20)?\d0)['’]?s\b)?")
_LASTS = re.compile(
    r"(?:[=<>~≤≥:/(]|\b(?:in|for|after|within|wait|waited|took|takes|every|timeout|than|about|last|next|sleep|ran|lasted)\s)\Z",
    re.IGNORECASE,
)
_SEVERAL = re.compile(  # 100s of, B-52s, 747s
    r"(?P<power>10{2,3})s(?=\s(?:of|more)\b)|(?P<model>(?<=[A-Z]-)\d{2,3}|7[0-8]7)s\b"
)
_ALL_DAY = re.compile(r"24/7(?P<year>/365)?(?![\w/]|\.\d)")
_GROUPED = re.compile(  # 1 500 000; 1.500,75; 1.234.567; 12,34,567; a number of another country
    r"(?P<grouped>[1-9]\d{0,2}(?:\.\d{3}){1,6}(?=,\d{1,2}(?!\d))|[1-9]\d{0,2}(?:\.\d{3}){2,6}(?![\d.])"
    r"|[1-9]\d?(?: \d{3}){2,6}(?!\d)|[1-9]\d{0,2}(?: \d{3}){0,5} 000(?!\d)"
    r"|[1-9]\d{0,2}(?:[\u00a0\u202f'’]\d{3}){1,6}(?!\d)"
    r"|[1-9]\d?(?:,\d{2}){1,5},\d{3}(?![\d,]))(?:[.,](?P<decimals>\d{1,4})(?!\d))?"
)
_COMPOUND = re.compile(  # a 5-lb bag
    rf"(?P<number>{NUMBER})-(?P<unit>lbs?|kg|g|km|m|cm|mm|ft|in|hr|min|sec|k?W|V|oz|mi|mph|[KMGT]B|gal|yd|[kMG]?Hz|m[lL]|L)(?![\w-])"
)
_SIDE = r"\d{1,6}(?:\.\d{1,4})?"
_SIZE = re.compile(
    rf"(?P<one>{_SIDE})\s?[x×]\s?(?P<two>{_SIDE})(?:\s?[x×]\s?(?P<three>{_SIDE}))?(?!\w|\s?\^|[⁰¹²³⁴⁵⁶⁷⁸⁹⁻])"
)
_FOLD = re.compile(r"(?P<number>\d{1,6}(?:\.\d{1,4})?)[x×]\b")
_RATIO = re.compile(r"(?P<one>\d{1,5}(?:\.\d{1,3})?):(?P<two>\d{1,5}(?:\.\d{1,3})?)(?![\w:]|\.\d)")
_RANGE = re.compile(rf"(?P<low>{NUMBER})(?P<dash>\s?[-–—−]\s?|\.\.\.?|~)(?P<high>{NUMBER})(?![-–]?\d)(?!\w*@)")
MAGNITUDE = re.compile(rf"(?P<number>{NUMBER})(?P<scale>[kKM]|bn|B)(?!\w)")
_NUMBER = re.compile(rf"(?P<number>{NUMBER})(?:[ \u00a0]?(?P<vulgar>[{''.join(VULGAR)}]))?")
_EMERGENCY = re.compile(r"\b(?:call|dial|text|phone|ring|number|code|pin|ext|extension)\s(?:is\s)?\Z", re.IGNORECASE)
_SERIAL = re.compile(r"[A-Z]-\Z")
_ZIP = re.compile(r"\b(?:[A-Z]{2}|D\.C\.)\s\Z")
_IDENTIFIER = re.compile(
    r"(?:#|\b(?:ids?|order|ticket|account|tracking|invoice|pin|code|serial|otp|passcode|case|ref|zip|reference"
    r"|pid)\b[ :#.]{0,3}(?:is |no\.? |number )?)\Z",
    re.IGNORECASE,
)
_COUNTED = re.compile(r"\s(?!(?:was|has|this|its|less|across|versus|does|unless|thus)\b)[a-z]{3,20}s\b(?!['’])")
_DATED = re.compile(r"\b(?:on|by|until|before|after|since|due|dated?|from|between)\s\Z", re.IGNORECASE)
_DOTTED_UNITS = frozenset(
    [
        "in", "ft", "lb", "lbs", "oz", "min", "mins", "sec", "secs", "hr", "hrs", "yr", "yrs", "wk", "wks", "yd",
        "mi", "gal", "tsp", "tbsp",
    ]
)  # fmt: skip
_GOES_ON = re.compile(r"\.\s+[a-z\d]")
_UNTIL = re.compile(r"\s?[–—-]\s?(?=[-−]?\d)")  # "40°C–60°C"
_STEP = re.compile(
    r"\b(?:retry|retries|attempt|try|step|page|part|task|test|slide|item|file|stage|round)\s\Z", re.IGNORECASE
)
_RATED = re.compile(r"\s(?:stars?|points?|votes?)\b|\s?[★⭐]")
_OPERATOR_AHEAD = re.compile(r"\s?[÷+−*]")
_MODEL = re.compile(r"\b[A-Z]{2,5}[ \u00a0]\Z")
_EQUALS_AHEAD = re.compile(r"[^\n=]{0,24}(?<![<>!=])=(?![=>])")


def read_fraction(match: re.Match[str]) -> str | None:
    whole, above, below = match["whole"], int(match["above"]), int(match["below"])
    if (above, below) == (9, 11):
        return "nine eleven"
    if above == below and whole is None:
        link = "" if above in (20, 50) else "out of "
        return f"{cardinal(match['above'])} {link}{cardinal(match['below'])}"
    counted = whole is None and _counted(match)
    if counted:
        return f"{cardinal(match['above'])} {counted} {cardinal(match['below'])}"
    after = match.string[match.end() : match.end() + 4]
    if is_year(match["above"]) and whole is None and len(match["below"]) == 2 and below == (above + 1) % 100:
        return f"{year(match['above'])} to {cardinal(match['below'])}"
    is_dated = _DATED.search(match.string[max(0, match.start() - 12) : match.start()]) and not after.startswith(" of")
    if whole is None and is_dated and 1 <= above <= 12 and 1 <= below <= 31:
        return date(below, above)
    if below in _FRACTION_BELOW and 0 < above < below and (below < 20 or above == 1):
        return mixed(whole, above, below) if whole else fraction(above, below)
    if whole is not None:
        return None
    if below in (2, 3, 4, 8) and above < 20:
        return fraction(above, below)
    link = "over" if above > below else "of"
    return f"{cardinal(match['above'])} {link} {cardinal(match['below'])}"


def _counted(match: re.Match[str]) -> str | None:
    """How the parts are linked where they are no fraction: "10/2=5", "attempt 3/5", "4/5 stars"."""
    text, start, end = match.string, match.start(), match.end()
    if _EQUALS_AHEAD.match(text, end):
        return "divided by"
    if _STEP.search(text, max(0, start - 16), start):
        return "of"
    return "out of" if _RATED.match(text, end) else None


def read_ordinal(match: re.Match[str]) -> str | None:
    words = ordinal(int(match["digits"].replace(",", "")))
    return f"{words} to {ordinal(int(match['last']))}" if match["last"] else words


def read_decade(match: re.Match[str]) -> str | None:
    before = match.string[max(0, match.start() - 12) : match.start()]
    if len(match["digits"]) == 2 and not match["last"] and _LASTS.search(before):
        return None  # seconds
    return decade(match["digits"]) + (f" to {decade(match['last'])}" if match["last"] else "")


def read_several(match: re.Match[str]) -> str | None:
    if match["power"]:
        return "hundreds" if match["power"] == "100" else "thousands"
    if _LASTS.search(match.string[max(0, match.start() - 12) : match.start()]):
        return None  # seconds
    return plural(in_pairs(match["model"]))


def read_grouped(match: re.Match[str]) -> str:
    whole = "".join(filter(str.isdecimal, match["grouped"]))
    return decimal(f"{whole}.{match['decimals']}" if match["decimals"] else whole)


def read_compound(match: re.Match[str]) -> str:
    return f"{plain_number(match['number'])} {units.UNITS[match['unit']][0]}"


def read_size(match: re.Match[str]) -> str:
    """1920x1080 → "nineteen twenty by ten eighty"; 3 × 4 → "three times four"."""
    one, two, three = match["one"], match["two"], match["three"]
    multiplies = (
        "×" in match[0]
        and three is None
        and (_EQUALS_AHEAD.match(match.string, match.end()) or _OPERATOR_AHEAD.match(match.string, match.end()))
    )
    link = "times" if multiplies else "by"
    return f" {link} ".join(_pixels(part) for part in (one, two, three) if part)


def _pixels(number: str) -> str:
    if len(number) == 4 and number.isdecimal() and number[2:] != "00" and number[2] != "0":
        return f"{cardinal(number[:2])} {cardinal(number[2:])}"
    return decimal(number)


def read_fold(match: re.Match[str]) -> str:
    return f"{decimal(match['number'])} times"


def read_ratio(match: re.Match[str]) -> str:
    link = ", " if match.string[match.start() - 1 : match.start()] == ":" else " to "  # of a file: line, column
    return f"{decimal(match['one'])}{link}{decimal(match['two'])}"


def decimal_value(number: str) -> float:
    return float(number.replace(",", ""))


def read_range(match: re.Match[str]) -> str | None:
    """ "10-20" → "ten to twenty", with its unit; a difference where "=" follows."""
    low, high, dash = match["low"], match["high"], match["dash"]
    if any(len(n) > 1 and n[0] == "0" and "." not in n for n in (low, high)):
        return None
    if low == high == "50":
        return "fifty fifty"
    subtracts = dash in (" - ", " − ") and decimal_value(low) > decimal_value(high)
    if dash.strip() in "-−" and (subtracts or _EQUALS_AHEAD.match(match.string, match.end())):
        return f"{plain_number(low)} minus {plain_number(high)}"
    if is_year(low) and (is_year(high) or (len(high) == 2 and high.isdecimal())):
        return f"{year(low)} to {year(high) if len(high) == 4 else cardinal(high)}"
    return f"{plain_number(low)} to {plain_number(high)}"


_SCALES = {"k": "thousand", "K": "K", "M": "million", "bn": "billion", "B": "billion"}


def read_magnitude(match: re.Match[str]) -> str | None:
    """ "10k" → "ten thousand", "1.2M" → "one point two million"; "3B" stays a code."""
    if match["scale"] == "B" and "." not in match["number"]:
        return None
    return f"{decimal(match['number'])} {_SCALES[match['scale']]}"


def read_number(match: re.Match[str]) -> str:
    number, vulgar = match["number"], match["vulgar"]
    if vulgar:
        return mixed(number, *VULGAR[vulgar])
    text, start = match.string, match.start()
    before = text[max(0, start - 24) : start]
    if number.isdecimal() and (
        (len(number) >= 4 and _IDENTIFIER.search(before))
        or (len(number) == 3 and _EMERGENCY.search(before))
        or (len(number) == 5 and _ZIP.search(before))
    ):
        return single_digits(number)
    if number.isdecimal() and len(number) > 2 and _SERIAL.search(before):
        return single_digits(number)
    if number.isdecimal() and len(number) > 4 and "_" in (before[-1:], text[match.end() : match.end() + 1]):
        return single_digits(number)  # of a file's name
    if len(number) == 4 and number.isdecimal() and _MODEL.search(before) and not is_year(number):
        return _pixels(number)
    if is_year(number) and not _COUNTED.match(text, match.end()):
        return year(number)
    return plain_number(number)


RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str | None]], ...] = (
    (_ORDINAL, read_ordinal),
    (_DECADE, read_decade),
    (_SEVERAL, read_several),
    (_COMPOUND, read_compound),
    (_ALL_DAY, lambda match: "twenty four seven" + (" three sixty five" if match["year"] else "")),
    (exponents.SCIENTIFIC, exponents.read_scientific),
    (_SIZE, read_size),
    (_FOLD, read_fold),
    *measures.RULES,
    (_RATIO, read_ratio),
)
MEASURED: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str | None]], ...] = (
    (_GROUPED, read_grouped),
    (_FRACTION, read_fraction),
    (_RANGE, read_range),
    (_NUMBER, read_number),
)
"""A unit may follow these."""


def with_unit(match: re.Match[str], words: str) -> tuple[int, str]:
    """Where the quantity of ``match`` ends, and ``words`` with its unit, if one follows."""
    unit = units.PATTERN.match(match.string, match.end())
    if unit is None:
        return match.end(), words
    groups = match.groupdict()
    part = "below" in groups and groups["whole"] is None and not {"over", "of"} & set(words.split())
    one = match[0] == "1" or match[0] in VULGAR or part
    said = units.said(unit, one=one)
    if said is None:
        return match.end(), words
    number = groups.get("number")
    if number and is_year(number) and not groups.get("vulgar"):
        words = plain_number(number)
    end = unit.end()
    if unit["unit"].rpartition(" ")[2] in _DOTTED_UNITS and _GOES_ON.match(match.string, end):
        end += 1  # "3 in. of rain"
    until = _UNTIL.match(match.string, end)
    return (until.end(), f"{words} {said} to") if until else (end, f"{words} {said}")
