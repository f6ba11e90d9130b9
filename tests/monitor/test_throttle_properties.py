"""The throttle state machine's promises, whatever the sensors and the clock say."""

from __future__ import annotations

import math
import sys
from dataclasses import fields

from hypothesis import given, settings
from hypothesis import strategies as st

from fishvoiced.monitor.evidence import Policy
from fishvoiced.monitor.reading import Quantity, Reading, Unavailable
from fishvoiced.monitor.throttle import LONGEST_WAIT_SECONDS, Phase, ThrottleState, WaitBudget, advise, step
from tests.monitor.fakes import celsius, reading
from tests.monitor.sensor_scripts import COOL, HOT, at, nothing

NASTY = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([-44.0, 0.0, 127.0, 61.0, 99.0, 104.0, math.nan, math.inf, 0.9, 1.0, 3.0, 4.0]),
)
TIMES = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.floats(-1e5, 1e5),
)
READINGS = st.lists(
    st.one_of(
        st.builds(Reading, st.just("s"), st.sampled_from(Quantity), NASTY, TIMES, st.none() | NASTY),
        st.builds(Unavailable, st.just("s"), st.just("gone")),
    ),
    max_size=4,
)
POLICIES = st.builds(Policy, threads=st.integers(1, 64), fanless=st.booleans())
# Mostly a sane clock, so that deep states are reached; now and then one that jumps.
STEPS = st.lists(
    st.one_of(
        st.floats(0.1, 30.0),
        st.sampled_from([2.0, 10.0, 0.0, -1e9, 1e9, math.nan, math.inf, -math.inf]),
    ),
    min_size=1,
    max_size=120,
)


def sound(state: ThrottleState, policy: Policy) -> None:
    advice = advise(state, policy)
    assert 1 <= advice.threads <= policy.threads
    assert 0 <= advice.wait_seconds <= LONGEST_WAIT_SECONDS
    assert 0 <= advice.pause_seconds <= 1
    assert 0 < advice.lead_scale <= 1
    assert (advice.wait_seconds > 0) <= (advice.phase is Phase.COOLDOWN)
    assert len(state.cooldowns) <= policy.cooldowns
    assert 0 <= state.removed < max(policy.threads, 2)
    assert len(state.reasons) <= 8
    assert math.isfinite(state.now)
    assert sum(sys.getsizeof(getattr(state, field.name)) for field in fields(state)) < 4096


@settings(max_examples=200)
@given(st.lists(st.tuples(READINGS, TIMES), max_size=60), POLICIES)
def test_any_readings_and_any_clock_leave_a_sound_state(
    polls: list[tuple[list[Reading | Unavailable], float]], policy: Policy
) -> None:
    state = ThrottleState()
    for readings, now in polls:
        state = step(state, readings, now, policy)
        sound(state, policy)


SCENES = st.sampled_from(["cool", "hot", "throttled", "gone", "stuck", "jump", "slow"])


def scene_at(name: str, now: float) -> list[Reading | Unavailable]:
    match name:
        case "cool":
            return at(COOL)(now)
        case "hot":
            return at(HOT)(now)
        case "throttled":
            return at(HOT, duty=0.7)(now)
        case "stuck":
            return at(HOT, duty=0.7)(0.0)
        case "jump":
            return [celsius(127 if int(now) % 2 else -44, now), reading(Quantity.PRESSURE, 4, now)]
        case "slow":
            return [reading(Quantity.THROUGHPUT, 0.3, now)]
        case _:
            return nothing(now)


@settings(max_examples=100)
@given(st.lists(st.tuples(SCENES, st.integers(1, 120)), min_size=1, max_size=12), STEPS, POLICIES)
def test_no_request_is_ever_held_up_for_more_than_180_seconds(
    story: list[tuple[str, int]], jumps: list[float], policy: Policy
) -> None:
    """One endless request lives through the whole story, sleeping whenever it is told to."""
    state, budget, now = ThrottleState(), WaitBudget(), 0.0
    slept, turns, index = 0.0, 0, 0
    for name, polls in story:
        for _ in range(polls):
            jump = jumps[index % len(jumps)]
            index += 1
            now = now + jump if math.isfinite(jump) else now
            told = now if math.isfinite(jump) else jump
            state = step(state, scene_at(name, now), told, policy)
            sound(state, policy)
            advice = advise(state, policy)
            # The synthesis loop: it waits while it is told to, on a monitor that never polls again.
            while (pause := budget.grant(advice.wait_seconds)) > 0:
                slept += pause
                turns += 1
                assert turns <= 180 * 1000, "an endless loop"
            slept += budget.grant(advice.pause_seconds)
    assert slept <= LONGEST_WAIT_SECONDS + 1e-6


@settings(max_examples=60)
@given(st.lists(st.floats(0.5, 20.0), min_size=1, max_size=50), POLICIES, st.integers(0, 1000))
def test_a_cooldown_is_over_after_180_seconds_of_any_clock(steps: list[float], policy: Policy, seed: int) -> None:
    """Permanent throttling: the time from entering COOLDOWN to leaving it for good is bounded."""
    state, now, entered, left = ThrottleState(), float(seed), None, None
    for turn in range(2000):
        now += steps[turn % len(steps)]
        state = step(state, at(HOT, duty=0.9)(now), now, policy)
        if state.phase is Phase.COOLDOWN and entered is None:
            entered = now
        if entered is not None and state.phase is not Phase.COOLDOWN and left is None:
            left = now
        if left is not None:
            assert state.phase is Phase.DEGRADED
            if now > left + 300:
                break
    assert entered is not None
    assert left is not None
    assert left - entered <= LONGEST_WAIT_SECONDS + max(steps)


@given(st.lists(TIMES, max_size=50), st.integers(1, 16))
def test_without_a_sensor_synthesis_goes_on(times: list[float], threads: int) -> None:
    state, policy = ThrottleState(), Policy(threads=threads)
    for now in times:
        state = step(state, [Unavailable("hwmon", "none")], now, policy)
        advice = advise(state, policy)
        assert advice.phase is Phase.BLIND
        assert (advice.threads, advice.wait_seconds, advice.pause_seconds) == (threads, 0.0, 0.0)


@given(st.lists(st.tuples(NASTY, NASTY), max_size=300), NASTY)
def test_wait_budget_cannot_be_overdrawn(wishes: list[tuple[float, float]], limit: float) -> None:
    budget = WaitBudget(limit if math.isfinite(limit) else LONGEST_WAIT_SECONDS)
    granted = 0.0
    for wanted, slice_seconds in wishes:
        pause = budget.grant(wanted, slice_seconds if math.isfinite(slice_seconds) else 0.5)
        assert pause >= 0
        granted += pause
    assert granted <= LONGEST_WAIT_SECONDS + 1e-6
