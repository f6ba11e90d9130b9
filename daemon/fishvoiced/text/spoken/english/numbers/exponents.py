"""Powers and indices: x², CO₂, Fe³⁺, 6.022×10²³."""

from __future__ import annotations

import re

from fishvoiced.text.spoken.english.numbers.cardinals import cardinal, decimal, power

SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ", "0123456789+-=()ni")
SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎", "0123456789+-=()")
RAISED = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿⁱ]{1,16}")
LOWERED = re.compile("[₀₁₂₃₄₅₆₇₈₉₊₋]{1,16}")
SCIENTIFIC = re.compile(
    r"(?P<number>\d{1,12}(?:\.\d{1,20})?)(?:[eE](?P<e>[+-]?\d{1,3})\b"
    r"|\s?[x×*·]\s?10(?:\^\(?(?P<caret>[-−]?\d{1,4})\)?|(?P<raised>[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,4})))"
)


def read_scientific(match: re.Match[str]) -> str:
    exponent = match["e"] or match["caret"] or match["raised"].translate(SUPERSCRIPTS)
    words = power(int(exponent.replace("−", "-")))
    words = words if words.startswith("to") else f"to the power of {cardinal(exponent.lstrip('+'))}"
    return f"{decimal(match['number'])} times ten {words}"


def raised(written: str, base: str, *, before_letter: bool = False) -> str:
    """What a superscript says behind ``base``: a power behind a number or a short name, else its digits."""
    plain = written.translate(SUPERSCRIPTS)
    if re.fullmatch(r"\d{0,2}[-+]", plain):
        return f"{cardinal(plain[:-1]) if plain[:-1] else ''} {_power_sign(plain[-1])}".strip()  # an ion
    if not base and plain.isdecimal() and before_letter:
        return cardinal(plain)  # an isotope
    if re.fullmatch(r"[-+]?\d{1,15}", plain):
        is_base = not base or len(base) <= 2 or base[-1].isdecimal()
        return power(int(plain)) if is_base else cardinal(plain.lstrip("+-"))
    return "to the power of " + " ".join(_power_sign(sign) for sign in plain)


def _power_sign(sign: str) -> str:
    return cardinal(sign) if sign.isdecimal() else {"+": "plus", "-": "minus"}.get(sign, sign.upper())


def lowered(written: str) -> str:
    plain = written.translate(SUBSCRIPTS)
    return " ".join(cardinal(part) if part.isdecimal() else {"+": "plus", "-": "minus"}[part]
                    for part in re.findall(r"\d{1,2}|[+-]", plain))  # fmt: skip
