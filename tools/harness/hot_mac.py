"""A daemon with the tone speaker on a Mac without a fan whose thermal pressure never ends."""

from __future__ import annotations

import sys

from fishvoiced.__main__ import daemon
from fishvoiced.config import Config
from fishvoiced.hardware.detect.system_access import SystemAccess
from fishvoiced.hardware.facts import System
from fishvoiced.monitor.evidence import Policy
from fishvoiced.monitor.monitor import Monitor
from fishvoiced.monitor.reading import Quantity, Reading
from fishvoiced.monitor.thermal_governor import ThermalGovernor, log_event, scaled
from tools.harness.tone_speaker import make

FULL_PRESSURE = 4.0


class Pressure:
    """The thermal pressure of a Mac that is about to fall asleep for heat."""

    name = "pressure"
    interval_seconds = 0.0

    def read(self, now: float) -> tuple[Reading, ...]:
        return (Reading(self.name, Quantity.PRESSURE, FULL_PRESSURE, now),)


def watch(settings: Config) -> ThermalGovernor:
    """As `fishvoiced.monitor.thermal_governor.installed` on such a Mac."""
    scale = settings.monitor.time_scale

    def monitor() -> Monitor:
        policy = scaled(Policy(threads=4, fanless=True), scale)
        doors = SystemAccess(System.MACOS)
        polls = {"busy_seconds": 2 * scale, "idle_seconds": 10 * scale}
        return Monitor(doors, policy, probes=[Pressure()], listener=log_event, share=OwnLoad(), **polls)

    return ThermalGovernor(monitor)


class OwnLoad:
    """All of the load is our own."""

    def sample(self, now: float) -> float | None:
        return 1.0


if __name__ == "__main__":
    sys.exit(daemon(sys.argv[1:], make, watch))
