"""Predictions: nothing from nothing, something from measurements, and the deadline's decision."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishvoice.protocol import AudioEnd, AudioStart, Error, Predicted, Synthesize
from fishvoiced.server.latency import (
    WINDOW,
    DeadlineMet,
    DeadlineMissed,
    FinishedRequest,
    LatencyEstimator,
    check_deadline,
)
from fishvoiced.server.load_times import LoadTimes
from tools.harness.daemon_process import Wire, eventually, running


def paced(**openings: float) -> LatencyEstimator:
    """Voices that need 0.1 s per character, for 0.2 s of sound, and so long to open."""
    pace = LatencyEstimator()
    for voice, seconds in openings.items():
        pace.record(FinishedRequest(voice, 100, work_seconds=10.0, audio_seconds=20.0, opening_seconds=seconds))
    return pace


def test_what_was_never_measured_is_not_predicted() -> None:
    assert LatencyEstimator().predict("v", 10, 10) == Predicted()
    assert LatencyEstimator().wait(10) is None
    assert LatencyEstimator().wait(0) == 0.0
    assert LatencyEstimator().first_audio_percentiles() == {}
    assert LatencyEstimator().rtf is None


def test_a_prediction_adds_the_wait_to_the_voices_own_time() -> None:
    predicted = paced(v=0.5).predict("v", 10, 30)
    assert predicted.first_audio_seconds == pytest.approx(3.5)
    assert predicted.rtf == pytest.approx(0.5)
    assert predicted.audio_seconds == pytest.approx(2.0)


def test_what_is_expected_is_told_until_something_was_measured() -> None:
    pace = LatencyEstimator()
    pace.expect("v", 0.25)
    assert pace.predict("v", 10, 0) == Predicted(rtf=0.25)
    assert pace.predict("w", 10, 0) == Predicted()
    pace.record(FinishedRequest("v", 100, work_seconds=10.0, audio_seconds=20.0, opening_seconds=None))
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
    pace.record(FinishedRequest("v", 100, 50.0, 0.0, None))
    assert pace.rtf == pytest.approx(0.5)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=200))
def test_percentiles_are_measured_values_in_order(values: list[float]) -> None:
    pace = LatencyEstimator()
    for value in values:
        pace.heard(value)
    p50, p90, p99 = (pace.first_audio_percentiles()[name] for name in ("p50", "p90", "p99"))
    assert p50 <= p90 <= p99
    assert {p50, p90, p99} <= set(values)
    assert sum(value <= p90 for value in values) >= 0.9 * len(values)


def test_the_window_is_bounded() -> None:
    pace = LatencyEstimator()
    for _ in range(WINDOW):
        pace.heard(9.0)
    for _ in range(WINDOW):
        pace.heard(1.0)
    assert pace.first_audio_percentiles()["p99"] == 1.0


def ask(within: float | None, fallback: str | None = None) -> Synthesize:
    return Synthesize(id="x", text="ten chars.", first_audio_within=within, fallback_voice=fallback)


def warm(_voice: str | None) -> float | None:
    """Every model is in memory."""
    return 0.0


def test_a_deadline_is_kept_or_refused_or_kept_by_another_voice() -> None:
    pace = paced(slow=2.0, fast=0.1)
    assert isinstance(check_deadline(pace, ask(None), "slow", 0, warm), DeadlineMet)
    assert check_deadline(pace, ask(3.0), "slow", 0, warm).request.voice is None  # type: ignore[union-attr]
    late = check_deadline(pace, ask(1.0), "slow", 0, warm)
    assert late == DeadlineMissed(2.0, 1.0, 0.0)
    assert "2.00 s" in str(late)
    instead = check_deadline(pace, ask(1.0, "fast"), "slow", 0, warm)
    assert isinstance(instead, DeadlineMet)
    assert instead.request.voice == "fast"
    assert instead.predicted.first_audio_seconds == pytest.approx(0.1)
    assert instead.notice is not None


def test_no_voice_is_fast_enough_behind_a_long_queue() -> None:
    late = check_deadline(paced(slow=2.0, fast=0.1), ask(1.0, "fast"), "slow", 50, warm)
    assert isinstance(late, DeadlineMissed)
    assert late.wait == pytest.approx(5.0)


def test_an_unmeasured_fallback_may_try_if_the_queue_allows() -> None:
    pace = paced(slow=2.0)
    assert isinstance(check_deadline(pace, ask(1.0, "new"), "slow", 0, warm), DeadlineMet)
    assert isinstance(check_deadline(pace, ask(1.0, "new"), "slow", 50, warm), DeadlineMissed)


def test_before_anything_is_measured_every_deadline_is_tried() -> None:
    assert isinstance(check_deadline(LatencyEstimator(), ask(0.001), "v", 1000, warm), DeadlineMet)


def test_a_model_that_has_to_be_loaded_first_costs_its_load() -> None:
    pace = paced(slow=0.5, fast=0.1)
    loads = {"slow": 2.0, "fast": 0.0}
    assert check_deadline(pace, ask(1.0), "slow", 0, loads.get) == DeadlineMissed(2.5, 1.0, 0.0)
    kept = check_deadline(pace, ask(3.0), "slow", 0, loads.get)
    assert isinstance(kept, DeadlineMet)
    assert kept.predicted.first_audio_seconds == pytest.approx(2.5)
    instead = check_deadline(pace, ask(1.0, "fast"), "slow", 0, loads.get)
    assert isinstance(instead, DeadlineMet)
    assert instead.request.voice == "fast"


def test_a_load_alone_may_be_too_long_for_a_voice_that_never_spoke() -> None:
    assert check_deadline(LatencyEstimator(), ask(1.0), "new", 0, {"new": 2.0}.get) == DeadlineMissed(2.0, 1.0, 0.0)


def test_a_load_that_nobody_has_ever_seen_is_promised_to_nobody() -> None:
    pace = paced(fast=0.1)
    late = check_deadline(pace, ask(100.0), "new", 0, {"fast": 0.0}.get)
    assert isinstance(late, DeadlineMissed)
    assert late.seconds is None
    assert "load it beforehand" in str(late)
    assert isinstance(check_deadline(pace, ask(100.0, "fast"), "new", 0, {"fast": 0.0}.get), DeadlineMet)
    without_deadline = check_deadline(pace, ask(None), "new", 0, {"fast": 0.0}.get)
    assert isinstance(without_deadline, DeadlineMet)
    assert without_deadline.predicted.first_audio_seconds is None


def test_load_times_outlive_the_process_and_a_damaged_file(tmp_path: Path) -> None:
    file = tmp_path / "times.json"
    times = LoadTimes(file)
    assert times.seconds("m") is times.seconds(None) is None
    times.record("m", 1.5)
    times.record(None, 2.0)
    assert (LoadTimes(file).seconds("m"), LoadTimes(file).seconds(None)) == (1.5, 2.0)
    file.write_bytes(b"{")
    assert LoadTimes(file).seconds("m") is None


def test_a_deadline_counts_the_load_of_a_voice_that_is_not_in_memory(home: Path) -> None:
    def end(client: Wire, within: float) -> AudioEnd | Error:
        last = client.until_end(client.speak("one", voice="fast", first_audio_within=within))[-1]
        assert isinstance(last, AudioEnd | Error)
        return last

    with running(home, env={"TONE_LOAD": "0.5"}, frame=0.001) as daemon, daemon.client() as client:
        unknown = end(client, within=60.0)
        assert isinstance(unknown, Error)
        assert (unknown.code, "load it beforehand" in unknown.message) == ("too_late", True)
        client.until_end(client.speak("one", voice="fast", keep_alive=0.0))
        eventually(lambda: len(client.status()["models"]) == 1)
        cold = end(client, within=0.3)
        assert isinstance(cold, Error)
        assert cold.code == "too_late"
        kept = client.until_end(client.speak("one", voice="fast", first_audio_within=60.0))
        assert isinstance(kept[0], AudioStart)
        assert (kept[0].predicted.first_audio_seconds or 0) > 0.5
        warm = client.until_end(client.speak("one", voice="fast", first_audio_within=60.0))
        assert isinstance(warm[0], AudioStart)
        assert (warm[0].predicted.first_audio_seconds or 9) < 0.5  # what it took to load is not what it takes to speak
    with running(home, env={"TONE_LOAD": "0.5"}, frame=0.001) as daemon, daemon.client() as client:
        assert isinstance(end(client, within=60.0), AudioEnd)  # it remembers
