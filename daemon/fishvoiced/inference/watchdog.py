"""Noticing that inference hangs: a step that does not come back cannot be ended, only its process can."""

from __future__ import annotations

import logging

from fishvoiced.config import Lifecycle
from fishvoiced.inference.thread import Activity

log = logging.getLogger(__name__)

EVERY_SECONDS = 1.0  # how often to look while the thread works


class Watchdog:
    """Warns once per long step; the process decides what to do about one that hangs for good.

    Only time in which the process ran is counted: between two looks at most twice as long as they are apart when it
    runs. Time that a stopped process, a suspended machine or a jumping clock adds is not.
    """

    def __init__(self) -> None:
        self._warned: Activity | None = None
        self._step: Activity | None = None
        self._looked = 0.0
        self._seconds = 0.0

    def hangs(self, step: Activity | None, limits: Lifecycle, now: float) -> bool:
        """Whether ``step`` has passed its limit."""
        if step is None:
            self._step = None
            return False
        if step is not self._step:
            self._step, self._looked, self._seconds = step, max(step.since, now - EVERY_SECONDS), 0.0
        self._seconds += max(0.0, min(now - self._looked, 2 * EVERY_SECONDS))
        self._looked, seconds = now, self._seconds
        if not step.loading and seconds >= limits.stuck_warn_seconds and self._warned is not step:
            self._warned = step
            log.warning("inference does not come back from %s", step.what, extra={"seconds": round(seconds, 1)})
        return seconds >= (limits.load_seconds if step.loading else limits.stuck_seconds)
