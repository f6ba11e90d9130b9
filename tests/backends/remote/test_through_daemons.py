"""Remote voices as a user has them: a daemon that asks ``serve-http`` in front of another daemon, and worse servers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from fishvoice import Client
from fishvoice.errors import RequestFailed
from tools.harness.daemon_process import environment, eventually
from tools.harness.speech_server import Seen, speech_server

pytestmark = pytest.mark.timeout(240)
TEXT = "The weather is nice today."


@contextmanager
def user(settings: str = "") -> Iterator[Path]:
    """A home with these settings; its daemon is ended at the end."""
    home = Path(tempfile.mkdtemp(prefix="fvr", dir="/tmp"))
    (home / "config.toml").write_text(settings)
    try:
        yield home
    finally:
        stop = [sys.executable, "-m", "fishvoice", "shutdown"]
        subprocess.run(stop, env=environment(home), capture_output=True, timeout=60, check=False)
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def served() -> Iterator[str]:
    """``serve-http`` of another user, whose daemon it starts: its address."""
    with user() as home:
        command = [sys.executable, "-m", "fishvoice", "serve-http", "--port", "0"]
        process = subprocess.Popen(command, env=environment(home), stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        try:
            assert process.stderr is not None
            yield process.stderr.readline().decode().split()[-1]
        finally:
            process.terminate()
            process.wait(10)


@contextmanager
def client_of(settings: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    with user(settings) as home:
        for name, value in environment(home).items():
            monkeypatch.setenv(name, value)
        for name in [name for name in os.environ if name.startswith("FISHVOICE_") and name != "FISHVOICE_HOME"]:
            monkeypatch.delenv(name)
        with Client(start_timeout=90) as client:
            yield client


def voice(name: str, url: str, more: str = "") -> str:
    return f'[voices.{name}]\nurl = "{url}"\nvoice = "heart"\nlanguage = "en"\nanswer_seconds = 20\n{more}\n'


def sound(client: Client, name: str, text: str = TEXT) -> np.ndarray:
    return np.frombuffer(b"".join(chunk.pcm for chunk in client.synthesize(text, voice=name)), "<i2")


def test_another_daemon_behind_its_endpoint_speaks_as_if_it_were_here(monkeypatch: pytest.MonkeyPatch) -> None:
    with served() as url, client_of(voice("big", url), monkeypatch) as client:
        info = next(info for info in client.voices() if info.name == "big")
        assert (info.kind, info.language, info.sample_rate) == ("remote", "en", 24_000)
        remote, local = sound(client, "big"), sound(client, "heart")
        assert abs(len(remote) - len(local)) < 0.2 * 24_000
        levels = [np.sqrt(np.mean(np.square(each / 32768.0))) for each in (remote, local)]
        assert levels[0] == pytest.approx(levels[1], rel=0.2)


def test_local_voices_go_on_speaking_while_a_server_stalls(monkeypatch: pytest.MonkeyPatch) -> None:
    with speech_server() as (url, seen), client_of(voice("stalled", f"{url}/stalled"), monkeypatch) as client:
        sound(client, "heart")
        waiting = client.synthesize(TEXT, voice="stalled")
        listening = threading.Thread(target=list, args=(waiting,))
        listening.start()
        eventually(lambda: seen.modes() == ["stalled"])
        with Client(start=False) as another:  # one client's own requests keep their order
            for _ in range(5):
                assert len(sound(another, "heart"))
        assert not waiting.over
        assert not seen.abandoned.is_set()
        waiting.cancel()
        assert seen.abandoned.wait(5)  # cancelling has closed the connection
        listening.join(10)


def test_a_dead_server_is_spoken_for_here_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = voice("dead", "http://127.0.0.1:1", 'first_audio_within = 5\nfallback_voice = "heart"')
    with client_of(settings, monkeypatch) as client:
        speech = client.synthesize(TEXT, voice="dead")
        assert sum(chunk.seconds for chunk in speech) > 1
        assert speech.finish_reason == "complete"
        assert "'heart' speaks instead of the voice asked for: 127.0.0.1:1 cannot be reached" in (speech.notice or "")


def test_a_server_that_stalls_is_left_within_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    with speech_server() as (url, seen):
        settings = voice("slow", f"{url}/stalled", 'first_audio_within = 1.5\nfallback_voice = "heart"')
        with client_of(settings, monkeypatch) as client:
            sound(client, "heart")
            speech = client.synthesize(TEXT, voice="slow")
            assert sum(chunk.seconds for chunk in speech) > 1
            assert "did not answer in time" in (speech.notice or "")
            assert seen.abandoned.wait(5)


@pytest.mark.parametrize(
    ("mode", "said"),
    [("401", "refuses the key"), ("500", "HTTP 500"), ("html", "not with sound"), ("wav44", "sample_rate = 44100")],
)
def test_without_a_fallback_one_sentence_says_why(
    server: tuple[str, Seen], client: Client, mode: str, said: str
) -> None:
    with pytest.raises(RequestFailed, match=said):
        list(client.synthesize(TEXT, voice=f"v{mode}"))
    assert client.status()["counters"]["rebuilds"] == 0  # no engine was blamed for it


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, Seen]]:
    with speech_server() as running:
        yield running


@pytest.fixture(scope="module")
def client(server: tuple[str, Seen]) -> Iterator[Client]:
    settings = "".join(voice(f"v{mode}", f"{server[0]}/{mode}") for mode in ("401", "500", "html", "wav44"))
    with pytest.MonkeyPatch.context() as monkeypatch, client_of(settings, monkeypatch) as connected:
        yield connected
