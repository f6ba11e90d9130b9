"""The scheduler's promises, for any sequence of events: order, one end each, fairness, SSIP's interruptions."""

from __future__ import annotations

from itertools import cycle

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule

from fishvoice.protocol import Interrupted, Priority
from fishvoiced.server.scheduling.scheduler import PATIENCE, RANK, SEGMENT, Refused, Scheduler, Ticket
from tests.server.scheduling.tickets import PRIORITIES, admit, speak_all, ticket


def test_higher_classes_go_first_and_one_class_is_first_come_first_served() -> None:
    scheduler = Scheduler(100, 100)
    admit(
        scheduler,
        *(ticket(10 * rank + i, priority=p) for i in (0, 1) for rank, p in reversed(list(enumerate(PRIORITIES)))),
    )
    assert speak_all(scheduler) == [0, 1, 10, 11, 20, 21, 30, 31, 40, 41]


def test_a_higher_class_takes_over_at_once_and_gives_back_afterwards() -> None:
    scheduler = Scheduler(100, 100)
    admit(scheduler, ticket(1, b"reader"), ticket(2, b"reader"))
    scheduler.start(1)
    admit(scheduler, ticket(3, b"battery", "important"))
    assert scheduler.choose() == 3
    scheduler.start(3)
    scheduler.end(3)
    assert scheduler.choose() == 1


def test_important_is_never_interrupted() -> None:
    scheduler = Scheduler(100, 100)
    admit(scheduler, ticket(1, priority="important", interrupted="drop"))
    scheduler.start(1)
    for key, priority in enumerate(PRIORITIES, start=2):
        admit(scheduler, ticket(key, b"b", priority))
        assert scheduler.choose() == 1


def test_requests_of_one_rank_and_several_clients_may_be_worked_on_together() -> None:
    scheduler = Scheduler(100, 100)
    admit(scheduler, ticket(1, b"a"), ticket(2, b"a"), ticket(3, b"b"), ticket(4, b"c", "progress"), ticket(5, b"d"))
    assert scheduler.choose() == 1
    scheduler.start(1)
    assert scheduler.beside(1) == (3, 5), "a client's own go one after the other, lower classes wait"
    admit(scheduler, ticket(6, b"battery", "important"))
    assert scheduler.choose() == 6
    assert scheduler.beside(6) == (), "nothing makes its steps longer"


def say_segment(scheduler: Scheduler, seconds: float = 1.0) -> int:
    """The next segment, in one chunk; whose it is."""
    key = scheduler.choose()
    assert key is not None
    scheduler.start(key)
    scheduler.produced(key, 0, seconds, now=0.0)
    scheduler.segment_over(key)
    return key


def test_clients_take_turns_segment_by_segment_by_how_much_sound_they_got() -> None:
    scheduler = Scheduler(100, 100)
    admit(scheduler, ticket(1, b"long"), ticket(2, b"short"))
    spoken = [say_segment(scheduler, 3.0 if scheduler.choose() == 1 else 1.0) for _ in range(8)]
    assert spoken == [1, 2, 2, 2, 1, 2, 2, 2]


def test_a_segment_that_was_begun_is_finished_before_another_of_its_class() -> None:
    scheduler = Scheduler(100, 100)
    admit(scheduler, ticket(1, b"long"))
    scheduler.start(1)
    scheduler.produced(1, 5, 10.0, now=0.0)
    admit(scheduler, ticket(2, b"other"))
    assert scheduler.choose() == 1
    scheduler.segment_over(1)
    assert scheduler.choose() == 2


def test_who_comes_while_a_long_text_is_spoken_is_next() -> None:
    scheduler = Scheduler(100, 100)
    admit(scheduler, ticket(1, b"book", characters=80_000, credit=1000))
    for _ in range(100):
        say_segment(scheduler)
    admit(scheduler, ticket(2, b"clock"))
    assert say_segment(scheduler) == 2


def test_who_took_nothing_for_an_hour_has_no_claim_to_an_hour() -> None:
    scheduler = Scheduler(100, 100)
    admit(scheduler, ticket(1, b"paused", credit=1), ticket(2, b"export", credit=1000))
    scheduler.start(1)
    scheduler.produced(1, 1, 1.0, now=0.0)
    scheduler.produced(1, 2, 1.0, now=0.0)
    scheduler.segment_over(1)
    for _ in range(500):
        assert say_segment(scheduler) == 2
    scheduler.credit(1, 500, at_most=500)
    assert {say_segment(scheduler) for _ in range(4)} == {1, 2}


