"""WAV files that other programs read, whole at every moment."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import wave
from pathlib import Path

import pytest

from fishvoice.errors import PlaybackError
from fishvoice.playback import sound_files
from fishvoice.playback.say import sink_for
from fishvoice.playback.sound_files import StandardOutput, WavFile


def read(path: Path) -> tuple[int, int, int, bytes]:
    with wave.open(str(path), "rb") as file:
        return file.getframerate(), file.getnchannels(), file.getsampwidth(), file.readframes(file.getnframes())


def test_what_is_written_is_read(tmp_path: Path) -> None:
    sink = WavFile(tmp_path / "a.wav")
    sink.open(22050)
    assert read(tmp_path / "a.wav") == (22050, 1, 2, b"")
    sink.write(b"\1\2" * 1000)
    assert read(tmp_path / "a.wav") == (22050, 1, 2, b"\1\2" * 1000)  # not yet closed: as if it were killed here
    sink.write(b"\3\4")
    sink.finish()
    sink.stop()
    assert read(tmp_path / "a.wav") == (22050, 1, 2, b"\1\2" * 1000 + b"\3\4")
    assert (tmp_path / "a.wav").stat().st_size == 44 + 2002


def test_a_signal_in_the_middle_of_a_chunk_leaves_a_whole_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = WavFile(tmp_path / "a.wav")
    sink.open(22050)
    sink.write(b"\1\2" * 1000)

    def interrupted(*_: object) -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(sound_files, "wav_header", interrupted)
        sink.write(b"\3\4" * 10)
    sink.stop()
    assert read(tmp_path / "a.wav")[3] == b"\1\2" * 1000 + b"\3\4" * 10


def test_an_old_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"x" * 10_000)
    sink = WavFile(tmp_path / "a.wav")
    sink.open(8000)
    sink.finish()
    assert (tmp_path / "a.wav").stat().st_size == 44


def test_a_pipe_gets_a_header_without_an_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    heard: list[bytes] = []
    reader = threading.Thread(target=lambda: heard.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    sink = WavFile(tmp_path / "pipe")
    sink.open(44100)
    sink.write(b"\1\2" * 10)
    sink.finish()
    reader.join(5)
    assert heard[0][40:44] == (0xFFFFFFFF - 36).to_bytes(4, "little")
    assert heard[0][4:8] == b"\xff" * 4
    assert heard[0][44:] == b"\1\2" * 10


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    sink = WavFile(tmp_path / "missing" / "a.wav")
    with pytest.raises(PlaybackError, match=r"cannot write .*a\.wav: No such file"):
        sink.open(44100)
    sink.stop()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_named() -> None:
    with pytest.raises(PlaybackError, match="No space left"):
        WavFile("/dev/full").open(44100)


def test_a_file_ends_at_four_gigabytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound_files, "MAX_WAV_BYTES", 100)
    sink = WavFile(tmp_path / "a.wav")
    sink.open(44100)
    sink.write(bytes(100))
    with pytest.raises(PlaybackError, match="full"):
        sink.write(bytes(2))
    sink.stop()
    assert len(read(tmp_path / "a.wav")[3]) == 100


def test_standard_output_is_the_samples_alone() -> None:
    script = (
        "from fishvoice.playback.sound_files import StandardOutput\n"
        "sink = StandardOutput()\nsink.open(44100)\nsink.write(b'ab' * 100_000)\nsink.finish()\nsink.stop()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, env=_environment())
    assert done.stdout == b"ab" * 100_000


def test_a_terminal_gets_no_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.isatty", lambda handle: True)
    monkeypatch.setattr("sys.stdout", sys.__stdout__)
    with pytest.raises(PlaybackError, match="terminal"):
        StandardOutput().open(44100)


def test_where_sound_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", sys.__stdout__)
    assert isinstance(sink_for("-"), StandardOutput)
    assert isinstance(sink_for(tmp_path / "a.wav"), WavFile)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(sound_files.__file__).parents[1])}
