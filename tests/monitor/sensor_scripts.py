"""What the sensors of a machine may say at a moment."""

from __future__ import annotations

from collections.abc import Callable

from fishvoiced.monitor.reading import Quantity, Reading, Unavailable
from tests.monitor.fakes import celsius, reading

COOL = 50.0
HOT = 95.0

Scene = Callable[[float], list[Reading | Unavailable]]


def at(temperature: float, duty: float = 0.0) -> Scene:
    return lambda now: [celsius(temperature, now, 100.0), reading(Quantity.THROTTLE_DUTY, duty, now)]


def nothing(now: float) -> list[Reading | Unavailable]:
    return [Unavailable("hwmon", "gone")]
