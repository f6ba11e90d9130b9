"""Requests for a scheduler by itself."""

from __future__ import annotations

from fishvoice.protocol import Interrupted, Priority
from fishvoiced.server.scheduling.scheduler import Admitted, Scheduler, Ticket

PRIORITIES: tuple[Priority, ...] = ("important", "message", "text", "notification", "progress")


def ticket(
    key: int,
    client: bytes = b"a",
    priority: Priority = "text",
    interrupted: Interrupted = "resume",
    characters: int = 10,
    credit: int = 100,
) -> Ticket:
    return Ticket(key, client, str(key), priority, interrupted, characters, credit)


def admit(scheduler: Scheduler, *tickets: Ticket) -> None:
    for each in tickets:
        assert isinstance(scheduler.admit(each), Admitted)


def speak_all(scheduler: Scheduler) -> list[int]:
    """Speak everything to its end; the order of starting."""
    order = []
    while (key := scheduler.choose()) is not None:
        scheduler.start(key)
        order.append(key)
        scheduler.end(key)
    return order
