"""Durations as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishvoice.durations import FOREVER, seconds, written
from fishvoice.errors import InvalidRequest


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("90", 90), ("90s", 90), ("5m", 300), ("1h30m", 5400), ("1.5h", 5400), ("250ms", 0.25), ("forever", FOREVER)],
)
def test_a_duration_is_read(text: str, wanted: float) -> None:
    assert seconds(text) == wanted


@pytest.mark.parametrize("text", ["", "soon", "5 parsecs", "m5", "5m!", "1h-3m"])
def test_what_is_no_duration_says_how_to_write_one(text: str) -> None:
    with pytest.raises(InvalidRequest, match="write seconds, or 90s, 5m"):
        seconds(text)


@given(st.integers(0, 10_000), st.integers(0, 59), st.integers(0, 59))
def test_hours_minutes_and_seconds_add_up(hours: int, minutes: int, rest: int) -> None:
    assert seconds(f"{hours}h{minutes}m{rest}s") == hours * 3600 + minutes * 60 + rest


def test_people_read_it_as_they_would_write_it() -> None:
    assert [written(s) for s in (-1, 0, 40, 300, 5400)] == ["for ever", "0 s", "40 s", "5 min", "1 h 30 min"]
