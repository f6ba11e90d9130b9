"""Evidence: what one moment's readings say about heat; pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from fishvoiced.monitor.probes.raspberry_pi import HEAT_NOW
from fishvoiced.monitor.reading import Quantity, Reading, Unavailable, plausible

# Readings older than this are not used.
OLDEST_SECONDS = 45.0


class Severity(IntEnum):
    """How much a sign of throttling asks for."""

    NONE = 0
    SLOW_DOWN = 1  # fewer threads will do; never pause for it
    COOL_DOWN = 2  # pause if fewer threads do not help
    PAUSE = 3  # pause at once


@dataclass(frozen=True, slots=True)
class Policy:
    """The thresholds. Temperatures in °C, times in seconds, shares 0–1."""

    threads: int = 1
    fanless: bool = False
    hits: int = 3
    warm_default: float = 85.0
    warm_below_critical: float = 10.0
    warm_hysteresis: float = 5.0
    clear_seconds: float = 30.0
    escalate_seconds: float = 10.0
    cooldown_seconds: float = 180.0
    cooldown_window_seconds: float = 900.0
    cooldowns: int = 3
    step_seconds: float = 60.0
    forget_seconds: float = 300.0
    duty: float = 0.05
    throughput: float = 0.8


@dataclass(frozen=True, slots=True)
class Evidence:
    """``hit_at`` is the time of the newest reading that shows throttling, None without any;
    ``hot``: above the warm limit, ``cool``: no temperature within 5 °C of it."""

    severity: Severity
    hit_at: float | None
    hot: bool
    cool: bool
    sensors: bool
    reasons: tuple[str, ...]


def judge(readings: Iterable[Reading | Unavailable], now: float, policy: Policy) -> Evidence:
    """Weigh readings. Implausible, stale and missing ones count as absent, never as zero."""
    severity, hit_at = Severity.NONE, None
    hot = sensors = False
    cool = True
    reasons: list[str] = []
    for reading in readings:
        if not isinstance(reading, Reading) or not plausible(reading) or not _recent(reading, now):
            continue
        if reading.quantity not in (Quantity.THROUGHPUT, Quantity.POWER):
            sensors = True
        if reading.quantity is Quantity.TEMPERATURE:
            limit = warm_limit(reading, policy)
            if reading.value >= limit:
                hot = True
                reasons.append(f"{reading.value:.0f} °C, limit {limit:.0f}")
            cool = cool and reading.value < limit - policy.warm_hysteresis
            continue
        sign, why = _sign(reading, policy)
        if sign:
            severity = max(severity, sign)
            hit_at = reading.at if hit_at is None else max(hit_at, reading.at)
            reasons.append(why)
    return Evidence(severity, hit_at, hot, cool, sensors, tuple(reasons))


def warm_limit(reading: Reading, policy: Policy) -> float:
    """10 °C below the sensor's critical temperature, or 85 °C when it tells none."""
    critical = reading.critical
    if critical is not None and math.isfinite(critical) and 50 <= critical <= 125:
        return critical - policy.warm_below_critical
    return policy.warm_default


def is_cool(readings: Iterable[Reading], policy: Policy) -> bool:
    """Whether there are temperatures, and all of them well below their limits."""
    temperatures = [reading for reading in readings if reading.quantity is Quantity.TEMPERATURE]
    return bool(temperatures) and all(r.value < warm_limit(r, policy) - policy.warm_hysteresis for r in temperatures)


def _recent(reading: Reading, now: float) -> bool:
    return math.isfinite(reading.at) and now - reading.at <= OLDEST_SECONDS


def _sign(reading: Reading, policy: Policy) -> tuple[Severity, str]:
    value = reading.value
    match reading.quantity:
        case Quantity.THROTTLE_DUTY if value > policy.duty:
            return Severity.COOL_DOWN, f"throttled {value:.0%} of the time"
        case Quantity.THROTTLE_EVENTS if value > 0:
            return Severity.COOL_DOWN, f"{value:.0f} throttle events"
        case Quantity.FIRMWARE_FLAGS if int(value) & HEAT_NOW:
            return Severity.COOL_DOWN, f"firmware throttles (flags {int(value):#x})"
        case Quantity.SPEED_LIMIT if value < 100:
            return Severity.COOL_DOWN, f"the system limits speed to {value:.0f} %"
        case Quantity.PRESSURE if value >= 2:
            return _pressure(value, policy.fanless)
        # Crowded caches lower it, too, and pausing would not help against those.
        case Quantity.THROUGHPUT if value < policy.throughput:
            return Severity.SLOW_DOWN, f"frames per CPU-second at {value:.0%} of normal"
        case _:
            return Severity.NONE, ""


def _pressure(level: float, fanless: bool) -> tuple[Severity, str]:
    why = f"thermal pressure {level:.0f}"
    if fanless:  # a healthy fanless Mac sits at 2 under load
        return (Severity.PAUSE if level >= 3 else Severity.SLOW_DOWN), why
    return Severity.COOL_DOWN, why
