"""Durations as people write them: ``90``, ``90s``, ``5m``, ``1h30m``; ``-1`` and ``forever`` are for ever."""

from __future__ import annotations

import re

from fishvoice.errors import InvalidRequest

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
FOREVER = -1.0


def seconds(text: str) -> float:
    """The seconds of a duration. Raises InvalidRequest."""
    written = text.strip().lower()
    if written == "forever":
        return FOREVER
    try:
        return float(written)
    except ValueError:
        parts = _PART.findall(written)
    if not parts or "".join(number + unit for number, unit in parts) != written:
        raise InvalidRequest(f"{text!r} is no duration: write seconds, or 90s, 5m, 1h30m, forever")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def written(duration: float) -> str:
    """``5 min``, ``1 h 30 min``, ``40 s``; for people."""
    if duration < 0:
        return "for ever"
    minutes, rest = divmod(round(duration), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [
        f"{hours} h" if hours else "",
        f"{minutes} min" if minutes else "",
        f"{rest} s" if rest and not hours else "",
    ]
    return " ".join(part for part in parts if part) or "0 s"
