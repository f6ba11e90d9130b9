"""Whose speed `fishvoice doctor` tells: that of the voice that speaks when none is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from fishvoiced.backends.light import backend
from fishvoiced.cli import doctor
from fishvoiced.config import Config
from fishvoiced.errors import VoiceUnavailable
from fishvoiced.voices.speed import Measured


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FISHVOICE_HOME", str(tmp_path))
    return tmp_path / "config.toml"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The Fish voices whose calibration was asked for."""
    found: list[str] = []

    def calibrated(voice: str, settings: Config, again: bool) -> Measured | None:
        found.append(voice)
        return None

    monkeypatch.setattr(doctor, "calibrated", calibrated)
    return found


@pytest.mark.usefixtures("settings")
def test_the_default_voice_is_measured_by_speaking(capsys: pytest.CaptureFixture[str], asked: list[str]) -> None:
    assert doctor.doctor(["--short"]) == 0
    told = capsys.readouterr()
    assert "Measured: RTF 0." in told.out
    assert "with hibari/heart, 10 s of speech in " in told.out
    assert "measuring heart" in told.err
    assert asked == []


def test_a_default_voice_of_the_users_own_is_calibrated(settings: Path, asked: list[str]) -> None:
    settings.write_text('voice = "starter"\n')
    assert doctor.measure(again=False) is None
    assert asked == ["starter"]


@pytest.mark.usefixtures("settings")
def test_where_the_default_voice_cannot_speak_the_one_that_stands_in_is_measured(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(self: object, load_package: object = None) -> None:
        self._problem, self._known = VoiceUnavailable("it is not installed"), {}  # type: ignore[attr-defined]

    monkeypatch.setattr(backend.LightBackend, "__init__", missing)
    doctor.measure(again=False)
    assert asked == ["starter"]


def test_a_server_is_not_made_to_speak_for_a_figure(
    settings: Path, asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    settings.write_text('voice = "far"\n[voices.far]\nurl = "http://127.0.0.1:1/v1"\n')
    assert doctor.measure(again=False) is None
    assert "far is spoken by a server" in capsys.readouterr().err
    assert asked == []
