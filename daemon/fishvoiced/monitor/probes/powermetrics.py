"""macOS `powermetrics`: the package's power, where sudo needs no password."""

from __future__ import annotations

import plistlib
import re
from collections.abc import Mapping
from xml.parsers.expat import ExpatError

from fishvoiced.hardware.detect.system_access import CommandError, Run
from fishvoiced.monitor.guard import TIME_LIMIT_SECONDS, ProbeError
from fishvoiced.monitor.reading import Quantity, Reading

# `-n`: never prompt. One short sample: a long one would cost more than all other probes.
_COMMAND = (
    *("/usr/bin/sudo", "-n", "/usr/bin/powermetrics"),
    *("--samplers", "cpu_power,thermal", "-f", "plist", "-n", "1", "-i", "200"),
)
_HINT = "allow it in sudoers without a password: /usr/bin/powermetrics"

# Newest first; milliwatts, but for the watts of Intel Macs.
_POWER_KEYS = (("combined_power", 1e-3), ("package_power", 1e-3), ("package_watts", 1.0), ("cpu_power", 1e-3))
_POWER_TEXT = re.compile(r"(?:Combined Power|Package Power)[^:\n]*:\s*([\d.]+)\s*(mW|W)")


class Powermetrics:
    """Watts of the chip, twice a minute. No temperatures: Apple Silicon has no such sampler."""

    name = "powermetrics"
    interval_seconds = 30.0

    def __init__(self, run: Run) -> None:
        self._run = run

    def read(self, now: float) -> tuple[Reading, ...]:
        try:
            text = self._run(_COMMAND, TIME_LIMIT_SECONDS)
        except CommandError as error:
            raise ProbeError(str(error), _HINT, absent=True) from error
        return (Reading(self.name, Quantity.POWER, parse_power(text), now),)


def parse_power(text: str) -> float:
    """Watts in the last of the NUL-separated samples, a plist or plain text.

    Raises ProbeError when no sample tells the power.
    """
    for sample in reversed([part.strip() for part in text.split("\0") if part.strip()]):
        watts = _from_plist(sample) if sample.startswith("<?xml") else _from_text(sample)
        if watts is not None:
            return watts
    raise ProbeError("powermetrics told no power")


def _from_plist(sample: str) -> float | None:
    try:
        record = plistlib.loads(sample.encode())
    except (ValueError, ExpatError) as error:
        raise ProbeError(f"powermetrics wrote a broken property list: {error}") from error
    processor = record.get("processor") if isinstance(record, Mapping) else None
    if not isinstance(processor, Mapping):
        return None
    for key, unit in _POWER_KEYS:
        value = processor.get(key)
        if isinstance(value, (int, float)):
            return float(value) * unit
    return None


def _from_text(sample: str) -> float | None:
    match = _POWER_TEXT.search(sample)
    return float(match[1]) * (1e-3 if match[2] == "mW" else 1.0) if match else None
