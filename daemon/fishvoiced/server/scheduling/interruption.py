"""Which request ends which, in SSIP's words: for requests that let themselves be dropped. Pure."""

from __future__ import annotations

from typing import Protocol

from fishvoice.protocol import Interrupted, Priority

RANK: dict[Priority, int] = {"important": 0, "message": 1, "text": 2, "notification": 3, "progress": 4}

# What an arriving request of the left class makes superfluous among those that wait (SSIP, "Message priorities").
_SUPERSEDES: dict[Priority, frozenset[Priority]] = {
    "important": frozenset({"notification", "progress"}),
    "message": frozenset({"text", "notification", "progress"}),
    "text": frozenset({"notification", "progress"}),
    "notification": frozenset(),
    "progress": frozenset(),
}
# Of these classes a client's newest request replaces its older ones; a progress report already begun is let finish.
_NEWEST_WAITING: frozenset[Priority] = frozenset({"text", "notification", "progress"})
_NEWEST_SPOKEN: frozenset[Priority] = frozenset({"text", "notification"})
# These are only worth saying while nothing else is said.
_ONLY_IN_SILENCE: dict[Priority, frozenset[Priority]] = {
    "notification": frozenset({"important", "message", "text", "progress"}),
    "progress": frozenset({"important", "message", "text", "notification"}),
}


class Asked(Protocol):
    """What matters here of a request."""

    @property
    def client(self) -> bytes: ...
    @property
    def priority(self) -> Priority: ...
    @property
    def interrupted(self) -> Interrupted: ...


def superseded(there: Asked, by: Asked, *, spoken: bool) -> bool:
    """Whether ``by``, arriving, ends the request that is ``there``, and perhaps being spoken."""
    if there.interrupted != "drop":
        return False
    same = there.priority == by.priority and there.client == by.client
    if spoken:
        return RANK[by.priority] < RANK[there.priority] or (same and there.priority in _NEWEST_SPOKEN)
    return there.priority in _SUPERSEDES[by.priority] or (same and there.priority in _NEWEST_WAITING)


def drowns(there: Asked, asked: Asked) -> bool:
    """Whether ``asked`` is not worth saying because of the request that is ``there``."""
    return there.priority in _ONLY_IN_SILENCE.get(asked.priority, frozenset())
