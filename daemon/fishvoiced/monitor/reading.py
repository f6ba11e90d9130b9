"""Reading and Unavailable: what a probe found, or why it found nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum


class Quantity(StrEnum):
    """What a value means, and with it its unit."""

    TEMPERATURE = "temperature"  # °C
    THROTTLE_DUTY = "throttle_duty"  # share of the time spent throttled, 0–1
    THROTTLE_EVENTS = "throttle_events"  # throttle events since the last reading
    FIRMWARE_FLAGS = "firmware_flags"  # the Raspberry Pi's bits
    PRESSURE = "pressure"  # macOS thermal pressure, 0–4
    SPEED_LIMIT = "speed_limit"  # percent of full speed that the system allows
    POWER = "power"  # W
    THROUGHPUT = "throughput"  # own frames per CPU-second ÷ own baseline


# Outside of these a value is a sensor's way of saying "nothing" (−44 °C, 127 °C, 0 °C).
_PLAUSIBLE = {
    Quantity.TEMPERATURE: (1.0, 125.0),
    Quantity.THROTTLE_DUTY: (0.0, 1.0),
    Quantity.THROTTLE_EVENTS: (0.0, 1e9),
    Quantity.FIRMWARE_FLAGS: (0.0, float(0xFFFFF)),
    Quantity.PRESSURE: (0.0, 4.0),
    Quantity.SPEED_LIMIT: (0.0, 100.0),
    Quantity.POWER: (0.0, 2000.0),
    Quantity.THROUGHPUT: (0.0, 100.0),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one source. ``at`` is monotonic seconds, ``critical`` °C if the source knows it."""

    source: str
    quantity: Quantity
    value: float
    at: float
    critical: float | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A source without a reading: why, and what would make it available (may be empty)."""

    source: str
    reason: str
    hint: str = ""


def plausible(reading: Reading) -> bool:
    """Whether a value can be true at all: finite and within its quantity's range."""
    low, high = _PLAUSIBLE[reading.quantity]
    return math.isfinite(reading.value) and low <= reading.value <= high


_SHOWN = {
    Quantity.TEMPERATURE: "{:.0f} °C",
    Quantity.THROTTLE_DUTY: "throttled {:.0%} of the time",
    Quantity.THROTTLE_EVENTS: "{:.0f} throttle events",
    Quantity.FIRMWARE_FLAGS: "flags {:.0f}",
    Quantity.PRESSURE: "level {:.0f} of 4",
    Quantity.SPEED_LIMIT: "speed limit {:.0f} %",
    Quantity.POWER: "{:.1f} W",
    Quantity.THROUGHPUT: "{:.0%} of normal",
}


def describe(reading: Reading) -> str:
    """A reading for people: "Package id 0 57 °C"."""
    label = f"{reading.label} " if reading.label else ""
    return label + _SHOWN[reading.quantity].format(reading.value)
