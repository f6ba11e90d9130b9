"""Frames per CPU-second against the own baseline."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishvoiced.monitor.reading import Quantity, plausible
from fishvoiced.monitor.throughput import FRESH_SECONDS, Throughput


def run(meter: Throughput, rate: float, windows: int, now: float, key: str = "s1-mini int4 x2") -> None:
    for _ in range(windows * 10):
        meter.add(key, 10, 10 / rate, now)


def ratio(meter: Throughput, now: float) -> float | None:
    readings = meter.readings(now)
    return readings[0].value if readings else None


def test_nothing_before_a_baseline() -> None:
    meter = Throughput()
    assert meter.readings(0.0) == ()
    run(meter, 20, 1, 0.0)
    assert meter.readings(0.0) == ()


def test_the_ratio_falls_with_the_clock_rate() -> None:
    meter = Throughput()
    run(meter, 20, 3, 0.0)
    assert ratio(meter, 1.0) == pytest.approx(1.0)
    run(meter, 14, 2, 2.0)
    assert ratio(meter, 3.0) == pytest.approx(0.7)
    assert meter.rate(3.0) == pytest.approx(14)
    (reading,) = meter.readings(3.0)
    assert reading.quantity is Quantity.THROUGHPUT


def test_throttling_does_not_become_the_new_normal() -> None:
    meter = Throughput()
    run(meter, 20, 3, 0.0)
    run(meter, 10, 50, 1.0)
    assert ratio(meter, 1.0) == pytest.approx(0.5)


def test_a_faster_machine_raises_the_baseline() -> None:
    meter = Throughput()
    run(meter, 20, 3, 0.0)
    run(meter, 40, 40, 1.0)
    assert ratio(meter, 1.0) == pytest.approx(1.0, abs=0.02)


def test_only_equals_are_compared() -> None:
    meter = Throughput()
    run(meter, 20, 3, 0.0)
    run(meter, 8, 3, 1.0, key="s1-mini fp32 x2")
    assert ratio(meter, 1.0) == pytest.approx(1.0)


def test_old_news_is_no_news() -> None:
    meter = Throughput()
    run(meter, 20, 3, 0.0)
    assert meter.readings(FRESH_SECONDS + 1) == ()
    assert meter.readings(-5.0) == ()


@given(
    st.lists(
        st.tuples(
            st.integers(0, 40).map(str),
            st.integers(-5, 1000),
            st.floats(allow_nan=True, allow_infinity=True),
            st.floats(-1e6, 1e6),
        ),
        max_size=300,
    )
)
def test_any_input_is_survived_in_bounded_memory(calls: list[tuple[str, int, float, float]]) -> None:
    meter = Throughput()
    for key, frames, cpu_seconds, now in calls:
        meter.add(key, frames, cpu_seconds, now)
        assert all(plausible(reading) for reading in meter.readings(now))
    assert len(meter._windows) <= 16
    assert len(meter._baselines) <= 16
