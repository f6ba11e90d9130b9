"""A full disk: every file of ours is the old one or the new one, nothing half is left, and whoever waits is told."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from fishvoice import paths
from fishvoice.adapters.shared.integration import CannotIntegrate, write
from fishvoice.files import write_whole
from fishvoice.paths import Endpoints
from fishvoiced.backends.fish.calibration import figures
from fishvoiced.backends.fish.config import CodecConfig
from fishvoiced.backends.fish.store.models import ABOUT
from fishvoiced.backends.fish.store.parts import writing
from fishvoiced.backends.fish.store.voices import VoiceStore
from fishvoiced.backends.fish.types import Reference
from fishvoiced.backends.piper.store import PiperFiles, PiperStore
from fishvoiced.cli.config import config_command
from fishvoiced.errors import DaemonError
from fishvoiced.hardware.detect import isa_cache
from fishvoiced.monitor.records.history import History
from fishvoiced.monitor.records.journal import Entry, Journal
from fishvoiced.server.load_times import LoadTimes
from fishvoiced.text.own_words.entries import OwnWord
from fishvoiced.text.own_words.file import add
from fishvoiced.transport.curve_keys import load_or_make
from tests.backends.piper.test_hostile_voices import voice
from tests.monitor.records.test_history import point
from tools.harness.daemon_process import chunks, eventually, running

resource = pytest.importorskip("resource")
CODEC = CodecConfig(num_codebooks=2, codebook_size=8, semantic_codebook_size=8)


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process can grow."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def history(folder: Path) -> None:
    kept = History(folder / "history")
    kept.add(point(1.0))
    kept.flush()


def journal(folder: Path) -> None:
    kept = Journal(folder / "journal", capacity=1)
    for number in range(4):
        kept.add(Entry(float(number), "utterance", "starter"))
    kept.flush()


def saved_voice(folder: Path) -> None:
    reference = Reference(np.zeros((2, 4), np.int64), "one")
    VoiceStore(folder).add("mine", "starter", reference, CODEC)


def model(folder: Path) -> None:
    with writing(folder / "model" / ABOUT, "x" * 64) as part:
        (part / "a").write_bytes(b"a")


def piper(folder: Path) -> None:
    PiperStore(folder).add(PiperFiles.open(folder.parent / "downloads" / "mine.onnx"))


def endpoints(folder: Path) -> None:
    paths.publish_endpoints(Endpoints("tcp://127.0.0.1:1", "tcp://127.0.0.1:2"))


WRITERS: dict[str, tuple[Callable[[Path], object], type[Exception] | None]] = {
    "load times": (lambda folder: LoadTimes(folder / "load-times.json").record("m", 1.0), None),
    "history": (history, OSError),
    "journal": (journal, OSError),
    "calibration": (lambda folder: figures._write(folder / "figures.json", [1]), OSError),
    "instruction sets": (lambda folder: isa_cache._write(folder / "isa.json", {"a": 1}), OSError),
    "keys": (load_or_make, OSError),
    "endpoints": (endpoints, OSError),
    "words": (lambda folder: add(folder / "words.toml", OwnWord(written="a", spoken="b")), DaemonError),
    "an integration": (lambda folder: write(folder / "x" / "plugin.vim", "text"), CannotIntegrate),
    "a saved voice": (saved_voice, DaemonError),
    "a converted model": (model, DaemonError),
    "a Piper voice": (piper, DaemonError),
    "any file": (lambda folder: write_whole(folder / "file", b"new"), OSError),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_what_cannot_be_written_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writer: str
) -> None:
    folder, (act, error) = tmp_path / "run", WRITERS[writer]
    folder.mkdir(mode=0o700)
    voice(tmp_path / "downloads")
    monkeypatch.setenv("FISHVOICE_HOME", str(tmp_path))
    with full_disk():
        if error is None:
            act(folder)
        else:
            with pytest.raises(error):
                act(folder)
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    act(folder)
    assert [path for path in folder.rglob("*") if path.is_file()], "with room it is written"


def test_what_was_there_before_stays(tmp_path: Path) -> None:
    write_whole(tmp_path / "file", b"old")
    with full_disk(), suppress(OSError):
        write_whole(tmp_path / "file", b"new")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"old")]


def test_settings_that_cannot_be_written_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FISHVOICE_HOME", str(tmp_path))
    with full_disk():
        assert config_command(["init"]) == 1
    assert "cannot write" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@contextmanager
def small_disk(at: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    at.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "fishvoice-test", str(at)]
    if shutil.which("mount") is None or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("only root may mount a small disk")
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)


def fill(disk: Path) -> Path:
    full = disk / "fill"
    with full.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    return full


@pytest.mark.skipif(sys.platform != "linux", reason="a small disk is a tmpfs here")
def test_a_daemon_whose_disk_gets_full_speaks_on_and_logs_again_when_there_is_room(home: Path) -> None:
    with small_disk(home / "disk") as disk:
        flags = ("--log-file", str(disk / "log"), "--log-level", "debug")
        with running(disk / "home", *flags, ready=False) as daemon, daemon.client() as client:
            assert len(chunks(client.until_end(client.speak("one two three")))) == 3
            full = fill(disk)
            for _ in range(3):
                assert len(chunks(client.until_end(client.speak("one two three")))) == 3
            assert client.status()["state"] == "ready"
            full.unlink()
            before = (disk / "log").stat().st_size
            client.until_end(client.speak("one"))
            eventually(lambda: (disk / "log").stat().st_size > before)
            assert [path for path in disk.rglob("*") if path.name.endswith(".tmp")] == []


@pytest.mark.skipif(sys.platform != "linux", reason="a small disk is a tmpfs here")
def test_a_daemon_that_finds_a_full_disk_speaks_or_says_why_not(home: Path) -> None:
    with small_disk(home / "disk") as disk:
        (disk / "home").mkdir()
        fill(disk)
        with running(disk / "home", ready=False) as daemon:
            ended = eventually(lambda: daemon.process.poll() or (disk / "home" / "run" / "control.sock").exists())
            if ended is True:
                with daemon.client() as client:
                    assert len(chunks(client.until_end(client.speak("one two three")))) == 3
            else:
                assert ended == 69
