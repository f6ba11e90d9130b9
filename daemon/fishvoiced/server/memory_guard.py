"""An end to messages without one: memory that grows, though nobody asked for anything that would need it.

ZeroMQ bounds the size of a frame (`router.MAX_MESSAGE_BYTES`) and the number of messages, but not the frames of a
message whose last one never comes: it keeps them where nobody sees them. They show only in the process's size. Pure.
"""

from __future__ import annotations

import enum

EVERY_SECONDS = 0.5  # how often to look, while anybody is connected
LAST_RESORT = 4  # times the limit, after the first step did not help
LEAST_GROWTH = 1 << 20  # between two looks; less is the breathing of the allocator


class Verdict(enum.Enum):
    """Whose connections have to go."""

    NONE = "none"
    IDLE = "those without a request"
    ALL = "all"


class MemoryGuard:
    """Adds up growth that nothing explains: neither a model's loading, nor what came in whole."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._resident: int | None = None
        self._unexplained = 0
        self._ended_idle = False

    def look(self, resident: int, received: int, *, loading: bool) -> Verdict:
        """``resident``: the process's size now; ``received``: bytes of whole messages since the last look.

        Beyond the limit those go who have asked for nothing: nobody loses any speech by that. If it grows on and on
        all the same, everybody goes.
        """
        before, self._resident = self._resident, resident
        if before is None or loading:
            return Verdict.NONE
        growth = resident - before - received
        if growth < LEAST_GROWTH:
            self._unexplained = max(0, self._unexplained + min(0, resident - before))
            self._ended_idle = self._ended_idle and self._unexplained > self.limit
            return Verdict.NONE
        self._unexplained += growth
        if self._unexplained <= self.limit:
            return Verdict.NONE
        if self._ended_idle and self._unexplained > LAST_RESORT * self.limit:
            self._unexplained, self._ended_idle = 0, False
            return Verdict.ALL
        self._ended_idle = True
        return Verdict.IDLE
