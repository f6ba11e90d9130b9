"""Captions as a person gets them: the command, the daemon, the light voice, against the network's own durations."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from fishvoice import Client
from fishvoice.errors import FishvoiceError
from tests.backends.light.test_word_times import MOST_SECONDS, PLAIN, exact, model  # noqa: F401

ROOT = Path(__file__).resolve().parents[3]
SENTENCE = PLAIN.partition(". ")[0] + "."


@pytest.fixture
def person(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user with the voice that comes with the package; their daemon is ended at the end."""
    monkeypatch.setenv("FISHVOICE_HOME", str(home))
    monkeypatch.setenv("FISHVOICE_VOICE", "heart")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(str(ROOT / part) for part in ("client", "daemon")))
    yield home
    with contextlib.suppress(FishvoiceError), Client(start=False) as client:
        client.shutdown()


def test_every_word_in_order_within_the_sound_and_when_it_is_heard(
    person: Path, request: pytest.FixtureRequest
) -> None:
    out = ("--seed", "3", "--out", str(person / "a.wav"), "--captions", str(person / "a.json"))
    command = [sys.executable, "-m", "fishvoice", "say", SENTENCE, *out]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    with wave.open(str(person / "a.wav")) as file:
        seconds = file.getnframes() / file.getframerate()
    words = json.loads((person / "a.json").read_text())
    assert [each["word"] for each in words] == SENTENCE.split()
    edges = [edge for each in words for edge in (each["start"], each["end"])]
    assert edges == sorted(edges)
    assert edges[0] >= 0
    assert edges[-1] <= seconds + 0.001
    own = exact(request.getfixturevalue("model"), SENTENCE)
    errors = [abs(each["start"] - at) for each, at in zip(words, own, strict=True)]
    assert sum(errors) / len(errors) <= MOST_SECONDS
