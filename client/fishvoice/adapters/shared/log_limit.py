"""A log that strangers cannot fill: of each kind of line so many a minute, and how many were left out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

LINES_PER_MINUTE = 10


class LogLimit(logging.Filter):
    """Passes the first lines of each message (before its arguments) within a minute; the next minute tells the rest."""

    def __init__(self, lines: int = LINES_PER_MINUTE, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._lines = lines
        self._clock = clock
        self._minute = 0
        self._count: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        minute = int(self._clock() // 60)
        before: dict[str, int] = {}
        if minute != self._minute:
            before, self._minute, self._count = self._count, minute, {}
        kind = str(record.msg)[:80]
        if len(self._count) >= 1000:  # kinds that carry a stranger's words
            return False
        self._count[kind] = self._count.get(kind, 0) + 1
        left_out = before.get(kind, 0) - self._lines
        if left_out > 0:
            record.msg = f"{record.msg} ({left_out} more like it in the minute before)"
        return self._count[kind] <= self._lines
