"""Linux on Intel: the kernel's thermal throttle counters, the best signal there is."""

from __future__ import annotations

from fishvoiced.hardware.detect.system_access import Files
from fishvoiced.monitor.guard import ProbeError
from fishvoiced.monitor.reading import Quantity, Reading

_CPU = "sys/devices/system/cpu"
_TIME = "thermal_throttle/package_throttle_total_time_ms"
_COUNT = "thermal_throttle/package_throttle_count"


class ThrottleCounters:
    """Share of the time a package was throttled since the last read (Δms ÷ Δt).

    Kernels without the time counter give the number of new events instead. Every CPU repeats its
    package's value, so one CPU per package is read.
    """

    name = "throttle counters"
    interval_seconds = 0.0

    def __init__(self, files: Files) -> None:
        self._files = files
        self._paths: tuple[str, ...] = ()
        self._timed = False
        self._before: tuple[float, tuple[int, ...]] | None = None

    def read(self, now: float) -> tuple[Reading, ...]:
        self._paths = self._paths or self._find()
        values = tuple(int(self._files.read(path, 64)) for path in self._paths)
        before, self._before = self._before, (now, values)
        if before is None or now <= before[0] or len(before[1]) != len(values):
            return ()
        # A counter that fell was reset by CPU hotplug.
        deltas = [max(0, new - old) for new, old in zip(values, before[1], strict=True)]
        if self._timed:
            duty = min(1.0, max(deltas) / 1000 / (now - before[0]))
            return (Reading(self.name, Quantity.THROTTLE_DUTY, duty, now),)
        return (Reading(self.name, Quantity.THROTTLE_EVENTS, float(max(deltas)), now),)

    def _find(self) -> tuple[str, ...]:
        packages: dict[str, str] = {}
        for cpu in self._files.names(_CPU):
            if cpu[3:].isdigit() and self._files.peek(f"{_CPU}/{cpu}/{_COUNT}") is not None:
                package = self._files.peek(f"{_CPU}/{cpu}/topology/physical_package_id") or "0"
                packages.setdefault(package, f"{_CPU}/{cpu}")
        if not packages:
            raise ProbeError("no throttle counters (they exist on Intel, outside of virtual machines)", absent=True)
        first = next(iter(packages.values()))
        self._timed = self._files.peek(f"{first}/{_TIME}") is not None
        return tuple(f"{base}/{_TIME if self._timed else _COUNT}" for base in packages.values())
