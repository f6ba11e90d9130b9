"""The fanless Mac on simulated traces: load, rest, throttling, recovery."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishvoiced.monitor.fanless_mac import (
    AirExpectation,
    AirReport,
    AirSample,
    AirState,
    observe,
    predict,
    report,
    warning,
)

EXPECTED = AirExpectation()


@dataclass
class Trace:
    """Polls a simulated machine every two seconds and collects the warnings with their times."""

    state: AirState
    now: float
    warnings: list[tuple[float, str]]

    def run(
        self,
        seconds: float,
        *,
        busy: bool = True,
        watts: float | None = None,
        speed: float | None = None,
        speed_end: float | None = None,
        pressure: int | None = None,
    ) -> None:
        turns = int(seconds / 2)
        for turn in range(turns):
            self.now += 2
            share = turn / turns
            now_speed = speed if speed is None or speed_end is None else speed + share * (speed_end - speed)
            sample = AirSample(self.now, busy, watts, now_speed, pressure)
            self.state = observe(self.state, sample, EXPECTED)
            self.state, text = warning(self.state, EXPECTED)
            if text is not None:
                self.warnings.append((self.now, text))

    def report(self) -> AirReport:
        return report(self.state, EXPECTED)


@pytest.fixture
def trace() -> Trace:
    return Trace(observe(AirState(), AirSample(100.0, busy=False), EXPECTED), 100.0, [])


def test_the_expectation_stands_until_something_is_measured(trace: Trace) -> None:
    trace.run(300)
    prediction = predict(trace.state, EXPECTED)
    assert prediction.basis == "expected"
    assert prediction.seconds == pytest.approx(300)
    text = trace.report().text
    assert "loss expected 40% to 60%" in text
    assert "power expected 10 W, 4 W when throttled" in text


def test_warned_two_minutes_ahead_and_once(trace: Trace) -> None:
    trace.run(700)
    assert len(trace.warnings) == 1
    when, text = trace.warnings[0]
    assert when - 100 == pytest.approx(480, abs=4)
    assert "in about 120 s" in text


def test_time_since_start_is_not_load(trace: Trace) -> None:
    trace.run(3600, busy=False)
    assert trace.warnings == []
    assert predict(trace.state, EXPECTED).seconds == pytest.approx(600)


def test_rest_gives_time_back(trace: Trace) -> None:
    trace.run(400)
    trace.run(300, busy=False)
    trace.run(200)
    assert trace.warnings == []
    assert trace.state.loaded_seconds == pytest.approx(600)
    assert predict(trace.state, EXPECTED).seconds == pytest.approx(300)


def test_the_heat_bucket_warns_at_once_under_high_power(trace: Trace) -> None:
    """The published trace: 13.8 W from the start; 375 J above 10 W are reached after 100 s."""
    trace.run(20, watts=13.8, speed=30)
    prediction = predict(trace.state, EXPECTED)
    assert prediction.seconds == pytest.approx((375 - 3.8 * 20) / 3.8, rel=0.1)
    assert len(trace.warnings) == 1, "less than two minutes are left, so at once"
    assert trace.warnings[0][0] <= 104


def test_power_that_can_be_sustained_brings_no_warning(trace: Trace) -> None:
    trace.run(3600, watts=8.8, speed=30)
    assert trace.warnings == []
    assert predict(trace.state, EXPECTED).seconds is None
    assert "no throttling ahead" in trace.report().text


def test_loss_and_power_are_those_measured(trace: Trace) -> None:
    trace.run(60, watts=13.8, speed=30)
    trace.run(60, watts=8.8, speed=23)
    found = trace.report()
    assert found.throttled
    assert found.loss == pytest.approx(1 - 23 / 30, abs=0.03)
    assert "loss measured 23%" in found.text or "loss measured 22%" in found.text
    assert "expected" not in found.text
    assert "13.8 W" in found.text


def test_the_onset_is_learned(trace: Trace) -> None:
    trace.run(240, speed=30)
    trace.run(60, speed=15)
    learned = trace.state.onset_seconds
    assert learned == pytest.approx(250, abs=15)
    trace.run(600, busy=False)
    assert not trace.state.throttled
    trace.warnings.clear()
    started = trace.now
    trace.run(200, speed=30)
    assert predict(trace.state, EXPECTED).basis == "measured: the last onset"
    assert len(trace.warnings) == 1
    assert learned is not None
    assert trace.warnings[0][0] - started == pytest.approx(learned - 120, abs=6)


def test_a_falling_speed_is_seen_before_it_is_throttling(trace: Trace) -> None:
    trace.run(60, speed=30)
    trace.run(80, speed=30, speed_end=27)
    prediction = predict(trace.state, EXPECTED)
    assert prediction.basis == "measured: the speed is falling"
    assert prediction.seconds is not None
    # 3 per 80 s, and 3 more to go to 24: the fit over the flat part, too, is slower than that.
    assert 40 < prediction.seconds < 250


def test_heavy_pressure_is_throttling(trace: Trace) -> None:
    trace.run(20, speed=30, pressure=2)
    assert not trace.report().throttled
    trace.run(10, speed=30, pressure=3)
    assert trace.state.throttled
    assert "throttling now" in trace.warnings[-1][1]


def test_recovery_under_load(trace: Trace) -> None:
    trace.run(60, speed=30)
    trace.run(60, speed=15)
    trace.run(60, speed=30)
    assert not trace.state.throttled


MAYBE = st.none() | st.floats(allow_nan=True, allow_infinity=True)


@given(
    st.lists(
        st.builds(
            AirSample,
            st.floats(allow_nan=True, allow_infinity=True),
            st.booleans(),
            MAYBE,
            MAYBE,
            st.none() | st.integers(-5, 9),
        ),
        max_size=80,
    )
)
def test_any_samples_are_survived(samples: list[AirSample]) -> None:
    state = AirState()
    for sample in samples:
        state = observe(state, sample, EXPECTED)
        state, _ = warning(state, EXPECTED)
        prediction = predict(state, EXPECTED)
        assert prediction.seconds is None or prediction.seconds >= 0
        assert len(state.points) <= 32
        assert state.loaded_seconds >= state.heat_seconds >= 0
        loss = state.loss
        assert loss is None or 0 <= loss <= 1
        assert report(state, EXPECTED).text
