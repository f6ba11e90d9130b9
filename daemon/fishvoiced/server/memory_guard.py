"""An end to messages without one: memory that grows, though nobody asked for anything that would need it.

ZeroMQ bounds the size of a frame (`router.MAX_MESSAGE_BYTES`) and the number of messages, but not the frames of a
message whose last one never comes: it keeps them where nobody sees them. They show only in the process's size, and in
this: through the same connection nothing whole comes any more. Pure.
"""

from __future__ import annotations

import enum
from collections.abc import Set

from fishvoiced.transport.descriptors import Peer

LOOK_SECONDS = 0.5  # how often to look, while anybody is connected
GROWING_SECONDS = 0.05  # the same, while the process grows
BUSY = 4  # times the limit, while requests are under way
ALL = 4  # times the limit, after nothing else has helped
LEAST_GROWTH = 1 << 20  # less is the breathing of the allocator
WAITING = 4 << 10  # bytes in a connection; fewer are a request that has just come
FORGIVEN = 16 << 10  # bytes a second: so slowly any program may grow


class Verdict(enum.Enum):
    """Whose connections have to go."""

    NONE = "none"
    POURING = "those that send without an end"
    IDLE = "those and all without a request"
    ALL = "all"


class MemoryGuard:
    """Adds up growth that nothing explains: neither a model's loading, nor what came in whole.

    ``since``: who has finished a message after this moment (monotonic) has little to do with the growth.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.since = 0.0
        self.growing = False
        self._resident: int | None = None
        self._looked = 0.0
        self._unexplained = {False: 0.0, True: 0.0}  # while nothing was to do, and while something was
        self._fresh = 0  # of it, since the last verdict
        self._step = Verdict.NONE

    def look(self, resident: int, received: int, now: float, *, loading: bool, busy: bool) -> Verdict:
        """``resident``: the process's size now; ``received``: bytes of whole messages since the last look. ``busy``:
        requests are under way, which may need a few times the limit by themselves.

        Beyond the limit those go who are just sending without an end, and who have asked for nothing: nobody else
        loses any speech by that. If it grows on all the same, all go who have not finished a message meanwhile, then
        everybody.
        """
        before, self._resident = self._resident, resident
        forgiven, self._looked = FORGIVEN * (now - self._looked), now
        if before is None or loading:
            self.growing = False
            return Verdict.NONE
        growth, limit = resident - before - received, self.limit * (BUSY if busy else 1)
        self.growing = growth >= LEAST_GROWTH
        given_back = min(0, resident - before) - forgiven
        known = self._unexplained[busy]
        self._unexplained[busy] += max(0, growth)
        self._unexplained = {when: max(0.0, grown + given_back) for when, grown in self._unexplained.items()}
        total = self._unexplained[busy]
        if known <= self.limit / 2 < total:
            self.since = now
        self._fresh += max(0, growth)
        if total <= limit:
            self._step = Verdict.NONE
        if total <= self.limit or self._fresh < LEAST_GROWTH:
            return Verdict.NONE
        self._fresh = 0
        return Verdict.POURING if total <= limit else self._next_step(total / limit)

    def _next_step(self, times: float) -> Verdict:
        """``times`` the limit: everybody goes only after the others have gone."""
        if self._step is Verdict.IDLE and times > ALL:
            self._unexplained, self._step = {False: 0.0, True: 0.0}, Verdict.NONE
            return Verdict.ALL
        self._step = Verdict.IDLE
        return self._step

    def goes(self, verdict: Verdict, peer: Peer, asked: Set[bytes]) -> bool:
        """Whether this connection has to. ``asked``: the clients with a request under way."""
        silent = peer.heard is None or peer.heard <= self.since
        match verdict:
            case Verdict.POURING:
                return silent and peer.unread > WAITING
            case Verdict.IDLE:
                return silent and (peer.client not in asked or peer.unread > WAITING)
        return verdict is Verdict.ALL
