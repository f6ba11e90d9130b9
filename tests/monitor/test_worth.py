"""Which request may be slowed down for heat, and by how much."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishvoice.protocol import Priority
from fishvoiced.monitor.worth import (
    AHEAD_SECONDS,
    CHEAP_RTF,
    FIRST_SECONDS,
    OURS,
    URGENT,
    Work,
    allowed_rest,
    may_rest,
    share,
)

ANY = st.floats(allow_nan=True)
WORKS = st.builds(
    Work, st.sampled_from(get_args(Priority)), st.floats(0, 1e5), st.floats(-1e5, 1e5), st.none() | ANY, st.none() | ANY
)


def heavy(**changes: object) -> Work:
    """The large model in the middle of a document, at a listener whom it keeps waiting anyway."""
    fields: dict[str, object] = {
        "priority": "text",
        "sound_seconds": 60.0,
        "ahead_seconds": -20.0,
        "rtf": 3.0,
        "own_share": 1.0,
    }
    return Work(**(fields | changes))  # type: ignore[arg-type]


@given(WORKS, ANY)
def test_a_rest_is_never_longer_than_asked_for_and_never_negative(work: Work, wanted: float) -> None:
    assert allowed_rest(work, wanted) >= 0
    assert allowed_rest(work, wanted) <= wanted or not wanted > 0


@given(WORKS, st.floats(0, 1000))
def test_what_is_urgent_or_has_just_begun_or_is_cheap_or_suffers_from_others_never_rests(
    work: Work, wanted: float
) -> None:
    exempt = (
        work.priority in URGENT
        or work.sound_seconds < FIRST_SECONDS
        or not (work.rtf is not None and work.rtf >= CHEAP_RTF)
        or share(work) < OURS
    )
    assert may_rest(work) is not exempt
    if exempt:
        assert allowed_rest(work, wanted) == 0


@given(WORKS, st.floats(0, 1000))
def test_a_listener_whom_the_voice_can_keep_up_with_never_hears_a_gap(work: Work, wanted: float) -> None:
    if work.rtf is not None and work.rtf < 1:
        assert allowed_rest(work, wanted) <= max(0.0, work.ahead_seconds - AHEAD_SECONDS)


@given(st.floats(1, 100), st.floats(OURS, 1), st.floats(0, 1000))
def test_heavy_work_that_heats_the_machine_itself_rests_in_full(rtf: float, own: float, wanted: float) -> None:
    assert allowed_rest(heavy(rtf=rtf, own_share=own), wanted) == wanted


@given(WORKS)
def test_the_share_is_between_none_and_all(work: Work) -> None:
    assert 0 <= share(work) <= 1


@pytest.mark.parametrize(
    ("work", "rest"),
    [
        (heavy(), 30.0),
        (heavy(own_share=None), 30.0),  # nothing tells: taken as ours
        (heavy(own_share=0.2), 0.0),
        (heavy(own_share=0.2, ahead_seconds=15.0), 0.0),
        (heavy(rtf=0.8, ahead_seconds=15.0), 10.0),
        (heavy(rtf=0.8, ahead_seconds=3.0), 0.0),
        (heavy(rtf=0.1), 0.0),
        (heavy(rtf=None), 0.0),
        (heavy(sound_seconds=2.0), 0.0),
        (heavy(priority="important"), 0.0),
        (heavy(priority="message"), 0.0),
        (heavy(priority="notification"), 30.0),
    ],
)
def test_what_a_cooldown_of_half_a_minute_costs(work: Work, rest: float) -> None:
    assert allowed_rest(work, 30.0) == rest
