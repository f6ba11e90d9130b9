"""Values of SSML's attributes in our units: seconds, factors, semitones. Speech Synthesis Markup Language 1.1 (W3C)."""

from __future__ import annotations

import math
import re

_TIME = re.compile(r"\+?(\d{1,7}(?:\.\d{1,6})?|\.\d{1,6})\s?(ms|s)")
_NUMBER = re.compile(r"[+-]?(?:\d{1,7}(?:\.\d{1,6})?|\.\d{1,6})")
_UNITS = re.compile(r"([+-]?(?:\d{1,7}(?:\.\d{1,6})?|\.\d{1,6}))\s?(%|st|dB|db|Hz|hz)")

STRENGTHS = {"none": 0.0, "x-weak": 0.0, "weak": 0.25, "medium": 0.5, "strong": 0.8, "x-strong": 1.2}
_RATES = {"x-slow": 0.5, "slow": 0.75, "medium": 1.0, "default": 1.0, "fast": 1.5, "x-fast": 2.0}
_PITCHES = {"x-low": -6.0, "low": -3.0, "medium": 0.0, "default": 0.0, "high": 3.0, "x-high": 6.0}
_VOLUMES = {"silent": 0.0, "x-soft": 0.25, "soft": 0.5, "medium": 1.0, "default": 1.0, "loud": 1.5, "x-loud": 2.0}
_TYPICAL_HERTZ = 180.0  # what a difference in hertz is measured against


def seconds(written: str) -> float | None:
    """ "1.5s", "500ms" → seconds; None for anything else."""
    match = _TIME.fullmatch(written.strip())
    return float(match[1]) * (0.001 if match[2] == "ms" else 1.0) if match else None


def rate(written: str) -> float | None:
    """ "fast", "120%", "+20%", "1.2" → a factor."""
    written = written.strip()
    if written in _RATES:
        return _RATES[written]
    units = _UNITS.fullmatch(written)
    if units and units[2] == "%":
        amount = float(units[1]) / 100.0
        return 1.0 + amount if written[0] in "+-" else amount
    return float(written) if _NUMBER.fullmatch(written) and float(written) > 0 else None


def pitch(written: str) -> float | None:
    """ "high", "+2st", "-10%", "+20Hz" → semitones. A pitch in hertz alone says nothing about another voice: None."""
    written = written.strip()
    if written in _PITCHES:
        return _PITCHES[written]
    units = _UNITS.fullmatch(written)
    if units is None:
        return None
    amount, unit = float(units[1]), units[2].lower()
    if unit == "st":
        return amount
    if unit == "%":
        factor = 1.0 + amount / 100.0 if written[0] in "+-" else amount / 100.0
    elif unit == "hz" and written[0] in "+-":
        factor = 1.0 + amount / _TYPICAL_HERTZ
    else:
        return None
    return 12.0 * math.log2(factor) if factor > 0 else None


def volume(written: str) -> float | None:
    """ "loud", "+6dB", "80", "50%" → a factor."""
    written = written.strip()
    if written in _VOLUMES:
        return _VOLUMES[written]
    units = _UNITS.fullmatch(written)
    if units and units[2].lower() == "db":
        return float(10.0 ** (float(units[1]) / 20.0))
    if units and units[2] == "%":
        return 1.0 + float(units[1]) / 100.0 if written[0] in "+-" else float(units[1]) / 100.0
    return float(written) / 100.0 if _NUMBER.fullmatch(written) and float(written) >= 0 else None
