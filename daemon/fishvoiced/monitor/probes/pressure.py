"""macOS thermal pressure: the system's own level, readable without root."""

from __future__ import annotations

from fishvoiced.hardware.detect.system_access import CommandError, Run
from fishvoiced.monitor.guard import TIME_LIMIT_SECONDS, ProbeError
from fishvoiced.monitor.reading import Quantity, Reading

_KEY = "com.apple.system.thermalpressurelevel"

LEVELS = ("Nominal", "Moderate", "Heavy", "Trapping", "Sleeping")


class Pressure:
    """0 Nominal, 1 Moderate, 2 Heavy, 3 Trapping, 4 Sleeping."""

    name = "thermal pressure"
    interval_seconds = 0.0

    def __init__(self, run: Run) -> None:
        self._run = run

    def read(self, now: float) -> tuple[Reading, ...]:
        try:
            text = self._run(("/usr/bin/notifyutil", "-g", _KEY), TIME_LIMIT_SECONDS)
        except CommandError as error:
            raise ProbeError(str(error)) from error
        words = text.split()
        if len(words) != 2 or words[0] != _KEY or not words[1].isdigit():
            raise ProbeError(f"notifyutil said {text.strip()[:60]!r}")
        level = int(words[1])
        label = LEVELS[level] if level < len(LEVELS) else ""
        return (Reading(self.name, Quantity.PRESSURE, float(level), now, label=label),)
