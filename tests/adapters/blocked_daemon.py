"""A stand-in daemon that holds its breath: after some chunks it sends nothing until the test lets it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.fakes.daemon import FakeDaemon


@dataclass
class GatedDaemon(FakeDaemon):
    """Sends ``free`` chunks of each request, and the others only once ``gate`` is set."""

    free: int = 1
    gate: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> GatedDaemon:
        super().__enter__()
        return self

    def _work(self) -> bool:
        if self._jobs and self._jobs[0].sent == self.free and not self.gate.is_set():
            return False
        return super()._work()

    def die(self) -> None:
        """As if it were killed: its sockets close in the middle of everything."""
        self.died = True


def eventually(question: Callable[[], object], within: float = 20.0) -> None:
    """Waits until ``question`` is answered by something true; fails after ``within`` seconds."""
    deadline = time.monotonic() + within
    while not question():
        assert time.monotonic() < deadline, "it does not come true"
        time.sleep(0.005)
