"""Raspberry Pi: the firmware's throttle flags, through vcgencmd or the firmware driver's file."""

from __future__ import annotations

from fishvoiced.hardware.detect.system_access import CommandError, Files, SystemAccess
from fishvoiced.monitor.guard import TIME_LIMIT_SECONDS, ProbeError
from fishvoiced.monitor.reading import Quantity, Reading

_FILE = "sys/devices/platform/soc/soc:firmware/get_throttled"

# Bits 0–3 are now, 16–19 the same since boot.
UNDERVOLTAGE = 0x1
FREQUENCY_CAPPED = 0x2
THROTTLED = 0x4
SOFT_TEMPERATURE_LIMIT = 0x8
HEAT_NOW = FREQUENCY_CAPPED | THROTTLED | SOFT_TEMPERATURE_LIMIT


def is_raspberry_pi(files: Files) -> bool:
    return "Raspberry Pi" in (files.peek("proc/device-tree/model") or "")


class RaspberryPi:
    """The twenty flag bits as one number; bit 0 is the power supply's fault, not heat's."""

    name = "Raspberry Pi firmware"
    interval_seconds = 0.0

    def __init__(self, doors: SystemAccess) -> None:
        self._doors = doors

    def read(self, now: float) -> tuple[Reading, ...]:
        return (Reading(self.name, Quantity.FIRMWARE_FLAGS, float(self._flags()), now),)

    def _flags(self) -> int:
        try:
            text = self._doors.run(("vcgencmd", "get_throttled"), TIME_LIMIT_SECONDS)
        except CommandError as error:
            plain = self._doors.files.peek(_FILE)
            if plain is None:
                raise ProbeError(str(error), "install vcgencmd (package raspi-utils)", absent=True) from error
            return int(plain, 16)
        label, equals, value = text.strip().partition("=")
        if label != "throttled" or not equals:
            raise ProbeError(f"vcgencmd said {text.strip()[:60]!r}")
        return int(value, 16)
