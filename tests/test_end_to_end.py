"""The whole thing as a user has it: real processes, the real engine, a converted model of the real format."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import zmq

from fishvoice import Client, paths
from fishvoice.cli import main
from fishvoice.errors import DaemonUnavailable, FishvoiceError, RequestFailed
from fishvoiced.backends.fish.store.models import ConvertedModel

ROOT = Path(__file__).resolve().parents[1]
HELLO = "Hello from the daemon. It speaks."
LONG = "This sentence is one of very many, and all of them are spoken in their turn. " * 60


@pytest.fixture
def home(tiny_model: ConvertedModel, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user with one converted model; their daemon is ended at the end."""
    folder = Path(tempfile.mkdtemp(prefix="fve", dir="/tmp"))
    models = folder / "cache" / "models"
    models.mkdir(parents=True)
    shutil.copytree(tiny_model.folder, models / tiny_model.folder.name)
    monkeypatch.setenv("FISHVOICE_HOME", str(folder))
    monkeypatch.setenv("FISHVOICE_VOICE", "tiny")
    monkeypatch.setenv("FISHVOICE_ENGINE_PRECISION", "fp32")
    monkeypatch.setenv("FISHVOICE_ENGINE_THREADS", "1")  # calibration may choose another number at the next start
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(str(ROOT / part) for part in ("client", "daemon")))
    yield folder
    with contextlib.suppress(FishvoiceError), Client(start=False) as client:
        client.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


def say(*arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "fishvoice", "say", *arguments]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def active(client: Client) -> int:
    queue = client.status()["queue"]
    return int(queue["active"]) + int(queue["waiting"])


def test_one_command_starts_the_daemon_and_writes_sound(home: Path, tmp_path: Path) -> None:
    process = say("Hello from the daemon. It speaks.", "--seed", "2", "--out", str(tmp_path / "a.wav"))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors.decode()
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert file.getframerate() == 16000
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert len(sound) > 1600
    assert np.abs(sound).max() > 1000
    with Client(start=False) as client:
        status = client.status()
        assert (status["engine"], status["precision"], status["voice"]) == ("onnx", "fp32+fp32", "tiny")
        again = b"".join(bytes(c.pcm) for c in client.synthesize("Hello from the daemon. It speaks.", seed=2))
    assert np.array_equal(np.frombuffer(again, "<i2"), sound)


def test_the_daemon_never_imports_torch(home: Path) -> None:
    with Client() as client:
        list(client.synthesize("Hello."))
        maps = Path(f"/proc/{client.status()['pid']}/maps")
        if maps.exists():
            assert "libtorch" not in maps.read_text()


def test_sound_comes_while_it_is_still_being_made(home: Path) -> None:
    with Client() as client:
        speech = client.synthesize(LONG, seed=1)
        first = next(speech)
        assert first.index == 0
        assert active(client) == 1
        speech.cancel()
        until(lambda: active(client) == 0)


def test_two_clients_at_once_both_hear_everything(home: Path) -> None:
    with Client() as warm:
        alone = {t: b"".join(bytes(c.pcm) for c in warm.synthesize(t, seed=9)) for t in ("One two.", "Three four.")}
    heard: dict[str, bytes] = {}

    def listen(text: str) -> None:
        with Client(start=False) as client:
            heard[text] = b"".join(bytes(c.pcm) for c in client.synthesize(text, seed=9))

    threads = [threading.Thread(target=listen, args=(text,)) for text in alone]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert heard == alone


def test_a_killed_client_is_forgotten_and_the_next_is_served(home: Path) -> None:
    with Client() as client:
        list(client.synthesize("Warm."))
        victim = say(LONG, "--out", "-")
        assert victim.stdout is not None
        assert victim.stdout.read(2)
        assert active(client) == 1
        victim.kill()
        victim.wait()
        until(lambda: active(client) == 0, seconds=5)
        assert list(client.synthesize("Still there?"))
        assert client.status()["counters"]["vanished"] == 1


def test_a_killed_daemon_is_told_within_a_second_and_started_again(home: Path) -> None:
    with Client() as client:
        speech = client.synthesize(LONG)
        next(speech)
        pid = client.status()["pid"]
        os.kill(pid, signal.SIGKILL)
        killed = time.monotonic()
        with pytest.raises(DaemonUnavailable):
            for _ in speech:
                pass
        assert time.monotonic() - killed < 1.0
    with Client() as client:
        assert list(client.synthesize("Back again."))
        assert client.status()["pid"] != pid


