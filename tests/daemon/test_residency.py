"""Models coming and going in a daemon process."""

from __future__ import annotations

from pathlib import Path

import pytest

from fishvoice.protocol import AudioEnd, Error
from tools.harness.daemon_process import Daemon, Wire, chunks, eventually, running

LONG = "w " * 400


def loaded(client: Wire) -> list[str]:
    return [model["model"] for model in client.status()["models"]]


def test_an_unused_model_is_unloaded_and_comes_back_when_needed(home: Path) -> None:
    with running(home, "--keep-alive", "0.3") as daemon, daemon.client() as client:
        client.until_end(client.speak("one"))
        assert loaded(client) == ["tone-model"]
        eventually(lambda: loaded(client) == [], within=3)
        assert len(chunks(client.until_end(client.speak("one two")))) == 2
        assert loaded(client) == ["tone-model"]


def test_a_request_decides_how_long_its_model_stays(home: Path) -> None:
    with running(home) as daemon, daemon.client() as client:
        client.until_end(client.speak("one", voice="fast", keep_alive=0.0))
        eventually(lambda: loaded(client) == ["tone-model"], within=3)
        client.until_end(client.speak("one", voice="fast", keep_alive=-1.0))
        client.until_end(client.speak("one", keep_alive=0.0))
        eventually(lambda: loaded(client) == ["fast-model"], within=3)


@pytest.mark.parametrize("keep_alive", [float("inf"), 1e300])
def test_a_model_may_be_kept_absurdly_long(daemon: Daemon, client: Wire, keep_alive: float) -> None:
    client.until_end(client.speak("one", keep_alive=keep_alive))
    client.until_end(client.speak("two"))


def test_a_model_in_use_is_not_unloaded(home: Path) -> None:
    with running(home, frame=0.02) as daemon, daemon.client() as one, daemon.client() as other:
        long = one.speak("w " * 60)
        one.receive()
        other.until_end(other.speak("quick", priority="important", keep_alive=0.0))
        assert "unloaded" not in daemon.log()
        assert len(chunks(one.until_end(long))) == 60


def test_an_empty_request_loads_and_unloads(daemon: Daemon, client: Wire) -> None:
    end = client.until_end(client.speak("", voice="fast", keep_alive=-1.0))
    assert [type(message) for message in end] == [AudioEnd]
    assert sorted(loaded(client)) == ["fast-model", "tone-model"]
    client.until_end(client.speak("", voice="fast", keep_alive=0.0))
    eventually(lambda: loaded(client) == ["tone-model"], within=3)
    counters = client.status()["counters"]
    assert (counters["requests"], counters["complete"]) == (2, 2)


def test_a_client_cannot_pile_up_loads(home: Path) -> None:
    flags = ("--set", "limits.requests_per_client=2")
    with running(home, *flags, env={"TONE_LOAD": "1"}, ready=False) as daemon, daemon.client() as client:
        eventually(lambda: client.status()["state"] == "loading")
        names = [client.speak("", keep_alive=-1.0) for _ in range(3)]
        first = client.receive()
        assert isinstance(first, Error)
        assert (first.id, first.code) == (names[2], "busy")
        assert [type(client.receive()) for _ in range(2)] == [AudioEnd, AudioEnd]
