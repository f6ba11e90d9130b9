"""The daemon killed under load, and the product's own client that notices and starts another."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fishvoice import Client
from fishvoice.errors import DaemonUnavailable
from tools.harness.daemon_process import environment, eventually


@pytest.fixture
def own_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """This process as a client in a home of its own, whose daemons speak in tones; none of them survives."""
    for name, value in environment(home, TONE_FRAME="0.02").items():
        monkeypatch.setenv(name, value)
    # Started with "/" as its folder, a daemon finds the tests through PYTHONPATH.
    monkeypatch.setenv("FISHVOICE_DAEMON", f"{sys.executable} -m tools.harness.tone_speaker")
    yield home
    with contextlib.suppress(DaemonUnavailable), Client(start=False) as client:
        pid = client.status()["pid"]
        client.shutdown()
        eventually(lambda: not alive(pid))


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_kill_9_under_load_is_noticed_at_once_and_the_next_request_is_spoken(own_home: Path) -> None:
    with Client() as client:
        list(client.synthesize("start"))
        pid = client.status()["pid"]
        speeches = [iter(client.synthesize("w " * 500)) for _ in range(4)]
        next(speeches[0])
        os.kill(pid, signal.SIGKILL)
        began = time.monotonic()
        for speech in speeches:
            with pytest.raises(DaemonUnavailable):
                list(speech)
        assert time.monotonic() - began < 1.0
        assert len(list(client.synthesize("one two three"))) == 3
        assert client.status()["pid"] != pid


def test_many_clients_start_one_daemon(own_home: Path) -> None:
    pids: list[int] = []

    def speak() -> None:
        with Client() as client:
            list(client.synthesize("one two"))
            pids.append(client.status()["pid"])

    threads = [threading.Thread(target=speak) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(pids) == 6
    assert len(set(pids)) == 1


def test_a_daemon_that_a_client_started_rotates_its_log(own_home: Path) -> None:
    log = own_home / "state" / "daemon.log"
    log.parent.mkdir(parents=True)
    log.write_bytes(b"x" * ((1 << 20) - 50) + b"\n")
    with Client() as client:
        list(client.synthesize("one"))
        eventually(lambda: log.with_name("daemon.log.1").exists())
        eventually(lambda: "complete" in log.read_text())
