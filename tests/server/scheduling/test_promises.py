"""First sound by a time: which promises are given, and that those are kept."""

from __future__ import annotations

from fishvoice.protocol import Priority
from fishvoiced.server.scheduling.scheduler import Promise, Scheduler, Ticket
from tests.server.scheduling.tickets import admit, speak_all, ticket


def promised(key: int, client: bytes, due: float, opening: float = 0.5, priority: Priority = "text") -> Ticket:
    return Ticket(key, client, str(key), priority, "resume", 10, 100, Promise(due, opening, due - 2 * opening))


def test_a_promise_is_kept_in_the_middle_of_anothers_segment_and_then_waits_its_turn() -> None:
    scheduler = Scheduler(100, 100)
    admit(scheduler, ticket(1, b"mail", "message"))
    scheduler.start(1)
    admit(scheduler, promised(2, b"clock", due=3.0, priority="progress"))
    scheduler.resume(1.9)
    assert scheduler.choose() == 1
    assert scheduler.next_resume() == 2.0
    scheduler.resume(2.0)
    assert scheduler.choose() == 2
    scheduler.start(2)
    scheduler.produced(2, 1, 0.1, now=2.5)
    scheduler.resume(2.6)
    assert scheduler.choose() == 1


def test_of_two_promises_the_earlier_one_is_kept_first_and_what_is_important_goes_before() -> None:
    scheduler = Scheduler(100, 100)
    admit(scheduler, promised(1, b"a", due=9.0), promised(2, b"b", due=8.0), ticket(3, b"c", "important"))
    scheduler.resume(8.5)
    assert speak_all(scheduler) == [3, 2, 1]


def test_a_promise_that_takes_no_time_is_kept_though_something_important_came_later() -> None:
    scheduler = Scheduler(100, 100)
    admit(scheduler, promised(1, b"a", due=9.0, opening=0.05), ticket(2, b"b", "important"))
    scheduler.resume(8.0)
    assert scheduler.choose() == 2, "it does not hurry yet"
    scheduler.start(2)
    scheduler.resume(8.95)
    assert scheduler.choose() == 1
    scheduler.produced(1, 1, 0.1, now=8.99)
    assert scheduler.choose() == 2


def test_what_was_important_before_the_promise_goes_before_it() -> None:
    scheduler = Scheduler(100, 100)
    admit(scheduler, ticket(1, b"b", "important"), promised(2, b"a", due=9.0, opening=0.05))
    scheduler.resume(8.95)
    assert scheduler.choose() == 1


def test_no_promise_is_given_that_another_one_would_be_broken_for() -> None:
    scheduler = Scheduler(100, 100)
    admit(scheduler, promised(1, b"a", due=1.0))
    assert scheduler.can_promise(1.2, 0.5, 0.0, 0.0)
    assert not scheduler.can_promise(0.9, 0.6, 0.0, 0.0)
    assert not scheduler.can_promise(1.2, 0.8, 0.0, 0.0)
    admit(scheduler, ticket(2, b"b", "important", characters=100))
    assert not scheduler.can_promise(1.2, 0.5, 0.0, work_per_character=0.01)
