"""A home of its own for every test: short paths, because sockets live there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from fishvoice import paths
from fishvoice.client import Client
from fishvoice.errors import FishvoiceError
from tests.fakes import daemon as fake

ROOT = Path(__file__).resolve().parents[2]
FAKE_DAEMON = str(Path(fake.__file__).resolve())

Spawn = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty FISHVOICE_HOME, for this process and its children. A daemon left in it is ended."""
    folder = Path(tempfile.mkdtemp(prefix="fv", dir="/tmp"))
    source = os.pathsep.join([str(ROOT / "client"), str(ROOT / "daemon"), str(ROOT)])
    monkeypatch.setenv("FISHVOICE_HOME", str(folder))
    monkeypatch.delenv("FISHVOICE_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("PYTHONPATH", source)
    monkeypatch.setenv("FISHVOICE_DAEMON", f"{sys.executable} {FAKE_DAEMON}")
    yield folder
    with suppress(FishvoiceError), Client(start=False) as client:
        client.shutdown()
    shutil.rmtree(folder)


@pytest.fixture
def behave(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Set how a fake daemon that is a process of its own behaves; returns the log of what it is told."""

    def set_behaviour(**script: object) -> Path:
        log = home / "told.jsonl"
        monkeypatch.setenv("FAKE_DAEMON", json.dumps({"log": str(log), **script}))
        return log

    return set_behaviour


@pytest.fixture
def fishvoice(home: Path) -> Iterator[Spawn]:
    """Start the command ``fishvoice`` as a process, with pipes. What still runs at the end is killed."""
    started: list[subprocess.Popen[bytes]] = []

    def spawn(*arguments: str, **options: object) -> subprocess.Popen[bytes]:
        given = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        process = subprocess.Popen([sys.executable, "-m", "fishvoice", *arguments], **given)  # type: ignore[call-overload]
        started.append(process)
        return process  # type: ignore[no-any-return]

    yield spawn
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                with suppress(BrokenPipeError):
                    pipe.close()


def told(log: Path) -> list[str]:
    """What a fake daemon's process has been told so far."""
    return [json.loads(line)["what"] for line in log.read_text().splitlines()] if log.exists() else []


@pytest.fixture
def runtime(home: Path) -> Path:
    return paths.runtime_dir()
