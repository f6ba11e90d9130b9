"""Linux thermal zones: /sys/class/thermal, the CPU's zones only."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fishvoiced.hardware.detect.system_access import Files
from fishvoiced.monitor.guard import ProbeError
from fishvoiced.monitor.reading import Quantity, Reading

_FOLDER = "sys/class/thermal"

# Not acpitz (stuck, or −44 °C), nor the zones of disks, radios and batteries.
_CPU_ZONE = re.compile(
    r"x86_pkg_temp|tcpu|(?:cpu|soc|bigcore|littlecore|cluster|package|center)\d*[-_]?(?:\w*[-_])?(?:thermal\d*|temp)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Zone:
    name: str
    label: str
    critical: float | None


class ThermalZones:
    """Millidegrees of every CPU zone; the zones are looked up once."""

    name = "thermal zones"
    interval_seconds = 0.0

    def __init__(self, files: Files) -> None:
        self._files = files
        self._zones: tuple[_Zone, ...] = ()

    def read(self, now: float) -> tuple[Reading, ...]:
        self._zones = self._zones or self._find()
        try:
            return tuple(
                Reading(self.name, Quantity.TEMPERATURE, self._degrees(zone), now, zone.critical, zone.label)
                for zone in self._zones
            )
        except OSError:
            self._zones = ()  # a zone went (EAGAIN stays an error, too): look again next time
            raise

    def _degrees(self, zone: _Zone) -> float:
        return int(self._files.read(f"{_FOLDER}/{zone.name}/temp", 64)) / 1000

    def _find(self) -> tuple[_Zone, ...]:
        zones = []
        for name in self._files.names(_FOLDER):
            label = self._files.peek(f"{_FOLDER}/{name}/type")
            if name.startswith("thermal_zone") and label and _CPU_ZONE.fullmatch(label):
                zones.append(_Zone(name, label, self._critical(name)))
        if not zones:
            raise ProbeError("no CPU temperature sensor in /sys/class/thermal", absent=True)
        return tuple(zones)

    def _critical(self, name: str) -> float | None:
        for entry in self._files.names(f"{_FOLDER}/{name}"):
            if entry.startswith("trip_point_") and entry.endswith("_type"):
                base = f"{_FOLDER}/{name}/{entry.removesuffix('_type')}"
                if self._files.peek(f"{base}_type") == "critical":
                    return _positive(self._files.peek(f"{base}_temp"))
        return None


def _positive(text: str | None) -> float | None:
    """Millidegrees as degrees; None for the zero or negative value of an unset trip point."""
    if text is None or not text.isdigit() or int(text) == 0:
        return None
    return int(text) / 1000
