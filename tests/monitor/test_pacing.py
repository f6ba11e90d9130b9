"""One request's rests: of one that is heavy and long, and heats the machine itself, where nothing else is said."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishvoice.protocol import Priority
from fishvoiced.monitor.pacing import LEAD_SECONDS, Pacing
from fishvoiced.monitor.throttle import LONGEST_WAIT_SECONDS, Advice, Phase
from fishvoiced.monitor.worth import AHEAD_SECONDS, FIRST_SECONDS
from tests.monitor.fakes import Clock


def advice(
    phase: Phase, pause_seconds: float = 0.0, wait_seconds: float = 0.0, threads: int = 4, lead_scale: float = 1.0
) -> Advice:
    return Advice(phase, threads, pause_seconds, lead_scale, wait_seconds, ())


def heavy(advise: Callable[[], Advice], threads: int, clock: Callable[[], float] = lambda: 0.0) -> Pacing:
    """A long request to a voice that cannot keep up, after its first seconds of sound."""
    pacing = Pacing(advise, threads, "text", 3.0, clock=clock)
    pacing.step_done(0.0, FIRST_SECONDS)
    return pacing


def rested(pacing: Pacing) -> float:
    """All rests until the next step."""
    total = 0.0
    while rest := pacing.rest():
        assert 0 < rest <= 0.5
        total += rest
    return total


def test_pauses_come_between_segments_only() -> None:
    pacing = heavy(lambda: advice(Phase.THROTTLED, pause_seconds=0.7), 4)
    pacing.step_done(0.1)
    assert rested(pacing) == 0.0
    pacing.step_done(0.1, segment_ended=True)
    assert rested(pacing) == pytest.approx(0.7)
    pacing.step_done(0.1)
    assert rested(pacing) == 0.0
    assert pacing.left_seconds == pytest.approx(LONGEST_WAIT_SECONDS - 0.7)


@pytest.mark.parametrize(("threads", "share"), [(4, 0.0), (2, 1.0), (1, 3.0)])
def test_fewer_threads_are_a_share_of_the_time(threads: int, share: float) -> None:
    pacing = heavy(lambda: advice(Phase.THROTTLED, threads=threads), 4)
    pacing.step_done(0.25)
    assert rested(pacing) == pytest.approx(0.25 * share)


def test_a_cooldown_waits_in_slices_until_it_ends() -> None:
    now = [advice(Phase.COOLDOWN, wait_seconds=100)]
    pacing = heavy(lambda: now[0], 4)
    assert [pacing.rest() for _ in range(3)] == [0.5, 0.5, 0.5]
    now[0] = advice(Phase.RECOVERING, pause_seconds=0.5)
    assert pacing.rest() == 0.0


def test_a_smaller_lead_holds_until_playback_has_come_near() -> None:
    clock, now = Clock(), [advice(Phase.NORMAL)]
    pacing = Pacing(lambda: now[0], 4, "text", 0.8, clock=clock)
    pacing.step_done(0.1, 12.0)
    assert rested(pacing) == 0.0
    now[0] = advice(Phase.WARM, lead_scale=0.5)
    assert LEAD_SECONDS * 0.5 == 10.0
    assert pacing.rest() == 0.5
    clock.pass_(1.75)
    assert pacing.rest() == 0.25
    clock.pass_(0.25)
    assert pacing.rest() == 0.0


def test_an_endless_cooldown_costs_180_seconds_and_no_more() -> None:
    pacing = heavy(lambda: advice(Phase.COOLDOWN, pause_seconds=0.5, wait_seconds=180), 4)
    assert rested(pacing) == LONGEST_WAIT_SECONDS
    pacing.step_done(1.0, 100.0, segment_ended=True)
    assert pacing.rest() == 0.0


def test_the_listener_is_told_while_heat_slows_it_down() -> None:
    assert heavy(lambda: advice(Phase.COOLDOWN), 4).throttle_state() == "cooldown"
    assert heavy(lambda: advice(Phase.WARM), 4).throttle_state() == "warm"
    assert heavy(lambda: advice(Phase.NORMAL), 4).throttle_state() is None
    assert heavy(lambda: advice(Phase.BLIND), 4).throttle_state() is None


@pytest.mark.parametrize("priority", ["important", "message"])
def test_an_urgent_request_never_rests(priority: Priority) -> None:
    pacing = Pacing(lambda: advice(Phase.COOLDOWN, pause_seconds=0.5, wait_seconds=180), 4, priority, 20.0)
    pacing.step_done(1.0, 60.0, segment_ended=True)
    assert pacing.rest() == 0.0
    assert pacing.throttle_state() is None


def test_the_first_seconds_of_any_request_come_at_once() -> None:
    pacing = Pacing(lambda: advice(Phase.COOLDOWN, wait_seconds=180), 4, "text", 20.0)
    for _ in range(int(FIRST_SECONDS / 0.25)):
        assert pacing.rest() == 0.0
        pacing.step_done(5.0, 0.25)
    assert pacing.rest() > 0


def test_a_voice_of_unknown_cost_is_measured_by_its_own_cpu_time() -> None:
    cheap, costly = (Pacing(lambda: advice(Phase.COOLDOWN, wait_seconds=180), 4, clock=lambda: 0.0) for _ in range(2))
    cheap.step_done(60.0, 10.0, cpu_seconds=8.0)  # slow, but because of others
    costly.step_done(60.0, 10.0, cpu_seconds=80.0)
    assert cheap.rest() == 0.0
    assert costly.rest() > 0


def test_a_cooldown_leaves_a_listener_enough_to_hear() -> None:
    clock = Clock()
    pacing = Pacing(lambda: advice(Phase.COOLDOWN, wait_seconds=180), 4, "text", 0.8, clock=clock)
    pacing.step_done(16.0, 20.0)
    slept = 0.0
    while rest := pacing.rest():
        slept += rest
        clock.pass_(rest)
    assert slept == pytest.approx(20.0 - AHEAD_SECONDS, abs=0.01)


def test_rests_are_shorter_where_others_make_part_of_the_load() -> None:
    def after(own: float) -> float:
        pacing = Pacing(lambda: advice(Phase.THROTTLED, threads=2), 4, "text", 3.0, lambda: own, lambda: 0.0)
        pacing.step_done(0.0, FIRST_SECONDS)
        pacing.step_done(0.4)
        return rested(pacing)

    assert after(1.0) == pytest.approx(0.4)
    assert after(0.6) == pytest.approx(0.24)
    assert after(0.3) == 0.0


# A wait that never gets shorter is asked for again and again: small ones would only take the test long.
WAIT = st.floats(allow_nan=True).filter(lambda wait: not 0 < wait < 0.5)
ADVICE = st.builds(Advice, st.sampled_from(Phase), st.integers(-1, 8), WAIT, WAIT, WAIT, st.just(()))
TURN = st.tuples(ADVICE, st.floats(0, 100), st.floats(0, 10), st.booleans())


@given(st.lists(TURN, max_size=20), st.booleans(), st.none() | st.floats(0, 5), st.none() | st.floats(0, 1))
def test_any_advice_rests_180_seconds_at_most_and_always_goes_on(
    turns: list[tuple[Advice, float, float, bool]], stuck: bool, rtf: float | None, own_share: float | None
) -> None:
    clock, current = Clock(), [advice(Phase.NORMAL)]
    pacing = Pacing(lambda: current[0], 8, "text", rtf, lambda: own_share, clock)
    slept = 0.0
    for given_advice, work, sound, ended in turns:
        current[0] = given_advice
        # A short lead that a stopped clock never uses up would be asked for in as short slices: too many for a test.
        pacing.step_done(work, 0.0 if stuck else sound, segment_ended=ended)
        # Slices below half a second are the ends of rests, of which each turn has three at most.
        for _ in range(int(2 * LONGEST_WAIT_SECONDS) + 4):
            rest = pacing.rest()
            if rest == 0:
                break
            assert 0 < rest <= 0.5
            slept += rest
            clock.pass_(0.0 if stuck else rest)
        assert pacing.rest() == 0.0
    assert slept <= LONGEST_WAIT_SECONDS + 1e-6
