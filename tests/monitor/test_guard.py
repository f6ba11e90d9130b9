"""The guard around every probe: time limit, plausibility, staleness, back-off."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishvoiced.monitor.guard import LONGEST_BACKOFF_SECONDS, GuardedProbe, ProbeError
from fishvoiced.monitor.reading import Quantity, Reading, Unavailable, plausible
from tests.monitor.fakes import FakeProbe, celsius


def raising(error: Exception) -> FakeProbe:
    def fail(now: float) -> tuple[Reading, ...]:
        raise error

    return FakeProbe(fail)


@pytest.mark.parametrize(
    ("value", "fine"),
    [(45.0, True), (1.0, True), (125.0, True), (0.0, False), (-44.0, False), (127.0, False), (float("nan"), False)],
)
def test_plausible_temperatures(value: float, fine: bool) -> None:
    assert plausible(celsius(value, 0.0)) is fine


def test_passes_readings_through() -> None:
    guard = GuardedProbe(FakeProbe(lambda now: (celsius(50, now),)))
    assert guard.poll(1.0) == (celsius(50, 1.0),)
    assert guard.poll(3.0) == (celsius(50, 3.0),)


def test_drops_only_what_is_implausible() -> None:
    guard = GuardedProbe(FakeProbe(lambda now: (celsius(-44, now), celsius(50, now))))
    assert guard.poll(1.0) == (celsius(50, 1.0),)
    lying = GuardedProbe(FakeProbe(lambda now: (celsius(127, now),))).poll(1.0)
    assert lying == Unavailable("fake", "implausible: 127")


def test_keeps_to_the_probes_own_interval() -> None:
    probe = FakeProbe(lambda now: (celsius(50, now),), interval_seconds=30)
    guard = GuardedProbe(probe)
    for now in (0.0, 2.0, 29.0):
        guard.poll(now)
    assert probe.reads == 1
    guard.poll(30.0)
    assert probe.reads == 2


def test_a_hiccup_keeps_the_last_reading_three_failures_do_not() -> None:
    answers: Iterator[tuple[Reading, ...] | OSError] = iter(
        [(celsius(50, 0.0),), OSError(11, "try again"), OSError(11, "try again"), OSError(11, "no")]
    )

    def answer(now: float) -> tuple[Reading, ...]:
        found = next(answers)
        if isinstance(found, OSError):
            raise found
        return found

    guard = GuardedProbe(FakeProbe(answer))
    good = guard.poll(0.0)
    assert guard.poll(2.0) == good
    assert guard.poll(4.0) == good
    stale = guard.poll(6.0)
    assert isinstance(stale, Unavailable)
    assert "no" in stale.reason


def test_back_off_doubles_to_a_minute_and_ends_with_success() -> None:
    probe = raising(ProbeError("broken"))
    guard = GuardedProbe(probe)
    asked = []
    for second in range(400):
        before = probe.reads
        guard.poll(float(second))
        if probe.reads > before:
            asked.append(second)
    gaps = [b - a for a, b in pairwise(asked)]
    assert gaps[:7] == [1, 1, 2, 4, 8, 16, 32]
    assert set(gaps[7:]) == {60}


def test_what_is_absent_is_asked_once_a_minute() -> None:
    probe = raising(ProbeError("not here", "install it", absent=True))
    guard = GuardedProbe(probe)
    for second in range(121):
        outcome = guard.poll(float(second))
        assert outcome == Unavailable("fake", "not here", "install it")
    assert probe.reads == 3


def test_a_hung_probe_costs_its_time_limit_once() -> None:
    release = threading.Event()

    def hang(now: float) -> tuple[Reading, ...]:
        release.wait(30)
        return (celsius(50, now),)

    guard = GuardedProbe(FakeProbe(hang), time_limit_seconds=0.05)
    threads = threading.active_count()
    first = guard.poll(0.0)
    assert isinstance(first, Unavailable)
    assert "no answer within 0.05 s" in first.reason
    for second in range(1, 300):
        hung = guard.poll(float(second))
        assert isinstance(hung, Unavailable)
        assert "still hangs" in hung.reason
    assert threading.active_count() == threads + 1 or threading.active_count() == threads
    release.set()
    limit, later = time.monotonic() + 20, 300.0
    while not isinstance(guard.poll(later), tuple) and time.monotonic() < limit:
        later += 61
        time.sleep(0.001)  # the left-behind read ends on a thread of its own
    assert isinstance(guard.outcome, tuple)


def test_a_clock_that_jumps_back_does_not_silence_a_probe() -> None:
    probe = FakeProbe(lambda now: (celsius(50, now),), interval_seconds=30)
    guard = GuardedProbe(probe)
    guard.poll(1e9)
    guard.poll(5.0)
    assert probe.reads == 2


def test_a_programming_error_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        GuardedProbe(raising(ZeroDivisionError("bug"))).poll(0.0)


VALUES = st.floats(allow_nan=True, allow_infinity=True)


@given(st.lists(st.lists(VALUES, max_size=3) | st.just(None), max_size=30), st.lists(st.floats(-1e6, 1e6), max_size=30))
def test_no_implausible_value_ever_passes(answers: list[list[float] | None], times: list[float]) -> None:
    source = iter(answers)

    def answer(now: float) -> tuple[Reading, ...]:
        values = next(source, None)
        if values is None:
            raise ProbeError("gone")
        return tuple(Reading("fake", Quantity.TEMPERATURE, value, now) for value in values)

    guard = GuardedProbe(FakeProbe(answer))
    for now in times:
        outcome = guard.poll(now)
        if isinstance(outcome, tuple):
            assert all(1 <= item.value <= 125 for item in outcome)
        else:
            assert outcome.reason
    assert LONGEST_BACKOFF_SECONDS == 60
