"""The package itself: what importing it costs, and the one-line way to speak."""

from __future__ import annotations

import os
import subprocess
import sys
import wave
from pathlib import Path

import pytest

import fishvoice
from tests.fakes.daemon import Behaviour, FakeDaemon

HEAVY = {"numpy", "onnxruntime", "torch", "sounddevice", "soundfile", "rich", "fishvoiced"}


def loaded_by(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    environment = {**os.environ, "PYTHONPATH": str(Path(fishvoice.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True, env=environment)
    return set(done.stdout.split())


def test_importing_the_package_costs_nothing() -> None:
    assert not loaded_by("import fishvoice") & (HEAVY | {"zmq", "msgpack", "msgspec", "asyncio"})


@pytest.mark.parametrize("name", ["Client", "AsyncClient", "say"])
def test_the_client_is_thin(name: str) -> None:
    assert not loaded_by(f"from fishvoice import {name}") & HEAVY


def test_the_command_is_thin() -> None:
    found = loaded_by("import fishvoice.cli.say, fishvoice.cli.control")
    assert not found & (HEAVY | {"asyncio", "platformdirs"})


def test_say(home: Path) -> None:
    with FakeDaemon(Behaviour(chunks=3)):
        report = fishvoice.say("Hello.", out=home / "a.wav", voice="starter")
        again = fishvoice.say("Hello.", out=home / "a.wav")
    assert report.finish_reason == "complete"
    assert report.audio_seconds == again.audio_seconds == pytest.approx(0.03)
    assert callable(fishvoice.say)
    with wave.open(str(home / "a.wav")) as file:
        assert file.getnframes() == 3 * 441


def test_say_has_its_errors(home: Path) -> None:
    with FakeDaemon(), pytest.raises(fishvoice.InvalidRequest, match="no text"):
        fishvoice.say("", out=home / "a.wav")
    with FakeDaemon(), pytest.raises(fishvoice.PlaybackError):
        fishvoice.say("x", out=home / "missing" / "a.wav")


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = fishvoice.nonsense  # type: ignore[attr-defined]
