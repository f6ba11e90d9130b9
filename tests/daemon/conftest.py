"""Fixtures: a home with paths short enough for sockets, a daemon in it, a client of that."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.harness.daemon_process import Daemon, Manager, Wire, running


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="fv-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def daemon(home: Path) -> Iterator[Daemon]:
    with running(home) as started:
        yield started


@pytest.fixture
def client(daemon: Daemon) -> Iterator[Wire]:
    with daemon.client() as connected:
        yield connected


@pytest.fixture
def manager(home: Path) -> Iterator[Manager]:
    listening = Manager(home / "notify")
    yield listening
    listening.socket.close()
