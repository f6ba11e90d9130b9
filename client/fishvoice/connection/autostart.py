"""Starting a daemon when none answers: once, however many clients ask at the same time."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TypeVar

from fishvoice import paths
from fishvoice.errors import DaemonFrozen, DaemonUnavailable
from fishvoice.locks import FileLock

POLL_SECONDS = 0.03
LOG_LINES = 8
MAX_LOG_BYTES = 1 << 20

_Connection = TypeVar("_Connection")


def start_daemon(attempt: Callable[[], _Connection], timeout: float) -> _Connection:
    """What ``attempt`` returns once a daemon answers; until then it raises DaemonUnavailable, as this does in the end.

    The first of several callers starts the daemon, the others wait for it.
    """
    deadline = time.monotonic() + timeout
    with FileLock(paths.runtime_dir() / "start.lock") as lock:
        while not lock.try_acquire():
            _wait(deadline, timeout)
        running = FileLock(paths.lock_file())
        process: subprocess.Popen[bytes] | None = None
        said_before = 0
        while True:
            try:
                return attempt()
            except DaemonFrozen:
                raise
            except DaemonUnavailable:
                # A daemon that holds its lock is starting or ending, whoever started it: that takes its time.
                if process is None and not running.held():
                    log = _fresh_log()
                    said_before = log.stat().st_size if log.exists() else 0
                    process = _spawn(daemon_command(), log)
                elif process is not None and process.poll():
                    if not running.held():
                        raise DaemonUnavailable(_obituary(paths.log_file(), process.returncode, said_before)) from None
                    process = None
            _wait(deadline, timeout)


def daemon_command() -> list[str]:
    """How to start a daemon: ``FISHVOICE_DAEMON`` if set, this interpreter if it can, else ``fishvoiced`` on PATH."""
    given = os.environ.get("FISHVOICE_DAEMON")
    if given:
        return shlex.split(given)
    if find_spec("fishvoiced") and find_spec("numpy"):
        return [sys.executable, "-m", "fishvoiced"]
    found = shutil.which("fishvoiced")
    if found:
        return [found]
    raise DaemonUnavailable("no daemon runs, and none is installed here: pip install 'fishvoice[daemon]'")


def _spawn(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    """Start ``command`` in a session of its own: it outlives this process and hears none of its signals."""
    with log.open("ab") as output:
        try:
            process = _detached(command, output)
        except OSError as error:
            raise DaemonUnavailable(f"cannot start the daemon ({command[0]}): {error.strerror}") from error
    # Somebody must take note of its end, or it stays a zombie as long as this process lives.
    threading.Thread(target=process.wait, name="fishvoice-daemon-reaper", daemon=True).start()
    return process


if sys.platform == "win32":

    def _detached(command: list[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, creationflags=flags, close_fds=True
        )

else:

    def _detached(command: list[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            start_new_session=True,
            close_fds=True,
        )


def _fresh_log() -> Path:
    log = paths.log_file()
    if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    return log


def _wait(deadline: float, timeout: float) -> None:
    if time.monotonic() >= deadline:
        raise DaemonUnavailable(f"the daemon does not answer within {timeout:g} s of its start; see {paths.log_file()}")
    time.sleep(POLL_SECONDS)


def _obituary(log: Path, code: int, said_before: int) -> str:
    """What the daemon said since its start, of which the log held ``said_before`` bytes."""
    with log.open("rb") as file:
        file.seek(said_before)
        lines = file.read().decode("utf-8", errors="replace").splitlines()[-LOG_LINES:]
    missing = any("ModuleNotFoundError" in line for line in lines)
    hint = "a part of it is not installed: pip install 'fishvoice[daemon]'" if missing else f"its log is {log}"
    said = "".join(f"\n  {line}" for line in lines)
    return f"the daemon ended on start with code {code}; {hint}{said}"