def test_an_endless_row_of_newcomers_keeps_nobody_waiting() -> None:
    scheduler = Scheduler(1000, 100)
    admit(scheduler, ticket(1, b"old"))
    say_segment(scheduler)
    spoken = []
    for newcomer in range(100, 120):
        admit(scheduler, ticket(newcomer, b"%d" % newcomer), ticket(newcomer + 500, b"%d" % (newcomer + 500)))
        spoken.append(say_segment(scheduler))
        if spoken[-1] != 1:
            scheduler.end(spoken[-1])
    assert 1 in spoken


@settings(deadline=None, max_examples=20)
@given(lengths=st.lists(st.floats(0.2, 12.0), min_size=10, max_size=10))
def test_ten_clients_get_the_same_amount_of_sound(lengths: list[float]) -> None:
    """Jain's index of what each got, however long each one's segments are."""
    scheduler = Scheduler(100, 100)
    admit(scheduler, *(ticket(key, b"%d" % key, credit=100_000) for key in range(10)))
    got = [0.0] * 10
    while sum(got) < 10 * 20 * max(lengths):
        key = scheduler.choose()
        assert key is not None
        got[key] += lengths[key]
        say_segment(scheduler, lengths[key])
    assert sum(got) ** 2 / (10 * sum(each * each for each in got)) >= 0.99


def speak(scheduler: Scheduler, key: int, characters: int) -> None:
    """One chunk with all of the text, to its end."""
    scheduler.start(key)
    scheduler.produced(key, characters, 0.1, now=0.0)
    scheduler.finish(key)
    scheduler.end(key)


def test_a_long_wait_lifts_a_request_class_by_class_but_it_interrupts_nothing_of_its_new_class() -> None:
    scheduler = Scheduler(100, 100)
    admit(scheduler, ticket(1, b"bar", "progress"), ticket(2, b"reader", "text", characters=PATIENCE))
    speak(scheduler, 2, PATIENCE)
    admit(scheduler, ticket(3, b"mail", "notification"), ticket(4, b"reader", "text", characters=PATIENCE))
    scheduler.start(4)
    scheduler.produced(4, PATIENCE - 1, 0.1, now=0.0)
    assert scheduler.choose() == 4
    scheduler.produced(4, PATIENCE, 0.1, now=0.0)
    admit(scheduler, ticket(5, b"other", "text"))
    assert scheduler.choose() == 4
    scheduler.finish(4)
    assert speak_all(scheduler) == [1, 3, 5]  # both are as urgent as text by now, and came first


@pytest.mark.parametrize("waited", [1, PATIENCE, 2 * PATIENCE, 10 * PATIENCE])
def test_those_that_wait_alike_keep_the_order_of_their_classes(waited: int) -> None:
    scheduler = Scheduler(100, 100)
    admit(scheduler, ticket(0, b"alarm", "important", characters=waited))
    scheduler.start(0)
    admit(scheduler, *(ticket(key, b"%d" % key, PRIORITIES[-key]) for key in range(1, 5)))
    for spoken in range(0, waited + 1, 50):
        scheduler.produced(0, spoken, 0.1, now=0.0)
        scheduler.credit(0, 1, at_most=1)
    assert scheduler.choose() == 0
    scheduler.end(0)
    assert speak_all(scheduler) == [4, 3, 2, 1]


def test_no_wait_lets_a_request_interrupt_a_message() -> None:
    scheduler = Scheduler(100, 100)
    admit(scheduler, ticket(1, b"bar", "progress"), ticket(2, b"mail", "message", characters=10 * PATIENCE))
    scheduler.start(2)
    for spoken in range(0, 10 * PATIENCE, 50):
        scheduler.produced(2, spoken, 0.1, now=0.0)
        scheduler.credit(2, 1, at_most=1)
        assert scheduler.choose() == 2
    admit(scheduler, ticket(3, b"news", "message"))
    scheduler.end(2)
    assert speak_all(scheduler) == [1, 3]


