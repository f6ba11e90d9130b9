"""Starting a daemon: once, detached, within a limit, and with its last words when it fails."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fishvoice import paths
from fishvoice.client import Client
from fishvoice.connection import autostart
from fishvoice.errors import DaemonUnavailable
from fishvoice.locks import FileLock
from tests.client.conftest import Spawn, told

Behave = Callable[..., Path]
pytestmark = [pytest.mark.usefixtures("home"), pytest.mark.timeout(90)]


def test_the_first_request_starts_a_daemon(behave: Behave) -> None:
    log = behave(chunks=3)
    with Client() as client:
        assert len(list(client.synthesize("Hello."))) == 3
    assert told(log) == ["process", "Synthesize"]


def test_ten_clients_start_one_daemon(behave: Behave, fishvoice: Spawn) -> None:
    log = behave(starts_in=0.5)
    processes = [fishvoice("say", "hello", "--out", "-") for _ in range(10)]
    for process in processes:
        sound, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, b"")
        assert len(sound) == 4 * 441 * 2
    assert told(log).count("process") == 1
    assert told(log).count("Synthesize") == 10


def test_ten_threads_start_one_daemon(behave: Behave) -> None:
    log = behave(starts_in=0.2)
    clients = [Client() for _ in range(10)]
    threads = [threading.Thread(target=client.connect) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    for client in clients:
        client.close()
    assert told(log).count("process") == 1


def test_voices_are_listed_by_a_new_daemon_the_moment_the_old_one_is_killed(behave: Behave) -> None:
    """The connection notices a death a moment after a question on the control socket would."""
    log = behave()
    rounds = 5
    with Client() as client:
        for _ in range(rounds):
            assert client.voices()
            os.kill(int(client.status()["pid"]), signal.SIGKILL)
        assert client.voices()
    assert told(log).count("process") == rounds + 1


def test_the_daemon_is_detached(behave: Behave) -> None:
    behave()
    with Client() as client:
        client.connect()
        pid = client.status()["pid"]
    assert os.getsid(pid) == pid
    process = Path(f"/proc/{pid}")
    if process.exists():
        assert os.readlink(process / "cwd") == "/"
        assert os.readlink(process / "fd" / "0") == "/dev/null"
        log = str(paths.log_file())
        assert os.readlink(process / "fd" / "1") == os.readlink(process / "fd" / "2") == log


def test_a_daemon_that_dies_on_start_is_quoted(behave: Behave) -> None:
    behave(refuses_to_start="the model is damaged: import it again")
    began = time.monotonic()
    with Client() as client, pytest.raises(DaemonUnavailable) as died:
        client.synthesize("x")
    assert "code 1" in str(died.value)
    assert "the model is damaged: import it again" in str(died.value)
    assert str(paths.log_file()) in str(died.value)
    assert time.monotonic() - began < 10


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FISHVOICE_DAEMON", f"{sys.executable} -c 'import onnxruntime_that_is_not_there'")
    with Client() as client, pytest.raises(DaemonUnavailable, match=r"pip install 'fishvoice\[daemon\]'"):
        client.synthesize("x")


def test_a_daemon_that_never_listens_has_a_limit(behave: Behave) -> None:
    log = behave(starts_in=6.0)  # its lock it takes at once, or as soon as a busy machine lets it
    with Client(start_timeout=3.0) as client, pytest.raises(DaemonUnavailable, match=r"within 3 s"):
        client.synthesize("x")
    with Client() as client:  # it still starts: whoever comes now waits for it, and starts no other
        client.connect()
    assert told(log) == ["process"]


def test_who_waits_for_another_start_has_a_limit(runtime: Path) -> None:
    with FileLock(runtime / "start.lock") as lock:
        assert lock.try_acquire()
        with Client(start_timeout=0.2) as client, pytest.raises(DaemonUnavailable, match=r"within 0\.2 s"):
            client.synthesize("x")


def test_a_command_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FISHVOICE_DAEMON", "/nonexistent/fishvoiced")
    with Client() as client, pytest.raises(DaemonUnavailable, match="cannot start the daemon"):
        client.synthesize("x")


def test_which_daemon_is_started(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.delenv("FISHVOICE_DAEMON")
    assert autostart.daemon_command() == [sys.executable, "-m", "fishvoiced"]
    monkeypatch.setattr(autostart, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(home))
    with pytest.raises(DaemonUnavailable, match=r"pip install 'fishvoice\[daemon\]'"):
        autostart.daemon_command()
    script = home / "fishvoiced"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    assert autostart.daemon_command() == [str(script)]


def test_a_long_log_is_put_aside(behave: Behave) -> None:
    behave()
    paths.log_file().write_bytes(b"x" * (autostart.MAX_LOG_BYTES + 1))
    with Client() as client:
        client.connect()
    assert paths.log_file().stat().st_size == 0
    assert paths.log_file().with_suffix(".log.1").stat().st_size > autostart.MAX_LOG_BYTES


def test_a_lock_is_one_processs_at_a_time(runtime: Path) -> None:
    first, second = FileLock(runtime / "a.lock"), FileLock(runtime / "a.lock")
    assert first.try_acquire()
    assert not second.try_acquire()
    first.release()
    assert second.try_acquire()
    second.release()
    second.release()
