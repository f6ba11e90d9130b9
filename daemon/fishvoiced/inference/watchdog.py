"""Noticing that inference hangs: a step that does not come back cannot be ended, only its process can."""

from __future__ import annotations

import logging

from fishvoiced.config import Lifecycle
from fishvoiced.inference.thread import Activity

log = logging.getLogger(__name__)

EVERY_SECONDS = 1.0  # how often to look while the thread works


class Watchdog:
    """Warns once per long step; the process decides what to do about one that hangs for good."""

    def __init__(self) -> None:
        self._warned: Activity | None = None

    def hangs(self, step: Activity | None, limits: Lifecycle, now: float) -> bool:
        """Whether ``step`` has passed its limit."""
        if step is None:
            return False
        seconds = now - step.since
        if not step.loading and seconds >= limits.stuck_warn_seconds and self._warned is not step:
            self._warned = step
            log.warning("inference does not come back from %s", step.what, extra={"seconds": round(seconds, 1)})
        return seconds >= (limits.load_seconds if step.loading else limits.stuck_seconds)
