"""Linux RAPL: the package's power from its energy counter, where it may be read."""

from __future__ import annotations

from fishvoiced.hardware.detect.system_access import Files
from fishvoiced.monitor.guard import ProbeError
from fishvoiced.monitor.reading import Quantity, Reading

_FOLDER = "sys/class/powercap"


class Rapl:
    """Watts of all packages together, averaged since the last read (ΔµJ ÷ Δt)."""

    name = "RAPL"
    interval_seconds = 0.0

    def __init__(self, files: Files) -> None:
        self._files = files
        self._packages: tuple[str, ...] = ()
        self._before: tuple[float, tuple[int, ...]] | None = None

    def read(self, now: float) -> tuple[Reading, ...]:
        self._packages = self._packages or self._find()
        try:
            energies = tuple(int(self._files.read(f"{p}/energy_uj", 64)) for p in self._packages)
        except PermissionError as error:
            hint = "let your group read /sys/class/powercap/*/energy_uj with a udev rule"
            raise ProbeError("energy counter is readable by root only", hint, absent=True) from error
        before, self._before = self._before, (now, energies)
        if before is None or now <= before[0] or len(before[1]) != len(energies):
            return ()
        joules = 0.0
        for package, old, new in zip(self._packages, before[1], energies, strict=True):
            if new < old:  # wrapped around
                limit = self._files.peek(f"{package}/max_energy_range_uj") or ""
                if not limit.isdigit():
                    return ()
                new += int(limit)
            joules += (new - old) / 1e6
        return (Reading(self.name, Quantity.POWER, joules / (now - before[0]), now),)

    def _find(self) -> tuple[str, ...]:
        found = tuple(
            f"{_FOLDER}/{name}"
            for name in self._files.names(_FOLDER)
            if (self._files.peek(f"{_FOLDER}/{name}/name") or "").startswith("package")
        )
        if not found:
            raise ProbeError("no energy counters in /sys/class/powercap", absent=True)
        return found