@pytest.mark.parametrize(
    ("text", "options", "code"),
    [
        ("", {}, "bad_request"),
        (" \n\t", {}, "bad_request"),
        ("?!…", {}, "nothing_to_speak"),
        ("😀🎉🎉", {}, "nothing_to_speak"),
        ("\x00\x01\x02", {}, "nothing_to_speak"),
        ("x" * 1_000_000, {}, None),
        ("Hello.", {"voice": "nobody"}, "unknown_voice"),
        ("Hello.", {"voice": "../../etc/passwd"}, "unknown_voice"),
        ("Hello.", {"reference": b"no sound at all", "reference_text": "x"}, "bad_reference"),
        ("Hello.", {"temperature": float("nan")}, "bad_request"),
        ("Hello.", {"top_p": 7.0}, "bad_request"),
        ("Hello.", {"speed": float("inf")}, "bad_request"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_bad_input_gets_one_clear_error_and_the_daemon_lives(
    home: Path, text: str, options: dict[str, object], code: str | None
) -> None:
    with Client() as client:
        with pytest.raises(FishvoiceError) as caught:
            list(client.synthesize(text, **options))  # type: ignore[arg-type]
        assert 10 < len(str(caught.value)) < 400
        if isinstance(caught.value, RequestFailed):  # else the client itself has refused to send it
            assert code in (None, caught.value.code)
        assert list(client.synthesize("Alive."))


def test_random_bytes_on_either_socket_change_nothing(home: Path) -> None:
    with Client() as client:
        list(client.synthesize("Warm."))
        where = paths.endpoints()
        random = np.random.default_rng(0)
        context = zmq.Context()
        for endpoint in (where.synthesis, where.control):
            socket = context.socket(zmq.DEALER)
            socket.connect(endpoint)
            for _ in range(200):
                frames = [random.bytes(int(random.integers(0, 300))) for _ in range(int(random.integers(1, 4)))]
                socket.send_multipart(frames)
            socket.close(linger=1000)
        context.term()
        assert list(client.synthesize("Alive."))


def test_a_voice_made_from_a_recording_sounds_as_the_recording_does_and_is_paid_once(home: Path) -> None:
    recording, words = ROOT / "tests" / "data" / "slt.wav", "The words of the recording."
    assert main(["voices", "add", "ann", str(recording), "--text", words, "--description", "warm"]) == 0
    folder = home / "data" / "voices" / "ann"
    (kept,) = folder.glob("prefix-*.npy")  # the daemon has prefilled it already
    written = kept.stat().st_mtime_ns
    options: dict[str, object] = {"seed": 4}
    with Client(start=False) as client:
        assert {v.name: (v.model, v.description) for v in client.voices()}["ann"] == ("tiny", "warm")
        by_voice = [b"".join(bytes(c.pcm) for c in client.synthesize(HELLO, voice="ann", **options)) for _ in range(2)]
        inline = {"reference": recording, "reference_text": words}
        by_recording = b"".join(bytes(c.pcm) for c in client.synthesize(HELLO, **inline, **options))
        plain = b"".join(bytes(c.pcm) for c in client.synthesize(HELLO, **options))
    assert by_voice == [by_recording] * 2
    assert by_recording != plain
    assert kept.stat().st_mtime_ns == written
    assert main(["voices", "remove", "ann"]) == 0
    assert not folder.exists()
    with Client(start=False) as client, pytest.raises(RequestFailed, match="no voice"):
        list(client.synthesize(HELLO, voice="ann"))


def test_control_characters_and_broken_unicode_inside_a_text_are_spoken_around(home: Path) -> None:
    with Client() as client:
        assert list(client.synthesize("Hello\x00 wor\x1bld, \u200bfine.\ufeff"))
    process = subprocess.run(
        [sys.executable, "-m", "fishvoice", "say", "-", "--out", "-"],
        input=b"Hello \xff\xfe there.",
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert process.returncode in (0, 1)
    if process.returncode == 1:
        assert b"UTF-8" in process.stderr
