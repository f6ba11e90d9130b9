"""Clocks that jump, machines that sleep, processes that are stopped: whoever waits for sound gets it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fishvoice.protocol import AudioChunk, AudioEnd, Credit
from tools.harness.daemon_process import ROOT, Daemon, chunks, environment, running

DAY = 86_400.0
SHORT = ("--set", "lifecycle.stuck_seconds=3", "--set", "limits.stall_seconds=3", "--set", "lifecycle.load_seconds=3")


def jump(home: Path, seconds: float) -> None:
    """Set the daemon's clocks ahead (or back), in one step."""
    fresh = home / "clock.new"
    fresh.write_text(str(seconds))
    fresh.replace(home / "clock")


@pytest.mark.parametrize("seconds", [DAY, 10.0, -DAY], ids=["a day ahead", "10 s ahead", "a day back"])
def test_a_clock_that_jumps_while_a_text_is_spoken_ends_nothing(home: Path, seconds: float) -> None:
    with (
        running(home, *SHORT, env={"TONE_CLOCK": str(home / "clock")}, frame=0.02) as daemon,
        daemon.client() as client,
        daemon.client() as slow,
    ):
        stalled = slow.speak("word " * 20, credit=1)  # waits for credit while the clock jumps
        slow.receive()
        slow.receive()
        asked = client.speak("word " * 60, first_audio_within=30.0)
        client.receive()
        jump(home, seconds)
        assert len(chunks(client.until_end(asked))) == 60
        slow.send(Credit(id=stalled, chunks=100))
        assert len(chunks(slow.until_end(stalled))) == 19
        assert client.status()["state"] == "ready"
        assert "inference hangs" not in daemon.log()


def test_what_a_jump_makes_late_is_still_spoken(home: Path) -> None:
    with (
        running(home, *SHORT, env={"TONE_CLOCK": str(home / "clock")}, frame=0.02) as daemon,
        daemon.client() as first,
        daemon.client() as second,
    ):
        before = first.speak("word " * 60, priority="important")
        first.receive()
        promised = second.speak("one two three", first_audio_within=60.0)
        jump(home, DAY)
        assert isinstance(second.until_end(promised)[-1], AudioEnd)
        assert isinstance(first.until_end(before)[-1], AudioEnd)


def frozen(daemon: Daemon, seconds: float) -> None:
    daemon.signal(signal.SIGSTOP)
    time.sleep(seconds)
    daemon.signal(signal.SIGCONT)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows stops no processes")
def test_being_stopped_again_and_again_ends_nothing(home: Path) -> None:
    with running(home, *SHORT, frame=0.1) as daemon, daemon.client() as client:
        asked = client.speak("word " * 20)
        assert isinstance(client.receive(), object)
        for _ in range(3):
            frozen(daemon, 1.5)
            assert isinstance(client.receive(), AudioChunk)
        assert isinstance(client.until_end(asked)[-1], AudioEnd)
        assert daemon.process.poll() is None


NAMESPACE = ["unshare", "--time", "--fork", "--kill-child", "--monotonic", "10000000", "--boottime", "10000000"]


def permitted() -> bool:
    try:
        return subprocess.run([*NAMESPACE, "true"], check=False, capture_output=True).returncode == 0
    except OSError:
        return False


@pytest.mark.skipif(not permitted(), reason="this user may make no time namespace")
def test_a_daemon_whose_clock_is_months_ahead_of_its_clients_keeps_its_promises(home: Path) -> None:
    with running(home, *SHORT, command=tuple(NAMESPACE), frame=0.01) as daemon, daemon.client() as client:
        asked = client.speak("word " * 20, first_audio_within=20.0)
        assert len(chunks(client.until_end(asked))) == 20
        assert client.status()["uptime_seconds"] < 3600
        said = subprocess.run(
            [sys.executable, "-m", "fishvoice", "say", "One two.", "--out", str(home / "x.wav")],
            env=environment(home, PATH=os.environ["PATH"]),
            cwd=ROOT,
            check=True,
            timeout=60,
        )
        assert said.returncode == 0
