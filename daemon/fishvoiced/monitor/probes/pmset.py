"""macOS `pmset -g therm`: the speed limit that Intel Macs announce."""

from __future__ import annotations

import re

from fishvoiced.hardware.detect.system_access import CommandError, Run
from fishvoiced.monitor.guard import TIME_LIMIT_SECONDS, ProbeError
from fishvoiced.monitor.reading import Quantity, Reading

_LIMIT = re.compile(r"^\s*CPU_Speed_Limit\s*=\s*(\d+)", re.MULTILINE)


class Pmset:
    """Percent of full speed; Apple Silicon prints notes only, and is absent then."""

    name = "pmset"
    interval_seconds = 8.0

    def __init__(self, run: Run) -> None:
        self._run = run

    def read(self, now: float) -> tuple[Reading, ...]:
        try:
            text = self._run(("/usr/bin/pmset", "-g", "therm"), TIME_LIMIT_SECONDS)
        except CommandError as error:
            raise ProbeError(str(error)) from error
        match = _LIMIT.search(text)
        if match is None:
            raise ProbeError("pmset tells no speed limit (Apple Silicon does not)", absent=True)
        return (Reading(self.name, Quantity.SPEED_LIMIT, float(match[1]), now),)
