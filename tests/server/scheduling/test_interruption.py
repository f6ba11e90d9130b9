"""What ends what: SSIP's table, for requests that let themselves be dropped."""

from __future__ import annotations

import pytest

from fishvoice.protocol import Interrupted, Priority
from fishvoiced.server.scheduling.scheduler import Admitted, Refused, Scheduler
from tests.server.scheduling.tickets import PRIORITIES, admit, ticket

SPOKEN = {  # what is being spoken → what ends it, of another client
    "important": set(),
    "message": {"important"},
    "text": {"important", "message"},
    "notification": {"important", "message", "text"},
    "progress": {"important", "message", "text", "notification"},
}
WAITING = {  # what waits → what ends it, of another client
    "important": set(),
    "message": set(),
    "text": {"message"},
    "notification": {"important", "message", "text"},
    "progress": {"important", "message", "text"},
}
OWN = {"text", "notification"}  # classes of which a client's newest one ends the one being spoken


@pytest.mark.parametrize("arriving", PRIORITIES)
@pytest.mark.parametrize("there", PRIORITIES)
@pytest.mark.parametrize("spoken", [True, False])
@pytest.mark.parametrize("interrupted", ["drop", "resume"])
def test_what_ends_what(there: Priority, arriving: Priority, spoken: bool, interrupted: Interrupted) -> None:
    scheduler = Scheduler(100, 100)
    admit(scheduler, ticket(1, b"one", there, interrupted))
    if spoken:
        scheduler.start(1)
    admitted = scheduler.admit(ticket(2, b"other", arriving))
    expected = interrupted == "drop" and arriving in (SPOKEN if spoken else WAITING)[there]
    assert admitted == Admitted((1,) if expected else ())
    assert (1 in scheduler) is not expected


@pytest.mark.parametrize("priority", PRIORITIES)
def test_of_some_classes_a_clients_newest_replaces_his_older_ones(priority: Priority) -> None:
    scheduler = Scheduler(100, 100)
    admit(scheduler, ticket(1, priority=priority, interrupted="drop"))
    scheduler.start(1)
    second = scheduler.admit(ticket(2, priority=priority, interrupted="drop"))
    third = scheduler.admit(ticket(3, priority=priority, interrupted="drop"))
    if priority in OWN:
        assert (second, third) == (Admitted((1,)), Admitted((2,)))
    elif priority == "progress":  # the one being spoken is finished, and the last of the series is heard
        assert (second, third) == (Admitted(), Admitted((2,)))
    else:
        assert (second, third) == (Admitted(), Admitted())


@pytest.mark.parametrize("arriving", ["notification", "progress"])
@pytest.mark.parametrize("there", PRIORITIES)
def test_notifications_and_progress_are_only_worth_saying_in_silence(there: Priority, arriving: Priority) -> None:
    scheduler = Scheduler(100, 100)
    admit(scheduler, ticket(1, b"one", there))
    admitted = scheduler.admit(ticket(2, b"other", arriving, "drop"))
    assert admitted == Admitted((2,) if there != arriving else ())
    assert (2 in scheduler) is (there == arriving)


def test_refusing_drops_nothing() -> None:
    scheduler = Scheduler(queue=2, per_client=2)
    admit(scheduler, ticket(1, b"a", "message"), ticket(2, b"b", "message"))
    assert isinstance(scheduler.admit(ticket(3, b"c", "important")), Refused)
    assert len(scheduler) == 2


def test_a_dropped_request_makes_room_for_what_drops_it() -> None:
    scheduler = Scheduler(queue=1, per_client=1)
    admit(scheduler, ticket(1, b"a", "text", "drop"))
    assert scheduler.admit(ticket(2, b"b", "message")) == Admitted((1,))
