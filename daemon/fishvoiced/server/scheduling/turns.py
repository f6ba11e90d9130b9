"""Turns among clients: who got least so far goes next. Pure.

Weighted fair queueing (Demers, Keshav and Shenker 1989) with equal weights: each client has an account of what it was
given, and a common clock runs at everybody's fair share. Who has been away comes back at the clock, neither ahead for
his absence nor behind for it; and because the clock goes on, an endless row of newcomers keeps nobody waiting.
"""

from __future__ import annotations


class Turns:
    """Accounts by client. The unit is the caller's: seconds of sound, say."""

    def __init__(self) -> None:
        self._clock = 0.0
        self._given: dict[bytes, float] = {}
        self._present: set[bytes] = set()

    def join(self, client: bytes) -> None:
        """The client has something to say again: it begins at the clock, unless it was given more than that."""
        self._present.add(client)
        self._given[client] = max(self._clock, self._given.get(client, 0.0))

    def give(self, client: bytes, amount: float, clients: int) -> None:
        """``client`` was given so much, while so many ``clients`` had something to say."""
        self._given[client] += amount
        self._clock += amount / clients

    def leave(self, client: bytes) -> None:
        """The client has nothing to say. What it was given beyond its share stays on its account."""
        self._present.discard(client)
        self._given = {c: given for c, given in self._given.items() if c in self._present or given > self._clock}

    def clear(self) -> None:
        """Nobody has anything to say."""
        self._clock = 0.0
        self._given.clear()
        self._present.clear()

    def given(self, client: bytes) -> float:
        """The client's account: the lowest goes next."""
        return self._given[client]