@pytest.mark.parametrize("waited", [0, PATIENCE, 100 * PATIENCE])
def test_no_wait_makes_a_request_important(waited: int) -> None:
    scheduler = Scheduler(100, 100)
    admit(scheduler, ticket(1, b"bar", "progress"))
    admit(scheduler, ticket(2, b"long", "important", characters=waited))
    speak(scheduler, 2, waited)
    scheduler.start(1)
    admit(scheduler, ticket(3, b"battery", "important"))
    assert scheduler.choose() == 3


@settings(deadline=None)
@given(
    victim=st.sampled_from(["text", "notification", "progress"]),
    others=st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["message", "text", "notification"]), st.integers(1, 200)),
        min_size=1,
    ),
)
def test_an_endless_stream_of_higher_classes_keeps_nobody_waiting_for_ever(
    victim: Priority, others: list[tuple[int, Priority, int]]
) -> None:
    """Whoever comes, two of them always wait: after three times `PATIENCE` it is the victim's turn."""
    scheduler = Scheduler(100, 100)
    admit(scheduler, ticket(0, b"victim", victim))
    stream = enumerate(cycle(others), start=1)
    characters: dict[int, int] = {}
    spoken = 0
    while True:
        while len(scheduler) < 3:
            number, (client, priority, size) = next(stream)
            characters[number] = size
            admit(scheduler, ticket(number, b"%d" % client, priority, characters=size))
        key = scheduler.choose()
        if not key:
            break
        speak(scheduler, key, characters[key])
        spoken += characters[key]
        assert spoken <= 3 * PATIENCE + 8 * 200, "starved"
    assert key == 0


# -- credit ----------------------------------------------------------------------------------------------------


def test_without_credit_a_request_is_passed_over_and_goes_on_first_when_it_has_some() -> None:
    scheduler = Scheduler(100, 100)
    admit(scheduler, ticket(1, b"slow", credit=1), ticket(2, b"other"))
    scheduler.start(1)
    scheduler.produced(1, 2, 0.1, now=6.0)
    assert scheduler.choose() == 1  # one chunk ahead, to see whether it is over
    assert scheduler.next_stall() is None
    scheduler.produced(1, 5, 0.1, now=7.0)
    assert scheduler.choose() == 2
    assert (scheduler.stalled(6.9), scheduler.stalled(7.0), scheduler.next_stall()) == ((), (1,), 7.0)
    scheduler.start(2)
    scheduler.credit(1, 1, at_most=10)
    assert scheduler.choose() == 1
    assert scheduler.next_stall() is None


def test_a_clients_next_request_waits_for_the_one_before_even_if_that_has_no_credit() -> None:
    scheduler = Scheduler(100, 100)
    admit(scheduler, ticket(1, credit=1), ticket(2))
    scheduler.start(1)
    scheduler.produced(1, 3, 0.1, now=0.0)
    scheduler.produced(1, 5, 0.1, now=0.0)
    assert scheduler.choose() is None


def test_credit_beyond_the_limit_is_not_taken() -> None:
    scheduler = Scheduler(100, 100)
    admit(scheduler, ticket(1, credit=1))
    scheduler.credit(1, 10**9, at_most=8)
    assert scheduler.granted(1) == 8


def test_characters_ahead_count_what_is_left_of_the_same_class_and_above() -> None:
    scheduler = Scheduler(100, 100)
    admit(scheduler, ticket(1, characters=100), ticket(2, b"b", "message", characters=10), ticket(3, b"c", "progress"))
    scheduler.start(1)
    scheduler.produced(1, 60, 0.1, now=0.0)
    assert scheduler.characters_ahead("important", b"d") == 0
    assert scheduler.characters_ahead("message", b"d") == 10
    assert scheduler.characters_ahead("text", b"a") == 50


def test_of_another_clients_long_text_one_turn_is_ahead_and_of_ones_own_all() -> None:
    scheduler = Scheduler(100, 100)
    admit(scheduler, ticket(1, b"book", characters=80_000))
    assert scheduler.characters_ahead("text", b"clock") == SEGMENT
    assert scheduler.characters_ahead("text", b"book") == 80_000
    admit(scheduler, ticket(2, b"clock", characters=10), ticket(3, b"clock", characters=10))
    assert scheduler.characters_before(2) == SEGMENT
    assert scheduler.characters_before(3) == 10 + SEGMENT + 10


