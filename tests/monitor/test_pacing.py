"""One request's rests."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fishvoiced.monitor.pacing import Pacing
from fishvoiced.monitor.throttle import LONGEST_WAIT_S, Advice, Phase


def advice(phase: Phase, pause_s: float = 0.0, wait_s: float = 0.0) -> Advice:
    return Advice(phase, 2, pause_s, 1.0, wait_s, ())


def test_pauses_come_between_segments_only() -> None:
    pacing = Pacing(lambda: advice(Phase.THROTTLED, pause_s=0.4))
    assert pacing.rest(segment_ended=False) == 0.0
    assert pacing.rest(segment_ended=True) == 0.4
    assert pacing.rest(segment_ended=False) == 0.0
    assert pacing.left_s == LONGEST_WAIT_S - 0.4


def test_a_cooldown_waits_in_slices_until_it_ends() -> None:
    now = [advice(Phase.COOLDOWN, wait_s=100)]
    pacing = Pacing(lambda: now[0])
    assert [pacing.rest(segment_ended=False) for _ in range(3)] == [0.5, 0.5, 0.5]
    now[0] = advice(Phase.RECOVERING, pause_s=0.5)
    assert pacing.rest(segment_ended=False) == 0.0


def test_an_endless_cooldown_costs_180_seconds_and_no_more() -> None:
    pacing = Pacing(lambda: advice(Phase.COOLDOWN, pause_s=0.5, wait_s=180))
    slept = sum(pacing.rest(segment_ended=True) for _ in range(2000))
    assert slept == LONGEST_WAIT_S
    assert pacing.rest(segment_ended=True) == 0.0


def test_the_listener_is_told_while_heat_slows_it_down() -> None:
    assert Pacing(lambda: advice(Phase.COOLDOWN)).told() == "cooldown"
    assert Pacing(lambda: advice(Phase.NORMAL)).told() is None
    assert Pacing(lambda: advice(Phase.BLIND)).told() is None


ADVICE = st.builds(
    Advice,
    st.sampled_from(Phase),
    st.integers(1, 8),
    st.floats(allow_nan=True),
    st.floats(0, 1),
    st.floats(allow_nan=True),
    st.just(()),
)


@given(st.lists(st.tuples(ADVICE, st.booleans()), max_size=1000))
def test_any_advice_rests_180_seconds_at_most(turns: list[tuple[Advice, bool]]) -> None:
    current = [advice(Phase.NORMAL)]
    pacing = Pacing(lambda: current[0])
    slept = 0.0
    for given_advice, ended in turns:
        current[0] = given_advice
        rest = pacing.rest(segment_ended=ended)
        assert 0 <= rest <= 0.5
        slept += rest
    assert slept <= LONGEST_WAIT_S + 1e-6
