"""Whatever figure of speed is shown on a first start: the same code measures it so, or it is named as an estimate."""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fishvoice.protocol import Synthesize
from fishvoiced import optimizer
from fishvoiced.backends.fish.backend import FishModel
from fishvoiced.backends.fish.calibration import measure
from fishvoiced.cli.doctor import spoken
from fishvoiced.config import Config, Engine
from fishvoiced.daemon import installed_speaker
from fishvoiced.doctor.diagnosis import DoctorReport
from fishvoiced.doctor.examine import examine
from fishvoiced.doctor.view import banner, first_start, to_json
from fishvoiced.hardware.detect.collect import collect
from fishvoiced.hardware.detect.system_access import Files, SystemAccess
from fishvoiced.hardware.facts import System
from fishvoiced.hardware.tiers import Tier
from fishvoiced.inference.governor import NoThrottling
from fishvoiced.synthesis.base import Chunk
from fishvoiced.voices.base import Loaded, Speaker
from fishvoiced.voices.speed import Measured
from tests.doctor.test_doctor import plain
from tests.hardware.machines import I7_12700H, M1_AIR_SYSCTL, PMSET_BATTERY, RASPBERRY_PI_5, Commands, tree

I5_1235U = {name: text.replace("i7-12700H", "i5-1235U") for name, text in I7_12700H.items()}
TIERS = {"M1 Air": Tier.M1_AIR, "i5 notebook": Tier.I5_BASELINE, "Raspberry Pi": Tier.ARM_SBC}
FIGURE = re.compile(r"RTF ([\d.]+)|([\d.]+) s of speech in ([\d.]+) s|[\d.]+ times as fast|\d+–\d+ %|\d+ minutes")
NAMED = re.compile(r"S1-mini.*estimate|expect throttling|estimated likewise")
SENTENCES = "She opened the window and listened to the rain. " * 4


def doors(machine: str, folder: Path) -> SystemAccess:
    """The machine, by what its files and commands say."""
    if machine == "M1 Air":
        return SystemAccess(System.MACOS, "arm64", run=Commands({"sysctl": M1_AIR_SYSCTL, "pmset": PMSET_BATTERY}))
    files, isa, cpus = (I5_1235U, "x86_64", 20) if machine == "i5 notebook" else (RASPBERRY_PI_5, "aarch64", 4)
    return SystemAccess(System.LINUX, isa, Files(tree(folder, files)), affinity=frozenset(range(cpus)))


@pytest.fixture(params=TIERS)
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> SystemAccess:
    return doors(request.param, tmp_path / "machine")


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FISHVOICE_HOME", str(tmp_path / "home"))


@pytest.fixture
def speaker() -> Iterator[Speaker]:
    made = installed_speaker(Config(engine=Engine(threads=1, calibrate=False)))
    yield made
    made.reset()


def cpu_rtf(speaker: Speaker, loaded: Loaded) -> float:
    """What speaking costs, by CPU time: other programs do not change it, and the voices here run on one thread."""
    utterance = speaker.open(Synthesize(id="a", text=SENTENCES, voice=loaded.voice, seed=1))
    began = time.process_time()
    samples = sum(len(step.samples) for step in utterance.steps if isinstance(step, Chunk))
    return (time.process_time() - began) * utterance.sample_rate / samples


def assert_true(text: str, measured: float | None) -> None:
    """Every figure in every line is named as an estimate of S1-mini, or within a factor of two of ``measured``."""
    found = 0
    for line in text.splitlines():
        for match in FIGURE.finditer(line):
            found += 1
            if NAMED.search(line):
                continue
            assert measured is not None, line
            value = float(match[1]) if match[1] else float(match[3]) / float(match[2]) if match[2] else None
            assert value is not None, line
            assert measured / 2 <= value <= measured * 2, (line, measured)
    assert found, text


def test_before_anything_is_measured_every_figure_is_named_as_an_estimate(
    machine: SystemAccess, request: pytest.FixtureRequest
) -> None:
    report = examine(machine)
    assert report.profile.tier is TIERS[request.node.callspec.params["machine"]]
    for text in (first_start(report), plain(report)):
        assert_true(text, None)
    if report.profile.expected.speedup is not None:
        assert_true(banner(report), None)


def with_measurement(machine: SystemAccess, measured: Measured | None) -> DoctorReport:
    assert measured is not None
    return examine(machine, measured)


def test_of_the_voice_that_speaks_by_default_the_figures_are_those_it_then_has(
    machine: SystemAccess, speaker: Speaker
) -> None:
    loaded = speaker.load(None)
    assert loaded.voice == "heart"
    report = with_measurement(machine, spoken(speaker, loaded, time.process_time))
    then = cpu_rtf(speaker, loaded)
    for text in (first_start(report), plain(report)):
        assert "hibari/heart" in text
        assert_true(text, then)
    told = json.loads(to_json(report))["measured"]["predicted_rtf"]
    assert then / 2 <= told <= then * 2


def test_of_a_calibrated_model_too(machine: SystemAccess, speaker: Speaker, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = speaker.load("starter")
    model = speaker._resident[loaded.model].model  # type: ignore[attr-defined]
    assert isinstance(model, FishModel)
    rtf = measure.rtf(model.loaded_engine, model.frontend, 1.0, time.process_time)
    language, _, codec = loaded.precision.partition("+")
    model.calibration.predict((measure.Figure(language, codec, 1, rtf),))
    report = with_measurement(machine, model.calibration.measured(loaded.precision, 1))
    for text in (first_start(report), plain(report)):
        assert_true(text, cpu_rtf(speaker, loaded))
    # `status` shows the same record as `models[].speed`.
    status = model.speed()
    assert status.predicted == pytest.approx(rtf)


def test_the_optimizer_prints_estimates_named_as_such_and_measures_what_it_speaks(
    machine: SystemAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = collect(machine)
    monkeypatch.setattr(optimizer, "collect", lambda: facts)
    monkeypatch.setattr(optimizer, "apply_environment", lambda wanted: dict(wanted))  # of another machine
    out = io.StringIO()
    settings = Config(engine=Engine(threads=1))
    object_ = optimizer.UniversalFishSpeechOptimizer(settings=settings, out=out, governor=NoThrottling())
    if FIGURE.search(out.getvalue()):
        assert_true(out.getvalue(), None)
    audio, rate, metrics = object_.synthesize(SENTENCES, seed=1)
    object_.close()
    assert np.isfinite(metrics["rtf"])
    assert metrics["rtf"] == pytest.approx(metrics["wall_seconds"] * rate / len(audio))


def test_status_has_no_figure_before_something_was_spoken_and_then_that(speaker: Speaker) -> None:
    loaded = speaker.load(None)

    def heart() -> Any:
        return next(each.speed for each in speaker.loaded() if each.model == loaded.model)

    assert heart().expected is None
    list(speaker.open(Synthesize(id="a", text=SENTENCES, voice=loaded.voice, seed=1)).steps)
    assert heart().observed is not None
    assert heart().utterances == 1
