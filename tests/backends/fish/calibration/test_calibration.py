"""Calibration: real kernels on the tiny model, what is kept of it, and what is chosen by it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from fishvoiced import config
from fishvoiced.backends.fish.calibration import idle as idle_calibration
from fishvoiced.backends.fish.calibration.figures import ENOUGH, Calibration, Figure, choose
from fishvoiced.backends.fish.calibration.idle import IdleCalibration
from fishvoiced.backends.fish.calibration.measure import (
    CHARACTERS_PER_SECOND,
    TEXT,
    OtherLoad,
    best_streams,
    calibrate,
    rtf,
)
from fishvoiced.backends.fish.engine.base import Alone
from fishvoiced.backends.fish.engine.group import Group
from fishvoiced.backends.fish.engine.onnx_engine import OnnxEngine
from fishvoiced.backends.fish.engine.select import EngineChoice
from fishvoiced.backends.fish.store.catalog import Choice
from fishvoiced.backends.fish.store.models import ConvertedModel
from fishvoiced.backends.fish.types import Prompt, SamplingOptions
from fishvoiced.errors import EngineError
from fishvoiced.hardware.detect.collect import collect
from fishvoiced.hardware.facts import HardwareFacts, Power
from fishvoiced.hardware.threads import thread_budget
from tools.harness.daemon_process import eventually

FACTS = collect()


@pytest.fixture
def kept(tiny_model: ConvertedModel, tmp_path: Path) -> Calibration:
    return Calibration(tiny_model, FACTS, tmp_path)


def figure(language: str, threads: int, rtf: float) -> Figure:
    return Figure(language, "fp32" if language == "fp32" else "int8", threads, rtf)


def test_every_converted_precision_is_measured_with_half_the_threads_and_all(tiny_model: ConvertedModel) -> None:
    figures = calibrate(Choice("tiny", tiny_model), FACTS, seconds=0.2)
    budget = thread_budget(FACTS)
    assert {(f.language, f.codec, f.threads) for f in figures} == {
        ("fp32", "fp32", threads) for threads in (budget.half, budget.threads)
    }
    assert all(0 < f.rtf < 100 for f in figures)


class Ticking:
    """A clock on which every look takes one second."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def test_a_sentence_that_does_not_end_in_time_is_extrapolated(onnx_engine: OnnxEngine) -> None:
    # The clock is looked at once before and once per chunk of 1, 1 and 2 frames: a second for the opening, a
    # second for each of the others.
    found = rtf(onnx_engine, lambda text: text, 4.0, Ticking())
    rate = onnx_engine.config.codec.frame_rate
    seconds = len(TEXT) / CHARACTERS_PER_SECOND
    assert found == pytest.approx((1.0 + (seconds * rate - 1) * 2 / 3) / seconds)


def test_a_model_without_sound_is_an_error(onnx_engine: OnnxEngine) -> None:
    class Mute(OnnxEngine):
        def __init__(self) -> None:
            self.__dict__.update(onnx_engine.__dict__)

        def generate(self, prompt: Prompt, sampling: SamplingOptions, seed: int, max_frames: int) -> Alone:
            return Alone(codes for codes in ())

    with pytest.raises(EngineError, match="no sound"):
        rtf(Mute(), lambda text: text, 0.01)


@pytest.mark.parametrize(
    ("figures", "chosen"),
    [
        ([], None),
        ([figure("int4", 1, 1.0), figure("int4", 2, 0.97)], ("int4", 1)),
        ([figure("int4", 1, 1.0), figure("int4", 2, 0.6)], ("int4", 2)),
        ([figure("int4", 2, 1.0), figure("fp32", 2, 1.05)], ("fp32", 2)),
        ([figure("int4", 2, 1.0), figure("fp32", 2, 3.0), figure("int8", 1, 1.08)], ("int8", 1)),
    ],
)
def test_the_most_exact_of_the_fastest_with_few_threads_is_chosen(
    figures: list[Figure], chosen: tuple[str, int] | None
) -> None:
    best = choose(figures)
    assert (best and (best.language, best.threads)) == chosen


