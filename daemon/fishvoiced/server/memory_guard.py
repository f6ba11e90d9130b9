"""An end to messages without one: memory that grows, though nobody asked for anything that would need it.

ZeroMQ bounds the size of a frame (`router.MAX_MESSAGE_BYTES`) and the number of messages, but not the frames of a
message whose last one never comes: it keeps them where nobody sees them. They show only in the process's size. Pure.
"""

from __future__ import annotations

import enum

EVERY_SECONDS = 0.5  # how often to look, while anybody is connected
BUSY = 4  # times the limit, while requests are under way
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
        self._unexplained = {False: 0, True: 0}  # while nothing was to do, and while something was
        self._ended_idle = False

    def look(self, resident: int, received: int, *, loading: bool, busy: bool) -> Verdict:
        """``resident``: the process's size now; ``received``: bytes of whole messages since the last look. ``busy``:
        requests are under way, which may need a few times the limit by themselves.

        Beyond the limit those go who have asked for nothing: nobody loses any speech by that. If it grows on and on
        all the same, everybody goes.
        """
        before, self._resident = self._resident, resident
        if before is None or loading:
            return Verdict.NONE
        growth, limit = resident - before - received, self.limit * (BUSY if busy else 1)
        if growth < LEAST_GROWTH:
            shrunk = min(0, resident - before)
            self._unexplained = {when: max(0, grown + shrunk) for when, grown in self._unexplained.items()}
            self._ended_idle = self._ended_idle and self._unexplained[busy] > limit
            return Verdict.NONE
        self._unexplained[busy] += growth
        if self._unexplained[busy] <= limit:
            return Verdict.NONE
        if self._ended_idle and self._unexplained[busy] > LAST_RESORT * limit:
            self._unexplained, self._ended_idle = {False: 0, True: 0}, False
            return Verdict.ALL
        self._ended_idle = True
        return Verdict.IDLE
