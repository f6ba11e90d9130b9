"""From start to end of a daemon process: signals, locks, the service manager, logs, models coming and going."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest
import zmq

from fishvoice.paths import Curve, Endpoints
from fishvoice.protocol import AnyMessage, AudioEnd, Cancel, Error, Ok, Shutdown
from tools.harness.daemon_process import ROOT, Daemon, Manager, Wire, chunks, environment, eventually, running

LONG = "w " * 400


# -- ending --------------------------------------------------------------------------------------------------------


def test_sigterm_lets_what_is_there_be_finished_and_takes_nothing_new(home: Path) -> None:
    with running(home, frame=0.02) as daemon, daemon.client() as client:
        name = client.speak("w " * 30)
        client.receive()
        daemon.signal(signal.SIGTERM)
        eventually(lambda: "ending within 10 s" in daemon.log())
        late = client.speak("too late")
        messages: list[AnyMessage] = []
        while not (messages and isinstance(messages[-1], AudioEnd)):
            messages.append(client.receive())
        refusal = next(m for m in messages if isinstance(m, Error))
        assert (refusal.id, refusal.code) == (late, "shutting_down")
        assert (messages[-1].id, messages[-1].finish_reason) == (name, "complete")
        assert len(chunks(messages)) == 30
        assert daemon.wait() == 0
        assert not (home / "run" / "synthesis.sock").exists()


def test_draining_has_a_limit(home: Path) -> None:
    with running(home, "--set", "lifecycle.drain_seconds=0.3", frame=0.02) as daemon, daemon.client() as client:
        name = client.speak(LONG)
        client.receive()
        daemon.signal(signal.SIGTERM)
        end = client.until_end(name)[-1]
        assert isinstance(end, AudioEnd)
        assert end.finish_reason == "cancelled"
        assert daemon.wait() == 0


def test_a_second_signal_means_now(home: Path) -> None:
    with running(home, frame=0.02) as daemon, daemon.client() as client:
        client.speak(LONG)
        client.receive()
        daemon.signal(signal.SIGINT)
        eventually(lambda: "ending within 10 s" in daemon.log())
        daemon.signal(signal.SIGINT)
        assert daemon.wait(2.0) == 0


@pytest.mark.parametrize("drain", [True, False])
def test_shutdown_is_answered_and_done(home: Path, drain: bool) -> None:
    with running(home) as daemon, daemon.client() as client:
        name = client.speak("w " * 40)
        client.receive()
        assert client.ask(Shutdown(drain=drain)) == Ok()
        end = client.until_end(name)[-1]
        assert isinstance(end, AudioEnd)
        assert end.finish_reason == ("complete" if drain else "cancelled")
        assert daemon.wait() == 0


# -- one daemon, and what a killed one leaves -----------------------------------------------------------------------


def test_a_second_daemon_does_not_start_and_does_not_disturb_the_first(daemon: Daemon, client: Wire) -> None:
    with running(daemon.home, ready=False) as second:
        assert second.wait() == 69
        assert f"a daemon runs already (process {daemon.process.pid})" in second.log()
    assert client.status()["pid"] == daemon.process.pid


def test_what_a_killed_daemon_leaves_is_no_obstacle(home: Path) -> None:
    with running(home) as first, first.client() as client:
        client.speak(LONG)
        client.receive()
        first.process.kill()
        first.wait()
    assert (home / "run" / "synthesis.sock").exists()
    with running(home) as second, second.client() as client:
        assert len(chunks(client.until_end(client.speak("a b c")))) == 3


def test_a_client_outlives_the_daemon_and_hears_the_next_one(home: Path) -> None:
    with running(home) as first:
        client = first.client()
        client.until_end(client.speak("one"))
        first.process.kill()
        first.wait()
    with running(home):
        assert len(chunks(client.until_end(client.speak("one two")))) == 2
    client.close()


def test_only_this_user_can_reach_the_sockets(daemon: Daemon) -> None:
    run = daemon.home / "run"
    assert stat.S_IMODE(run.stat().st_mode) == 0o700
    for name in ("synthesis.sock", "control.sock"):
        assert stat.S_IMODE((run / name).stat().st_mode) == 0o600


# -- configuration ---------------------------------------------------------------------------------------------------


def test_sighup_reads_the_configuration_again(home: Path) -> None:
    home.mkdir(exist_ok=True)
    file = home / "config.toml"
    file.write_text("[limits]\ntext_characters = 10\n")
    with running(home) as daemon, daemon.client() as client:
        assert isinstance(client.until_end(client.speak("more than ten"))[-1], Error)
        file.write_text("voice = 'fast'\n[limits]\ntext_characters = 100\n")
        daemon.signal(signal.SIGHUP)
        eventually(lambda: "was read again" in daemon.log())
        assert isinstance(client.until_end(client.speak("more than ten"))[-1], AudioEnd)
        assert "at the next start: voice" in daemon.log()
        file.write_text("[limits]\ntext_charakters = 10\n")
        daemon.signal(signal.SIGHUP)
        eventually(lambda: "stays as it was" in daemon.log())
        assert "text_charakters" in daemon.log()
        assert isinstance(client.until_end(client.speak("more than ten"))[-1], AudioEnd)


def test_a_wrong_configuration_is_told_and_nothing_starts(home: Path) -> None:
    with running(home, "--set", "limits.queue=none", ready=False) as daemon:
        assert daemon.wait() == 78
        assert "limits.queue" in daemon.log()


# -- logs ------------------------------------------------------------------------------------------------------------


def test_the_log_tells_requests_but_not_what_was_said(home: Path) -> None:
    file = home / "state" / "own.log"
    file.parent.mkdir(parents=True)
    flags = ("--log-format", "json", "--log-level", "debug", "--log-file", str(file))
    with running(home, *flags, ready=False) as daemon, daemon.client() as client:
        name = client.speak("hunter2 is my password")
        client.until_end(name)
        client.until_end(client.speak("hunter2 BAD"))
        client.until_end(client.speak("hunter2 LOST"))
        client.until_end(client.speak("hunter2 ENGINE"))
        crash = client.until_end(client.speak("hunter2 CRASH"))[-1]
        daemon.signal(signal.SIGTERM)
        daemon.wait()
        assert "hunter2" not in daemon.log() + file.read_text()
    assert isinstance(crash, Error)
    assert "hunter2" not in crash.message
    events = [json.loads(line) for line in file.read_text().splitlines()]
    ended = next(event for event in events if event["message"] == "complete")
    assert (ended["request"], ended["client"], ended["voice"], ended["level"]) == (name, client.name, "tone", "info")
    # Where it happened, but not what was said there.
    assert any("ZeroDivisionError" in event["message"] and "in _speak" in event["message"] for event in events)


def test_texts_are_logged_when_asked_for(home: Path) -> None:
    with running(home, "--log-level", "debug", "--set", "log.texts=true") as daemon, daemon.client() as client:
        client.until_end(client.speak("good morning"))
        assert "good morning" in daemon.log()


def test_the_log_file_is_rotated(home: Path) -> None:
    file = home / "own.log"
    file.write_bytes(b"x" * ((1 << 20) - 10) + b"\n")
    with running(home, "--log-file", str(file), ready=False):
        eventually(lambda: (home / "own.log.1").exists())


# -- the service manager -----------------------------------------------------------------------------------------------


def test_the_service_manager_hears_how_it_goes(home: Path, manager: Manager) -> None:
    env = {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "400000", "TONE_LOAD": "0.5"}
    with running(home, env=env, ready=False) as daemon:
        before = manager.until("READY=1")
        assert any("STATUS=loading" in said for said in before)
        assert daemon.client().status()["state"] == "ready"
        began = time.monotonic()
        for _ in range(5):
            manager.until("WATCHDOG=1")
        assert time.monotonic() - began < 0.4 * 5  # each comes before its 0.4 s are over
        daemon.signal(signal.SIGHUP)
        assert "MONOTONIC_USEC=" in manager.until("RELOADING=1")[-1]
        manager.until("READY=1")
        daemon.signal(signal.SIGTERM)
        manager.until("STOPPING=1")
        assert daemon.wait() == 0


@pytest.mark.skipif(shutil.which("systemd-socket-activate") is None, reason="needs systemd's tools")
def test_sockets_opened_by_the_service_manager_are_used(home: Path, manager: Manager) -> None:
    run = home / "run"
    run.mkdir(mode=0o700)
    paths = [run / "synthesis.sock", run / "control.sock"]
    listen = [word for path in paths for word in ("--listen", str(path))]
    # systemd-socket-activate passes on only the variables that it is told.
    passed = [f"--setenv={name}" for name in ("PYTHONPATH", "FISHVOICE_HOME", "NOTIFY_SOCKET", "TONE_FRAME", "PATH")]
    command = ("systemd-socket-activate", *listen, *passed)
    with running(home, env={"NOTIFY_SOCKET": str(manager.path)}, command=command, ready=False) as daemon:
        eventually(lambda: all(path.exists() for path in paths))
        inodes = [path.stat().st_ino for path in paths]
        with daemon.client() as client:  # connecting is what starts it
            assert len(chunks(client.until_end(client.speak("one two three")))) == 3
            manager.until("READY=1")
            assert client.status()["pid"] == daemon.process.pid
            assert [path.stat().st_ino for path in paths] == inodes
            client.ask(Shutdown())
        assert daemon.wait() == 0
        assert all(path.exists() for path in paths)  # they are the service manager's


def test_foreign_sockets_are_refused_with_a_reason(home: Path) -> None:
    program = (
        "import os, socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen();"
        "os.dup2(s.fileno(), 3); os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()));"
        "from tools.harness.tone_speaker import *; sys.exit(daemon([], make, lambda _: Unhurried()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(home / "foreign.sock")],
        env=environment(home),
        cwd=ROOT,
        capture_output=True,
        timeout=30,
    )
    assert done.returncode == 69
    assert b"the service manager handed over" in done.stderr


# -- TCP --------------------------------------------------------------------------------------------------------------


def test_tcp_speaks_with_the_right_key_and_only_with_it(home: Path) -> None:
    with running(home, "--transport", "tcp") as daemon:
        where = daemon.endpoints
        assert where.curve is not None
        assert where.synthesis.startswith("tcp://127.0.0.1:")
        for file in (home / "run" / "endpoints.json", home / "state" / "curve-keys.json"):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
        with daemon.client() as client:
            assert len(chunks(client.until_end(client.speak("one two")))) == 2
            public, secret = (key.decode() for key in zmq.curve_keypair())
            strangers = [
                Endpoints(where.synthesis, where.control),
                Endpoints(where.synthesis, where.control, Curve(where.curve.server_public, public, secret)),
            ]
            for stranger in strangers:
                with_wrong_key = Wire(stranger)
                with_wrong_key.speak("let me in")
                assert with_wrong_key.silent(0.5)
                with_wrong_key.close()
            assert client.status()["counters"]["requests"] == 1
        assert where.curve.server_public not in where.curve.client_secret
        daemon.signal(signal.SIGTERM)
        daemon.wait()
        assert not (home / "run" / "endpoints.json").exists()
    with running(home, "--transport", "tcp") as again:
        assert again.endpoints.curve == where.curve


def test_a_vanished_tcp_client_is_noticed_at_once(home: Path) -> None:
    with running(home, "--transport", "tcp") as daemon, daemon.client() as client:
        with daemon.client() as other:
            other.speak(LONG)
            other.receive()
        eventually(lambda: client.status()["counters"]["vanished"] == 1, within=0.5)


# -- metrics ----------------------------------------------------------------------------------------------------------


def test_the_prometheus_endpoint_is_off_unless_asked_for_and_on_loopback_only(home: Path) -> None:
    pytest.importorskip("prometheus_client")

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with running(home, "--metrics-port", str(port)) as daemon, daemon.client() as client:
        client.until_end(client.speak("one two"))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as reply:
            text = reply.read().decode()
        assert 'fishvoice_requests_total{outcome="complete"} 1.0' in text
        assert "fishvoice_frames_total 2.0" in text
        assert 'fishvoice_first_audio_seconds{quantile="p99"}' in text
        listening = Path(f"/proc/{daemon.process.pid}/net/tcp").read_text()
        assert f"0100007F:{port:04X}" in listening


def test_nothing_listens_on_tcp_by_default(daemon: Daemon) -> None:
    assert psutil.Process(daemon.process.pid).net_connections("inet") == []


def test_idle_it_sleeps(daemon: Daemon, client: Wire) -> None:
    """A moment after the last sound, when it has seen that its memory does not grow on."""
    client.until_end(client.speak("one two three"))
    process = psutil.Process(daemon.process.pid)

    def wakes_in_a_second() -> int:
        before = process.num_ctx_switches().voluntary
        time.sleep(1.0)
        return int(process.num_ctx_switches().voluntary - before)

    eventually(lambda: wakes_in_a_second() < 5, within=10)


def test_cancelling_everything_before_the_model_is_there(home: Path) -> None:
    with running(home, env={"TONE_LOAD": "1"}, ready=False) as daemon, daemon.client() as client:
        name = client.speak("one")
        eventually(lambda: client.status()["queue"]["active"] + client.status()["queue"]["waiting"] == 1)
        assert client.ask(Cancel()) == Ok(cancelled=1)
        end = client.until_end(name)[-1]
        assert isinstance(end, AudioEnd)
        assert end.finish_reason == "cancelled"
        assert len(chunks(client.until_end(client.speak("one two")))) == 2


@pytest.mark.parametrize("to_file", [False, True])
def test_sigusr1_writes_the_stacks_of_all_threads_to_the_log_and_the_daemon_lives_on(home: Path, to_file: bool) -> None:
    file = home / "own.log"
    flags = ("--log-file", str(file)) if to_file else ()
    with running(home, *flags, ready=not to_file) as daemon, daemon.client() as client:

        def text() -> str:
            return file.read_text() if to_file else daemon.log()

        client.status()
        daemon.signal(signal.SIGUSR1)
        # Written thread by thread, so that the file may be read in the middle.
        eventually(lambda: all(part in text() for part in ("loop.py", "mailbox.py", "in _main")))
        stacks = text()
        assert stacks.count("Thread 0x") + stacks.count("Current thread 0x") >= 2
        assert client.status()["pid"] == daemon.process.pid


def test_debug_logs_the_schedulers_decisions_and_each_segments_cost_but_no_text(home: Path) -> None:
    with running(home, "--log-level", "debug") as daemon, daemon.client() as client:
        client.until_end(client.speak("secret words", id="a-request"))
        eventually(lambda: "works on priority text" in daemon.log())
        assert "request=a-request" in daemon.log()
        assert "secret" not in daemon.log()
