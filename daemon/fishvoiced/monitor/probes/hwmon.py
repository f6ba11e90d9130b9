"""Linux hwmon: the CPU's own chips (coretemp, k10temp, zenpower, board sensors)."""

from __future__ import annotations

from dataclasses import dataclass

from fishvoiced.hardware.detect.system_access import Files
from fishvoiced.monitor.guard import ProbeError
from fishvoiced.monitor.reading import Quantity, Reading

_FOLDER = "sys/class/hwmon"
_CHIPS = frozenset({"coretemp", "k10temp", "zenpower", "fam15h_power", "cpu_thermal", "soc_thermal", "via_cputemp"})

# The value for the whole package comes first; Tctl carries an offset on some chips, Tdie none.
_LABELS = ("Package id", "Tdie", "Tctl")


@dataclass(frozen=True, slots=True)
class _Input:
    path: str
    label: str
    critical: float | None


class Hwmon:
    """One temperature per CPU chip; the inputs are looked up once."""

    name = "hwmon"
    interval_seconds = 0.0

    def __init__(self, files: Files) -> None:
        self._files = files
        self._inputs: tuple[_Input, ...] = ()

    def read(self, now: float) -> tuple[Reading, ...]:
        self._inputs = self._inputs or self._find()
        try:
            return tuple(
                Reading(
                    self.name,
                    Quantity.TEMPERATURE,
                    int(self._files.read(entry.path, 64)) / 1000,
                    now,
                    entry.critical,
                    entry.label,
                )
                for entry in self._inputs
            )
        except OSError:
            self._inputs = ()
            raise

    def _find(self) -> tuple[_Input, ...]:
        found = []
        for chip in self._files.names(_FOLDER):
            base = f"{_FOLDER}/{chip}"
            name = self._files.peek(f"{base}/name")
            if name in _CHIPS:
                found += self._of_chip(base, name or "")
        if not found:
            raise ProbeError("no CPU temperature sensor in /sys/class/hwmon", absent=True)
        return tuple(found)

    def _of_chip(self, base: str, chip: str) -> list[_Input]:
        inputs = []
        for entry in self._files.names(base):
            if entry.startswith("temp") and entry.endswith("_input"):
                stem = f"{base}/{entry.removesuffix('_input')}"
                label = self._files.peek(f"{stem}_label") or chip
                critical = self._files.peek(f"{stem}_crit")
                known = critical is not None and critical.isdigit() and 0 < int(critical) <= 125_000
                inputs.append(_Input(f"{base}/{entry}", label, int(critical or 0) / 1000 if known else None))
        for wanted in _LABELS:
            chosen = [entry for entry in inputs if entry.label.startswith(wanted)]
            if chosen:
                return chosen
        return inputs