# -- any sequence ------------------------------------------------------------------------------------------------


class AnySequence(RuleBasedStateMachine):
    """Clients come, speak, cancel and stall as they like. Each request ends once, and the choice is always right."""

    requests: Bundle[int] = Bundle("requests")

    def __init__(self) -> None:
        super().__init__()
        self.scheduler = Scheduler(queue=12, per_client=6)
        self.live: dict[int, Ticket] = {}
        self.ended: set[int] = set()
        self.started: list[int] = []
        self.credit: dict[int, int] = {}
        self.finished: set[int] = set()
        self.keys = 0
        self.now = 0.0

    def _end(self, key: int) -> None:
        assert key not in self.ended
        self.ended.add(key)
        del self.live[key]

    @rule(
        target=requests,
        client=st.sampled_from([b"a", b"b", b"c"]),
        priority=st.sampled_from(PRIORITIES),
        interrupted=st.sampled_from(["drop", "resume"]),
        characters=st.integers(0, 500),
        credit=st.integers(1, 3),
    )
    def arrive(self, client: bytes, priority: Priority, interrupted: Interrupted, characters: int, credit: int) -> int:
        self.keys += 1
        new = Ticket(self.keys, client, str(self.keys), priority, interrupted, characters, credit)
        before = set(self.live)
        admitted = self.scheduler.admit(new)
        if isinstance(admitted, Refused):
            assert len(before) >= 6
            return self.keys
        self.live[self.keys] = new
        self.credit[self.keys] = credit
        assert set(admitted.dropped) <= before | {self.keys}
        for key in admitted.dropped:
            assert self.live[key].interrupted == "drop"
            assert self.live[key].priority != "important"
            self._end(key)
        return self.keys

    @precondition(lambda self: self.scheduler.choose() is not None)
    @rule(last=st.booleans(), segment=st.booleans())
    def work(self, last: bool, segment: bool) -> None:
        key = self.scheduler.choose()
        assert key is not None
        self.scheduler.start(key)
        if key not in self.started:
            self.started.append(key)
        self.now += 1.0
        self.scheduler.produced(key, 1, 0.1, self.now)
        self.credit[key] -= 1
        if segment:
            self.scheduler.segment_over(key)
            self.started.remove(key)
        if last:
            self.scheduler.finish(key)
            self.finished.add(key)

    @rule(key=requests, chunks=st.integers(1, 4))
    def grant(self, key: int, chunks: int) -> None:
        if key in self.live:
            self.scheduler.credit(key, chunks, at_most=4)
            self.credit[key] = min(self.credit[key] + chunks, 4)

    @rule(key=requests)
    def end(self, key: int) -> None:
        if key in self.live:
            self.scheduler.end(key)
            self._end(key)

    @rule(client=st.sampled_from([b"a", b"b", b"c"]))
    def vanish(self, client: bytes) -> None:
        for key in self.scheduler.find(client=client):
            self.scheduler.end(key)
            self._end(key)

    @invariant()
    def nothing_is_lost_or_twice(self) -> None:
        assert len(self.scheduler) == len(self.live)
        assert set(self.scheduler.find()) == set(self.live)

    @invariant()
    def the_choice_is_right(self) -> None:
        chosen = self.scheduler.choose()
        heads = self._heads()
        assert (chosen is None) == (not heads)
        if chosen is None:
            return
        assert chosen in heads
        rank = RANK[self.live[chosen].priority]
        assert rank == min(RANK[self.live[key].priority] for key in heads)
        begun = [key for key in self.started if key in heads and RANK[self.live[key].priority] == rank]
        assert not begun or chosen == begun[0]

    def _heads(self) -> set[int]:
        """Of each client and class the request whose turn it is, if it can be worked on."""
        first: dict[tuple[bytes, str], int] = {}
        for key, each in sorted(self.live.items()):
            first.setdefault((each.client, each.priority), key)
        return {key for key in first.values() if self.credit[key] >= 0 and key not in self.finished}


TestAnySequence = AnySequence.TestCase
TestAnySequence.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
