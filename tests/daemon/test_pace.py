"""Predictions: nothing from nothing, something from measurements, and the deadline's decision."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishvoice.protocol import AudioStart, Predicted, Synthesize
from fishvoiced.pace import WINDOW, Late, Measured, Pace, Promised, promise
from tests.daemon.harness import running


def paced(**openings: float) -> Pace:
    """Voices that need 0.1 s per character, for 0.2 s of sound, and so long to open."""
    pace = Pace()
    for voice, seconds in openings.items():
        pace.record(Measured(voice, 100, work_seconds=10.0, audio_seconds=20.0, opening_seconds=seconds))
    return pace


def test_what_was_never_measured_is_not_predicted() -> None:
    assert Pace().predict("v", 10, 10) == Predicted()
    assert Pace().wait(10) is None
    assert Pace().wait(0) == 0.0
    assert Pace().first_audio_percentiles() == {}
    assert Pace().rtf is None


def test_a_prediction_adds_the_wait_to_the_voices_own_time() -> None:
    predicted = paced(v=0.5).predict("v", 10, 30)
    assert predicted.first_audio_seconds == pytest.approx(3.5)
    assert predicted.rtf == pytest.approx(0.5)
    assert predicted.audio_seconds == pytest.approx(2.0)


def test_what_is_expected_is_told_until_something_was_measured() -> None:
    pace = Pace()
    pace.expect("v", 0.25)
    assert pace.predict("v", 10, 0) == Predicted(rtf=0.25)
    assert pace.predict("w", 10, 0) == Predicted()
    pace.record(Measured("v", 100, work_seconds=10.0, audio_seconds=20.0, opening_seconds=None))
    assert pace.predict("v", 10, 0).rtf == pytest.approx(0.5)
    assert pace.rtf == pytest.approx(0.5)


def test_the_first_request_is_told_what_calibration_found(home: Path) -> None:
    with running(home, env={"TONE_RTF": "0.25"}) as daemon, daemon.client() as client:
        start = client.until_end(client.speak("one two"))[0]
        speed = client.status()["models"][0]["speed"]
    assert isinstance(start, AudioStart)
    assert start.predicted.rtf == 0.25
    assert speed == {"predicted": 0.25, "observed": None, "utterances": 0, "error": None}


def test_a_request_without_sound_teaches_nothing_about_speed() -> None:
    pace = paced(v=0.5)
    pace.record(Measured("v", 100, 50.0, 0.0, None))
    assert pace.rtf == pytest.approx(0.5)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=200))
def test_percentiles_are_measured_values_in_order(values: list[float]) -> None:
    pace = Pace()
    for value in values:
        pace.heard(value)
    p50, p90, p99 = (pace.first_audio_percentiles()[name] for name in ("p50", "p90", "p99"))
    assert p50 <= p90 <= p99
    assert {p50, p90, p99} <= set(values)
    assert sum(value <= p90 for value in values) >= 0.9 * len(values)


def test_the_window_is_bounded() -> None:
    pace = Pace()
    for _ in range(WINDOW):
        pace.heard(9.0)
    for _ in range(WINDOW):
        pace.heard(1.0)
    assert pace.first_audio_percentiles()["p99"] == 1.0


def ask(within: float | None, fallback: str | None = None) -> Synthesize:
    return Synthesize(id="x", text="ten chars.", first_audio_within=within, fallback_voice=fallback)


def test_a_deadline_is_kept_or_refused_or_kept_by_another_voice() -> None:
    pace = paced(slow=2.0, fast=0.1)
    assert isinstance(promise(pace, ask(None), "slow", 0), Promised)
    assert promise(pace, ask(3.0), "slow", 0).request.voice is None  # type: ignore[union-attr]
    late = promise(pace, ask(1.0), "slow", 0)
    assert late == Late(2.0, 1.0, 0.0)
    assert "2.00 s" in str(late)
    instead = promise(pace, ask(1.0, "fast"), "slow", 0)
    assert isinstance(instead, Promised)
    assert instead.request.voice == "fast"
    assert instead.predicted.first_audio_seconds == pytest.approx(0.1)
    assert instead.notice is not None


def test_no_voice_is_fast_enough_behind_a_long_queue() -> None:
    late = promise(paced(slow=2.0, fast=0.1), ask(1.0, "fast"), "slow", 50)
    assert isinstance(late, Late)
    assert late.wait == pytest.approx(5.0)


def test_an_unmeasured_fallback_may_try_if_the_queue_allows() -> None:
    pace = paced(slow=2.0)
    assert isinstance(promise(pace, ask(1.0, "new"), "slow", 0), Promised)
    assert isinstance(promise(pace, ask(1.0, "new"), "slow", 50), Late)


def test_before_anything_is_measured_every_deadline_is_tried() -> None:
    assert isinstance(promise(Pace(), ask(0.001), "v", 1000), Promised)
