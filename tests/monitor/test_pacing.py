"""One request's rests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishvoiced.monitor.pacing import LEAD_SECONDS, Pacing
from fishvoiced.monitor.throttle import LONGEST_WAIT_SECONDS, Advice, Phase
from tests.monitor.fakes import Clock


def advice(
    phase: Phase, pause_seconds: float = 0.0, wait_seconds: float = 0.0, threads: int = 4, lead_scale: float = 1.0
) -> Advice:
    return Advice(phase, threads, pause_seconds, lead_scale, wait_seconds, ())


def rested(pacing: Pacing) -> float:
    """All rests until the next step."""
    total = 0.0
    while rest := pacing.rest():
        assert 0 < rest <= 0.5
        total += rest
    return total


def test_pauses_come_between_segments_only() -> None:
    pacing = Pacing(lambda: advice(Phase.THROTTLED, pause_seconds=0.7), 4)
    pacing.stepped(0.1)
    assert rested(pacing) == 0.0
    pacing.stepped(0.1, segment_ended=True)
    assert rested(pacing) == pytest.approx(0.7)
    pacing.stepped(0.1)
    assert rested(pacing) == 0.0
    assert pacing.left_seconds == pytest.approx(LONGEST_WAIT_SECONDS - 0.7)


@pytest.mark.parametrize(("threads", "share"), [(4, 0.0), (2, 1.0), (1, 3.0)])
def test_fewer_threads_are_a_share_of_the_time(threads: int, share: float) -> None:
    pacing = Pacing(lambda: advice(Phase.THROTTLED, threads=threads), 4)
    pacing.stepped(0.25)
    assert rested(pacing) == pytest.approx(0.25 * share)


def test_a_cooldown_waits_in_slices_until_it_ends() -> None:
    now = [advice(Phase.COOLDOWN, wait_seconds=100)]
    pacing = Pacing(lambda: now[0], 4)
    assert [pacing.rest() for _ in range(3)] == [0.5, 0.5, 0.5]
    now[0] = advice(Phase.RECOVERING, pause_seconds=0.5)
    assert pacing.rest() == 0.0


def test_a_smaller_lead_holds_until_playback_has_come_near() -> None:
    clock, now = Clock(), [advice(Phase.NORMAL)]
    pacing = Pacing(lambda: now[0], 4, clock)
    pacing.stepped(0.1, 12.0)
    assert rested(pacing) == 0.0
    now[0] = advice(Phase.WARM, lead_scale=0.5)
    assert LEAD_SECONDS * 0.5 == 10.0
    assert pacing.rest() == 0.5
    clock.pass_(1.75)
    assert pacing.rest() == 0.25
    clock.pass_(0.25)
    assert pacing.rest() == 0.0


def test_an_endless_cooldown_costs_180_seconds_and_no_more() -> None:
    pacing = Pacing(lambda: advice(Phase.COOLDOWN, pause_seconds=0.5, wait_seconds=180), 4)
    assert rested(pacing) == LONGEST_WAIT_SECONDS
    pacing.stepped(1.0, 100.0, segment_ended=True)
    assert pacing.rest() == 0.0


def test_the_listener_is_told_while_heat_slows_it_down() -> None:
    assert Pacing(lambda: advice(Phase.COOLDOWN), 4).throttle_state() == "cooldown"
    assert Pacing(lambda: advice(Phase.WARM), 4).throttle_state() == "warm"
    assert Pacing(lambda: advice(Phase.NORMAL), 4).throttle_state() is None
    assert Pacing(lambda: advice(Phase.BLIND), 4).throttle_state() is None


# A wait that never gets shorter is asked for again and again: small ones would only take the test long.
WAIT = st.floats(allow_nan=True).filter(lambda wait: not 0 < wait < 0.5)
ADVICE = st.builds(Advice, st.sampled_from(Phase), st.integers(-1, 8), WAIT, WAIT, WAIT, st.just(()))
TURN = st.tuples(ADVICE, st.floats(0, 100), st.floats(0, 10), st.booleans())


@given(st.lists(TURN, max_size=20), st.booleans())
def test_any_advice_rests_180_seconds_at_most_and_always_goes_on(
    turns: list[tuple[Advice, float, float, bool]], stuck: bool
) -> None:
    clock, current = Clock(), [advice(Phase.NORMAL)]
    pacing = Pacing(lambda: current[0], 8, clock)
    slept = 0.0
    for given_advice, work, sound, ended in turns:
        current[0] = given_advice
        # A short lead that a stopped clock never uses up would be asked for in as short slices: too many for a test.
        pacing.stepped(work, 0.0 if stuck else sound, segment_ended=ended)
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
