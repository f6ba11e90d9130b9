"""The daemon speaks with its real engine behind the walls of its systemd unit."""

from __future__ import annotations

import ctypes.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fishvoice import service
from tools.harness.daemon_process import ROOT, Manager, chunks, environment, eventually, running

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None or ctypes.util.find_library("seccomp") is None,
    reason="needs systemd's tools and libseccomp",
)

ATTEMPTS = {
    "to execute what it wrote": "import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)",
    "to write elsewhere": f"open({str(ROOT / 'anywhere')!r}, 'w')",
    "another address family": "import socket; socket.socket(socket.AF_INET6)",
    "a privileged call": "import os; os.chroot('/')",
}


@pytest.fixture
def cage(home: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """The beginning of a command that runs the rest of it under the unit that `service install` would write."""
    monkeypatch.setenv("FISHVOICE_HOME", str(home))
    monkeypatch.setenv("FISHVOICE_DAEMON", "fishvoiced")
    wanted = service.service("linux", service.facts())
    unit = next(content for path, content in wanted.files.items() if path.suffix == ".service")
    home.joinpath("unit").write_bytes(unit)
    return (sys.executable, "-m", "tests.daemon.hardened", str(home / "unit"))


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_the_walls_stand(home: Path, cage: tuple[str, ...], attempt: str) -> None:
    if attempt == "to write elsewhere" and os.getuid() != 0:
        pytest.skip("only root can make a file system read-only")
    program = [sys.executable, "-c", ATTEMPTS[attempt]]
    free = subprocess.run([*cage, sys.executable, "-c", ""], env=environment(home), cwd=ROOT, capture_output=True)
    assert (free.returncode, free.stderr) == (0, b"")
    caught = subprocess.run([*cage, *program], env=environment(home), cwd=ROOT, capture_output=True)
    assert b"Error: [Errno" in caught.stderr


@pytest.mark.skipif(shutil.which("systemd-socket-activate") is None, reason="needs systemd's tools")
@pytest.mark.parametrize(("voice", "model"), [("heart", "hibari/heart"), ("starter", "starter")])
def test_the_shipped_voices_speak_behind_them_started_by_the_first_client(
    home: Path, manager: Manager, cage: tuple[str, ...], voice: str, model: str
) -> None:
    sockets = [home / "run" / name for name in ("synthesis.sock", "control.sock")]
    listen = [f"--listen={path}" for path in sockets]
    passed = [f"--setenv={name}" for name in ("PYTHONPATH", "FISHVOICE_HOME", "NOTIFY_SOCKET", "PATH")]
    command = ("systemd-socket-activate", *listen, *passed, *cage)
    env = {"NOTIFY_SOCKET": str(manager.path)}
    with running(home, env=env, command=command, module="fishvoiced", ready=False) as daemon:
        eventually(lambda: all(path.exists() for path in sockets))
        with daemon.client() as client:
            messages = client.until_end(client.speak("Hello, you.", voice=voice, seed=1), within=120)
            sound = np.frombuffer(b"".join(c.payload or b"" for c in chunks(messages)), "<i2")
            status = client.status()
            assert (status["engine"], status["pid"]) == ("onnx", daemon.process.pid)
            assert model in [loaded["model"] for loaded in status["models"]]
        assert np.abs(sound).max() > 1000
        manager.until("READY=1")
        assert "warning" not in daemon.log()
        kernel = Path(f"/proc/{daemon.process.pid}/status").read_text()
        assert "NoNewPrivs:\t1" in kernel
        assert "Seccomp:\t2" in kernel
