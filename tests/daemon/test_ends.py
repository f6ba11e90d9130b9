"""Every end has a reason: nothing hangs at the start, exit codes are as documented, a frozen daemon is told as such."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fishvoice.protocol import AudioChunk, Credit, Error
from tools.harness.daemon_process import ROOT, environment, eventually, running


def start(home: Path, *flags: str, **variables: str) -> tuple[int, str]:
    """A daemon that ends by itself: its exit status, and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.harness.tone_speaker", *flags],
        env=environment(home, **variables),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def say(home: Path, *arguments: str) -> tuple[int, str, float]:
    """The command ``fishvoice``: exit status, what it said, seconds."""
    began = time.monotonic()
    daemon = f"{sys.executable} -m tools.harness.tone_speaker"
    done = subprocess.run(
        [sys.executable, "-m", "fishvoice", *arguments],
        env=environment(home, FISHVOICE_DAEMON=daemon),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr, time.monotonic() - began


@pytest.mark.parametrize("name", ["control.sock", "synthesis.sock"])
def test_a_socket_that_cannot_be_bound_ends_the_start(home: Path, name: str) -> None:
    (home / "run" / name / "in-the-way").mkdir(parents=True)
    code, said = start(home)
    assert code == 69
    assert "cannot listen on" in said
    assert "Traceback" not in said


def test_the_client_hears_the_reason(home: Path) -> None:
    (home / "run" / "control.sock" / "in-the-way").mkdir(parents=True)
    (home / "state").mkdir()
    (home / "state" / "daemon.log").write_text("an old line\n" * 20)
    code, said, _ = say(home, "say", "Hello.", "--out", str(home / "x.wav"))
    assert code == 1
    assert "cannot listen on" in said
    assert "an old line" not in said


def test_garbage_beside_the_lock_is_no_reason_to_fail(home: Path) -> None:
    with running(home):
        (home / "run" / "daemon.pid").write_bytes(b"\xff\xfe\x00garbage" * 10)
        code, said = start(home)
        assert code == 69
        assert "a daemon runs already (process unknown)" in said
        assert "Traceback" not in said


def test_a_folder_in_place_of_the_note_is_no_reason_not_to_speak(home: Path) -> None:
    (home / "run" / "daemon.pid").mkdir(parents=True)
    with running(home) as daemon, daemon.client() as client:
        client.until_end(client.speak("one"))


def test_a_service_manager_that_has_gone_is_no_reason_not_to_speak(home: Path) -> None:
    with running(home, env={"NOTIFY_SOCKET": str(home / "gone")}) as daemon, daemon.client() as client:
        client.until_end(client.speak("one"))
        assert "cannot be told" in daemon.log()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_ends_the_start(home: Path) -> None:
    (home / "run").mkdir(mode=0o500)
    code, said = start(home)
    assert code == 69
    assert "Traceback" not in said


def test_a_file_in_place_of_the_folder_names_the_right_variable(home: Path) -> None:
    (home / "file").write_text("")
    code, said = start(home, FISHVOICE_RUNTIME_DIR=str(home / "file"))
    assert code == 69
    assert "FISHVOICE_RUNTIME_DIR" in said
    assert "Traceback" not in said


def test_a_folder_of_the_users_that_others_may_write_to_is_refused_and_left_as_it_is(home: Path) -> None:
    shared = home / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    code, said = start(home, FISHVOICE_RUNTIME_DIR=str(shared))
    assert code == 69
    assert "others may write" in said
    assert shared.stat().st_mode & 0o7777 == 0o1777


def test_a_folder_of_the_users_keeps_its_mode(home: Path) -> None:
    own = home / "own"
    own.mkdir(mode=0o755)
    own.chmod(0o755)
    with running(home, env={"FISHVOICE_RUNTIME_DIR": str(own)}):
        assert own.stat().st_mode & 0o7777 == 0o755


# -- frozen ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["stop"], ["status"], ["say", "Hello.", "--out", "-"]])
def test_a_frozen_daemon_is_told_as_frozen(home: Path, command: list[str]) -> None:
    with running(home) as daemon:
        daemon.signal(signal.SIGSTOP)
        try:
            code, said, seconds = say(home, *command)
        finally:
            daemon.signal(signal.SIGCONT)
        assert code == 1
        assert f"process {daemon.process.pid}" in said
        assert "does not answer" in said
        assert seconds < 5 + 3  # the command itself takes a while to start on a busy machine


def test_a_daemon_that_freezes_while_it_speaks_is_told_as_frozen(home: Path) -> None:
    with running(home, frame=0.05) as daemon:
        speaking = subprocess.Popen(
            [sys.executable, "-m", "fishvoice", "say", "word " * 1000, "--out", str(home / "x.wav")],
            env=environment(home),
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        eventually(lambda: (home / "x.wav").exists() and (home / "x.wav").stat().st_size > 1000)
        daemon.signal(signal.SIGSTOP)
        try:
            _, said = speaking.communicate(timeout=20)
        finally:
            daemon.signal(signal.SIGCONT)
        assert speaking.returncode == 1
        assert "does not answer" in said


def test_a_killed_daemon_is_not_told_as_frozen(home: Path) -> None:
    with running(home, frame=0.05) as daemon:
        speaking = subprocess.Popen(
            [sys.executable, "-m", "fishvoice", "say", "word " * 1000, "--out", str(home / "x.wav")],
            env=environment(home),
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        eventually(lambda: (home / "x.wav").exists() and (home / "x.wav").stat().st_size > 1000)
        daemon.process.kill()
        _, said = speaking.communicate(timeout=20)
        assert "has gone away" in said


def test_a_daemon_that_was_stopped_longer_than_its_watchdog_waits_goes_on(home: Path) -> None:
    flags = ("--set", "lifecycle.stuck_seconds=3", "--set", "limits.stall_seconds=3")
    with running(home, *flags, frame=0.3) as daemon, daemon.client() as client, daemon.client() as paused:
        stalled = paused.speak("word " * 20, credit=1)
        paused.receive()
        paused.receive()
        asked = client.speak("word " * 20)
        client.receive()
        client.receive()
        daemon.signal(signal.SIGSTOP)
        time.sleep(6)
        daemon.signal(signal.SIGCONT)
        assert isinstance(client.receive(), AudioChunk)
        paused.send(Credit(stalled, 100))
        client.until_end(asked)
        assert isinstance(paused.receive(), AudioChunk)
        assert daemon.process.poll() is None


# -- connections -------------------------------------------------------------------------------------------------


def test_however_many_are_connected_everybody_gets_an_answer(home: Path) -> None:
    with running(home, "--set", "limits.clients=8") as daemon:
        crowd = [daemon.client() for _ in range(60)]
        try:
            for client in crowd:
                client.status()
            refused = [client.until_end(client.speak("one"))[-1] for client in crowd]
            assert {getattr(end, "code", "") for end in refused[40:]} == {"busy"}
            with daemon.client() as late:
                assert late.status()["clients"] > 8
        finally:
            for client in crowd:
                client.close()


def test_silent_connections_keep_nobody_out(home: Path) -> None:
    with running(home) as daemon:
        path = daemon.endpoints.control.removeprefix("ipc://")
        silent = []
        for _ in range(300):
            one = socket.socket(socket.AF_UNIX)
            one.connect(path)
            silent.append(one)
        code, _, _ = say(home, "status")
        assert code == 0
        for one in silent:
            one.close()


def test_what_waits_is_bounded_in_bytes_and_not_only_in_number(home: Path) -> None:
    with running(home, "--set", "limits.waiting_bytes=3000000", frame=0.05) as daemon, daemon.client() as client:
        client.speak("word " * 100, priority="important")
        ids = [client.speak("one", payload=b"RIFF" * 250_000, reference_text="one") for _ in range(5)]
        refused = [message for message in (client.receive() for _ in range(40)) if isinstance(message, Error)]
        assert {error.code for error in refused} == {"busy"}
        assert {error.id for error in refused} <= set(ids[2:])
        assert len(refused) >= 2
