"""Growth that nothing explains adds up; what a model, a request or the allocator needs does not."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from fishvoiced.server.memory_guard import MemoryGuard, Verdict

MB = 1 << 20


def grown(
    guard: MemoryGuard, *sizes: int, received: int = 0, loading: bool = False, busy: bool = False
) -> list[Verdict]:
    return [guard.look(size * MB, received * MB, loading=loading, busy=busy) for size in sizes]


def test_beyond_the_limit_those_without_a_request_go_and_all_if_it_grows_on() -> None:
    verdicts = grown(MemoryGuard(100 * MB), 200, 280, 301, 590, 601, 602)
    assert verdicts == [Verdict.NONE, Verdict.NONE, Verdict.IDLE, Verdict.IDLE, Verdict.ALL, Verdict.NONE]


def test_however_much_comes_at_once_those_without_a_request_go_first() -> None:
    assert grown(MemoryGuard(100 * MB), 200, 5000) == [Verdict.NONE, Verdict.IDLE]
    guard = MemoryGuard(100 * MB)
    assert grown(guard, 200, 5000, 210, 5000) == [Verdict.NONE, Verdict.IDLE, Verdict.NONE, Verdict.IDLE]


def test_what_came_whole_and_what_a_model_takes_is_explained() -> None:
    assert set(grown(MemoryGuard(100 * MB), *range(100, 2000, 100), received=100)) == {Verdict.NONE}
    assert set(grown(MemoryGuard(100 * MB), *range(100, 2000, 100), loading=True)) == {Verdict.NONE}


def test_what_is_being_spoken_may_need_more_but_not_without_end() -> None:
    guard = MemoryGuard(100 * MB)
    assert set(grown(guard, 200, 590, busy=True)) == {Verdict.NONE}
    assert set(grown(guard, 600, 680)) == {Verdict.NONE}, "and that does not count against who is idle later"
    assert grown(guard, 701, busy=True) == [Verdict.IDLE]


def test_what_is_given_back_is_forgotten() -> None:
    guard = MemoryGuard(100 * MB)
    assert set(grown(guard, *[100, 190] * 50)) == {Verdict.NONE}


@given(st.lists(st.integers(0, 50), min_size=1, max_size=300))
def test_however_slowly_it_grows_it_is_found_within_the_limit_and_one_step(steps: list[int]) -> None:
    guard, size, least = MemoryGuard(100 * MB), 1000, 1000
    for step in steps:
        size += step
        if step == 0:
            continue
        if guard.look(size * MB, 0, loading=False, busy=False) is not Verdict.NONE:
            return
        assert size - least <= 100 + 2 * 50
