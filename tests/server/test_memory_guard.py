"""Growth that nothing explains adds up; what a model, a request or the allocator needs does not."""

from __future__ import annotations

from itertools import count

import hypothesis.strategies as st
from hypothesis import given

from fishvoiced.server.memory_guard import FORGIVEN, LOOK_SECONDS, WAITING, MemoryGuard, Verdict
from fishvoiced.transport.descriptors import Peer

MB = 1 << 20


class Watch:
    """A guard that looks every half second."""

    def __init__(self, limit: int) -> None:
        self.guard = MemoryGuard(limit)
        self.times = count(1)

    def grown(self, *sizes: float, received: int = 0, loading: bool = False, busy: bool = False) -> list[Verdict]:
        """``sizes`` and ``received`` in MB."""
        return [
            self.guard.look(
                round(size * MB), received * MB, next(self.times) * LOOK_SECONDS, loading=loading, busy=busy
            )
            for size in sizes
        ]


NONE, POURING, IDLE, ALL = Verdict


def test_beyond_the_limit_who_pours_or_has_no_request_goes_then_all() -> None:
    verdicts = Watch(100 * MB).grown(200, 280, 301, 390, 401, 590, 602, 603)
    assert verdicts == [NONE, NONE, IDLE, IDLE, IDLE, IDLE, ALL, NONE]


def test_however_much_comes_at_once_no_step_is_left_out() -> None:
    assert Watch(100 * MB).grown(200, 5000) == [NONE, IDLE]
    watch = Watch(100 * MB)
    assert watch.grown(200, 5000, 210, 5000) == [NONE, IDLE, NONE, IDLE]
    assert watch.grown(9000, 9500) == [ALL, IDLE]


def test_what_came_whole_and_what_a_model_takes_is_explained() -> None:
    assert set(Watch(100 * MB).grown(*range(100, 2000, 100), received=100)) == {NONE}
    assert set(Watch(100 * MB).grown(*range(100, 2000, 100), loading=True)) == {NONE}


def test_what_is_being_spoken_may_need_more_but_not_without_end() -> None:
    watch = Watch(100 * MB)
    assert watch.grown(200, 290, 590, busy=True) == [NONE, NONE, POURING]
    assert set(watch.grown(600, 680)) == {NONE}, "and that does not count against who is idle later"
    assert watch.grown(701, busy=True) == [IDLE]


def test_what_is_given_back_is_forgotten() -> None:
    assert set(Watch(100 * MB).grown(*[100, 190] * 50)) == {NONE}


def test_beyond_the_limit_without_more_growth_nobody_goes() -> None:
    assert Watch(100 * MB).grown(200, 301, *[301, 301.01] * 20)[2:] == [NONE] * 40


@given(st.lists(st.integers(0, 50 << 10), min_size=1, max_size=300))
def test_however_slowly_it_grows_it_is_found_within_the_limit_and_one_step(steps: list[int]) -> None:
    """Steps in KB, one every half second; slower than what is forgiven is not told from any program."""
    watch, size, unexplained = Watch(100 * MB), 1000 * 1024, 0.0
    for step in steps:
        size += step
        (verdict,) = watch.grown(size / 1024)
        if verdict is not NONE:
            return
        unexplained = max(0.0, unexplained + step - FORGIVEN / 1024 * LOOK_SECONDS)
        assert unexplained <= (100 + 2 * 50) * 1024


ASKED, WAITS = b"asked", b"waits"


def test_who_has_asked_for_something_goes_first_if_it_pours_and_finishes_nothing() -> None:
    watch = Watch(100 * MB)
    assert watch.grown(200, 260, 310) == [NONE, NONE, IDLE]
    before, after = watch.guard.since - 0.1, watch.guard.since + 0.1

    def goes(client: bytes | None, heard: float | None, unread: int, verdict: Verdict = IDLE) -> bool:
        return watch.guard.goes(verdict, Peer(client, heard, unread), {ASKED})

    assert goes(ASKED, before, WAITING + 1)
    assert not goes(ASKED, before, 0), "it listens"
    assert not goes(ASKED, before, WAITING), "its next request has just come"
    assert not goes(ASKED, after, WAITING + 1), "nothing unfinished of it is older than that"
    assert goes(WAITS, before, 0)
    assert not goes(WAITS, after, 0)
    assert goes(None, None, 0)
    assert goes(WAITS, before, WAITING + 1, POURING)
    assert not goes(WAITS, before, 0, POURING)