def test_as_many_streams_share_passes_as_pay(onnx_engine: OnnxEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    costs = {2: 3.0, 4: 4.4, 6: 6.3, 8: 8.3}  # of a pass; six and eight are hardly cheaper a frame than four
    step = Group.step

    def slow(self: Group) -> None:
        nonlocal now
        now += costs[sum(stream is not None for stream in self.streams)]
        step(self)

    monkeypatch.setattr(Group, "step", slow)
    engine = OnnxEngine.__new__(OnnxEngine)
    engine.__dict__.update(onnx_engine.__dict__, streams=8)
    engine._groups = [engine._group()]
    assert best_streams(engine, lambda: now) == 4
    costs[8] = 6.0
    assert best_streams(engine, lambda: now) == 8
    assert all(group.is_empty for group in engine._groups)


def test_the_users_configuration_overrides_what_was_measured(kept: Calibration) -> None:
    tier = EngineChoice("auto", "int4", "int8", 0)
    assert kept.choice(tier, config.Engine()) == tier
    kept.predict((figure("int4", 2, 1.0), figure("fp32", 1, 0.5), figure("fp32", 2, 0.4)))
    assert kept.choice(tier, config.Engine()) == EngineChoice("auto", "fp32", "fp32", 2)
    assert kept.choice(tier, config.Engine(precision="int4")) == EngineChoice("auto", "int4", "int8", 2)
    assert kept.choice(tier, config.Engine(threads=1)) == EngineChoice("auto", "fp32", "fp32", 1)
    assert kept.choice(tier, config.Engine(precision="int8")) == tier
    torch = replace(tier, name="torch")
    assert kept.choice(torch, config.Engine()) == torch
    kept.predict((msgspec.structs.replace(figure("int4", 2, 1.0), streams=6),))
    assert kept.choice(tier, config.Engine()).streams == 6
    assert kept.choice(tier, config.Engine(streams=1)).streams == 1


def test_a_run_beside_other_programs_decides_nothing(kept: Calibration) -> None:
    tier = EngineChoice("auto", "int4", "int8", 0)
    figures = (figure("int4", 1, 1.0), msgspec.structs.replace(figure("int4", 2, 3.0), disturbed=True))
    kept.predict(figures)
    assert kept.choice(tier, config.Engine()) == tier
    assert not kept.complete
    kept.predict((figures[0], figure("int4", 2, 0.6)))
    assert kept.choice(tier, config.Engine()).threads == 2
    assert kept.complete


def test_the_load_of_other_programs_is_told_from_ones_own() -> None:
    busy, own, now = 100.0, 10.0, 0.0
    load = OtherLoad(lambda: busy, lambda: own, lambda: now, cpus=4)
    assert load.share() == 0.0
    busy, own, now = 106.0, 14.0, 2.0  # of 8 CPU-seconds we took 4, others 2
    assert load.share() == pytest.approx(0.25)
    unknown = OtherLoad(lambda: None, lambda: own, lambda: now, cpus=4)
    now = 3.0
    assert unknown.share() == 0.0


def test_a_disturbed_measurement_is_repeated_but_not_at_once(
    tiny_model: ConvertedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FISHVOICE_HOME", str(tmp_path))
    monkeypatch.setattr(idle_calibration, "AGAIN_SECONDS", 3600.0)
    kept = Calibration(tiny_model, FACTS)
    idle = IdleCalibration(idle_seconds=0.05)
    idle.rest(tiny_model, kept)
    eventually(lambda: kept.figures and idle.process is None, within=60.0)
    kept.predict(tuple(msgspec.structs.replace(each, disturbed=True) for each in kept.figures))
    idle.rest(tiny_model, kept)
    assert idle.due_seconds > 3000
    monkeypatch.setattr(idle_calibration, "AGAIN_SECONDS", 0.0)
    idle.rest(tiny_model, kept)
    assert idle.due_seconds < 1
    idle.work()


def test_after_three_utterances_the_observed_speed_takes_the_predictions_place(
    kept: Calibration, tiny_model: ConvertedModel, tmp_path: Path
) -> None:
    kept.predict((figure("int4", 2, 0.6),))
    for seen in (0.4, 0.9, 0.5)[: ENOUGH - 1]:
        kept.observe("int4+int8", 2, seen)
    assert kept.speed("int4+int8", 2).expected == 0.6
    kept.observe("int4+int8", 2, 0.5)
    again = Calibration(tiny_model, FACTS, tmp_path)  # another process
    speed = again.speed("int4+int8", 2)
    assert (speed.predicted, speed.observed, speed.utterances) == (0.6, 0.5, 3)
    assert speed.expected == 0.5
    assert speed.error == pytest.approx(0.2)
    measured = again.measured("int4+int8", 2)
    assert measured is not None
    assert measured.prediction_error == pytest.approx(0.2)
    assert again.speed("fp32+fp32", 2).expected is None


@pytest.mark.parametrize(
    "other", [replace(FACTS, power=Power.BATTERY), replace(FACTS, quota_cpus=0.5)], ids=["battery", "quota"]
)
def test_in_other_circumstances_nothing_is_known(
    kept: Calibration, other: HardwareFacts, tiny_model: ConvertedModel, tmp_path: Path
) -> None:
    kept.predict((figure("int4", 2, 0.6),))
    assert Calibration(tiny_model, other, tmp_path).figures == ()


def test_a_damaged_file_counts_as_none(kept: Calibration, tiny_model: ConvertedModel, tmp_path: Path) -> None:
    kept.predict((figure("int4", 2, 0.6),))
    for file in tmp_path.iterdir():
        file.write_text("{")
    assert Calibration(tiny_model, FACTS, tmp_path).figures == ()


def test_when_nothing_is_to_do_a_process_of_its_own_measures(
    tiny_model: ConvertedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FISHVOICE_HOME", str(tmp_path))
    kept = Calibration(tiny_model, FACTS)
    idle = IdleCalibration(idle_seconds=0.05)
    idle.rest(tiny_model, kept)
    assert eventually(lambda: kept.figures, within=60.0)


def test_whoever_speaks_ends_the_measuring_at_once(
    tiny_model: ConvertedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FISHVOICE_HOME", str(tmp_path))
    kept = Calibration(tiny_model, FACTS)
    idle = IdleCalibration(idle_seconds=0.0)
    idle.rest(tiny_model, kept)
    process = eventually(lambda: idle.process)
    idle.work()
    assert process.wait(5) < 0  # type: ignore[union-attr]
    eventually(lambda: idle.process is None)
    assert Calibration(tiny_model, FACTS).figures == ()
