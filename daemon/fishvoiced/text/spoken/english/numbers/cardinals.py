"""English numbers in words: cardinals with "and", ordinals, years, decimals, fractions, digits, roman numerals."""

from __future__ import annotations

import re
from functools import lru_cache

from fishvoiced.text.numerals import MAX_DIGITS, in_words

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SCALES = ("", " thousand", " million", " billion", " trillion")
NUMBER = r"(?:\d{1,3}(?:,\d{3}){1,12}(?![\d])|\d{1,64})(?:\.\d{1,64})?"
"""A number as written in English, without its sign."""

_IDENTIFIER_DIGITS = 10  # from here on, digits without separators are somebody's number, not a quantity
_DENOMINATORS = {2: "half", 4: "quarter"}


@lru_cache(maxsize=2048)
def _below_thousand(number: int) -> str:
    words = in_words(number, "en").replace("-", " ")
    return words.replace(" hundred ", " hundred and ")


def cardinal(digits: str) -> str:
    """ "1,024" → "one thousand and twenty four"; longer than 15 digits, or with a zero in front: digit by digit."""
    digits = digits.replace(",", "")
    if len(digits) > MAX_DIGITS or (len(digits) > 1 and digits[0] == "0"):
        return single_digits(digits)
    number = int(digits)
    if number < 1000:
        return _below_thousand(number)
    words: list[str] = []
    for power in range(len(SCALES) - 1, -1, -1):
        group = number // 1000**power % 1000
        if group:
            link = "and " if power == 0 and group < 100 else ""
            words.append(link + _below_thousand(group) + SCALES[power])
    return " ".join(words)


def ordinal(number: int) -> str:
    """21 → "twenty first"."""
    words = cardinal(str(number)).split()
    last = in_words(number % 100 or number, "en", "ordinal").replace("-", " ").split()[-1]
    return " ".join([*words[:-1], last])


def single_digits(digits: str) -> str:
    return " ".join(DIGITS[int(digit)] for digit in digits if digit.isdecimal())


def year(digits: str) -> str:
    """ "1984" → "nineteen eighty four", "2009" → "two thousand and nine", "1905" → "nineteen oh five"."""
    century, rest = divmod(int(digits), 100)
    if century % 10 == 0 and rest < 10:
        return cardinal(digits)
    if rest == 0:
        return cardinal(str(century)) + " hundred"
    return cardinal(str(century)) + (" oh " if rest < 10 else " ") + cardinal(str(rest))


def is_year(digits: str) -> bool:
    return len(digits) == 4 and digits.isdecimal() and "1100" <= digits <= "2099"


def decimal(number: str) -> str:
    """A number with or without decimals: "3.14" → "three point one four", ".5" → "point five"."""
    whole, dot, decimals = number.partition(".")
    words = cardinal(whole) if whole else ""
    return f"{words} point {single_digits(decimals)}".strip() if dot else words


def plain_number(number: str) -> str:
    """The same; digits without separators that are too long for a quantity are read one by one."""
    if len(number) >= _IDENTIFIER_DIGITS and number.isdecimal() and not number.endswith("000"):
        return in_groups(number)
    return decimal(number)


def in_groups(digits: str) -> str:
    """A long row of digits, with a pause after every four, as people say them."""
    size = 3 if len(digits) % 4 in (1, 2) and len(digits) < 12 else 4
    groups = [digits[at : at + size] for at in range(0, len(digits), size)]
    if len(groups) > 1 and len(groups[-1]) < 2:
        groups[-2:] = [groups[-2] + groups[-1]]
    return ", ".join(map(single_digits, groups))


def fraction(above: int, below: int) -> str:
    """2, 3 → "two thirds"; 1, 2 → "one half"."""
    name = _DENOMINATORS.get(below) or ordinal(below)
    if above != 1:
        name = "halves" if name == "half" else name + "s"
    return f"{cardinal(str(above))} {name}"


def mixed(whole: str, above: int, below: int) -> str:
    """ "3", 1, 2 → "three and a half"."""
    part = fraction(above, below)
    if above == 1 and below in (2, 3, 4):
        part = "a " + part.removeprefix("one ")
    return f"{decimal(whole)} and {part}"


def power(exponent: int) -> str:
    """2 → "squared", 3 → "cubed", -3 → "to the power of minus three"."""
    if exponent in (2, 3):
        return "squared" if exponent == 2 else "cubed"
    return "to the power of " + ("minus " if exponent < 0 else "") + cardinal(str(abs(exponent)))


def in_pairs(digits: str) -> str:
    """ "747" → "seven forty seven", "1080" → "ten eighty": as models and sizes of screens are called."""
    if len(digits) not in (3, 4) or digits[-2] == "0":
        return cardinal(digits)
    return f"{cardinal(digits[:-2])} {cardinal(digits[-2:])}"


def plural(words: str) -> str:
    """ "forty six" → "forty sixes"."""
    return words[:-1] + "ies" if words[-1] == "y" else words + ("es" if words[-1] == "x" else "s")


def decade(digits: str) -> str:
    """ "1980" → "nineteen eighties", "90" → "nineties", "2000" → "two thousands"."""
    return plural(year(digits) if len(digits) == 4 else cardinal(digits))


_ROMAN = re.compile(r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")
_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}


def roman(numeral: str) -> int | None:
    """ "XIV" → 14; None for what is no roman numeral."""
    if not numeral or not _ROMAN.fullmatch(numeral):
        return None
    values = [_ROMAN_VALUES[letter] for letter in numeral]
    return sum(-a if a < b else a for a, b in zip(values, [*values[1:], 0], strict=True))
