"""The module's configuration file: what people write, and what they mistype."""

from __future__ import annotations

from pathlib import Path

import pytest

from fishvoice.adapters.speechd.configuration import Configuration, configuration_file, read_configuration


def test_no_file_sets_nothing(tmp_path: Path) -> None:
    assert read_configuration(tmp_path / "fishvoice.conf") == Configuration()


def test_speech_dispatcher_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert configuration_file(["/etc/speech-dispatcher/modules/fishvoice.conf"]).parts[1] == "etc"
    assert configuration_file([]) == tmp_path / "speech-dispatcher" / "modules" / "fishvoice.conf"


@pytest.mark.parametrize(
    "line",
    [
        "FirstAudioWithin soon",
        "FirstAudioWithin 0",
        "FirstAudioWithin nan",
        "FallbackVoice",
        'FallbackVoice "a',
        "Debug 1",
    ],
)
def test_a_line_that_is_not_understood_costs_that_line_alone(
    line: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "fishvoice.conf"
    file.write_text(f"FallbackVoice heart\n{line}\nFirstAudioWithin 1.5\n")
    assert read_configuration(file) == Configuration(1.5, "heart")
    assert f"{file}, line 2: " in caplog.text


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "fishvoice.conf"
    file.write_bytes(b"FallbackVoice \xff\n")
    assert read_configuration(file) == Configuration()
    assert f"{file} cannot be read" in caplog.text
