"""Players fed through pipes, the reckoning of gaps, and the buffer before a sound device."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fishvoice.errors import PlaybackError
from fishvoice.playback import loudspeaker as loudspeakers
from fishvoice.playback.loudspeaker import Player, SoundDevice, UnderrunDetector, loudspeaker

PLAYER = """#!{python}
import json, os, sys
with open({folder!r} + "/started", "w") as file:
    json.dump({{"pid": os.getpid(), "argv": sys.argv[1:]}}, file)
with open({folder!r} + "/heard", "wb") as file:
    while data := sys.stdin.buffer.read1(4096):
        file.write(data)
        file.flush()
        {then}
{last}
"""


def fake_player(folder: Path, name: str, then: str = "pass", last: str = "") -> Path:
    """A player program that keeps what it hears."""
    path = folder / name
    path.write_text(PLAYER.format(python=sys.executable, folder=str(folder), then=then, last=last))
    path.chmod(0o755)
    return path


@pytest.fixture
def bare_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing on it yet, and no sounddevice."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    return tmp_path


@pytest.mark.parametrize("name", list(loudspeakers.PLAYERS))
def test_every_player_hears_everything(bare_path: Path, name: str) -> None:
    fake_player(bare_path, name)
    sink = loudspeaker()
    sink.open(22050)
    sound = bytes(range(256)) * 500
    sink.write(sound[:1000])
    sink.write(sound[1000:])
    sink.finish()
    sink.stop()
    assert (bare_path / "heard").read_bytes() == sound
    assert "22050" in (bare_path / "started").read_text()


def test_the_first_player_wins(bare_path: Path) -> None:
    fake_player(bare_path, "aplay")
    fake_player(bare_path, "paplay")
    sink = loudspeaker()
    assert isinstance(sink, Player)
    sink.open(44100)
    sink.finish()
    assert "--format=s16le" in (bare_path / "started").read_text()


def test_no_player_says_what_to_install(bare_path: Path) -> None:
    with pytest.raises(PlaybackError, match=r"fishvoice\[playback\].*paplay.*--out FILE\.wav"):
        loudspeaker()


def test_stop_drops_what_is_buffered(bare_path: Path) -> None:
    """The player has taken a little and sits on it; the rest is in the pipe."""
    fake_player(bare_path, "aplay", then="import time; time.sleep(60)")
    sink = loudspeaker()
    sink.open(44100)
    sink.write(b"\1" * 30_000)
    began = time.monotonic()
    sink.stop()
    assert time.monotonic() - began < 1
    heard = bare_path / "heard"
    assert not heard.exists() or heard.stat().st_size <= 4096
    sink.stop()


def test_a_player_that_fails_is_quoted(bare_path: Path) -> None:
    fake_player(bare_path, "aplay", then="sys.exit('trace\\naplay: no such device')")
    sink = loudspeaker()
    sink.open(44100)
    with pytest.raises(PlaybackError, match="no such device") as failed:
        for _ in range(1000):
            sink.write(b"\0" * 4096)
    assert "\n" not in str(failed.value)
    sink.stop()


def test_a_player_that_fails_at_the_end_is_quoted(bare_path: Path) -> None:
    fake_player(bare_path, "aplay", last="sys.exit('aplay: lost the device')")
    sink = loudspeaker()
    sink.open(44100)
    sink.write(b"\0" * 100)
    with pytest.raises(PlaybackError, match="lost the device"):
        sink.finish()


def test_a_player_that_never_ends_has_a_limit(bare_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loudspeakers, "DRAIN_SECONDS", 0.2)
    fake_player(bare_path, "aplay", last="signal = __import__('signal'); signal.pause()")
    sink = loudspeaker()
    sink.open(44100)
    with pytest.raises(PlaybackError, match="does not end"):
        sink.finish()


def test_gaps_are_counted_by_the_clock() -> None:
    now = 0.0
    heard = UnderrunDetector(lambda: now)
    heard.add(1.0)
    now = 0.9
    heard.add(1.0)  # in time: 2.0 is where it ends
    assert (heard.underruns, heard.left) == (0, pytest.approx(1.1))
    now = 2.5
    heard.add(1.0)  # half a second late
    assert (heard.underruns, heard.left) == (1, pytest.approx(1.0))


class FakePortAudio:
    """PortAudio's blocking ends only: the callback is called by the test."""

    class PortAudioError(Exception):
        pass

    def __init__(self, broken: bool = False) -> None:
        self.broken = broken
        self.calls: list[str] = []

    def RawOutputStream(self, **options: Any) -> FakePortAudio:  # noqa: N802
        if self.broken:
            raise self.PortAudioError("no device")
        self.callback = options["callback"]
        return self

    def start(self) -> None:
        self.calls.append("start")

    def stop(self) -> None:
        self.calls.append("stop")

    def abort(self, ignore_errors: bool) -> None:
        self.calls.append("abort")

    def close(self, ignore_errors: bool = True) -> None:
        self.calls.append("close")

    def play(self, frames: int) -> bytes:
        out = bytearray(frames * 2)
        self.callback(memoryview(out), frames, None, None)
        return bytes(out)


def test_a_sound_device_gets_the_sound_and_silence_where_there_is_none() -> None:
    device = FakePortAudio()
    sink = SoundDevice(device)
    sink.open(1000)
    assert device.play(4) == bytes(8)
    assert sink.underruns == 0
    sink.write(b"abcdefgh")
    assert device.play(3) == b"abcdef"
    assert device.play(3) == b"gh\0\0\0\0"
    assert device.play(3) == bytes(6)
    assert sink.underruns == 1
    sink.write(b"ij")
    ending = threading.Thread(target=sink.finish)
    ending.start()
    assert device.play(1) == b"ij"
    ending.join(5)
    assert device.calls == ["start", "stop", "close"]
    assert sink.underruns == 1


def test_a_sound_device_takes_half_a_second_ahead() -> None:
    device = FakePortAudio()
    sink = SoundDevice(device)
    sink.open(1000)
    writing = threading.Thread(target=sink.write, args=(bytes(2000),))
    writing.start()
    writing.join(0.2)
    assert writing.is_alive()
    device.play(500)
    writing.join(5)
    assert not writing.is_alive()
    sink.stop()
    assert device.calls == ["start", "abort", "close"]


def test_a_sound_device_that_stands_still_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loudspeakers, "DRAIN_SECONDS", 0.05)
    sink = SoundDevice(FakePortAudio())
    sink.open(1000)
    with pytest.raises(PlaybackError, match="takes no more"):
        sink.write(bytes(5000))


def test_no_sound_device_is_an_error() -> None:
    with pytest.raises(PlaybackError, match="no device"):
        SoundDevice(FakePortAudio(broken=True)).open(1000)


@pytest.fixture(autouse=True)
def no_process_left(tmp_path: Path) -> Iterator[None]:
    """Whatever happened, a player that a test has started is gone after it."""
    yield
    started = tmp_path / "started"
    if started.exists():
        import json

        pid = json.loads(started.read_text())["pid"]
        with pytest.raises(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
