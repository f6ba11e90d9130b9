"""One daemon per user, its signals, and the descriptors it may use."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO

from fishvoiced.errors import FishvoiceError


class AlreadyRunning(FishvoiceError):
    """Another daemon serves this runtime folder."""

    code = "already_running"


@contextmanager
def single_instance(path: Path) -> Iterator[None]:
    """Hold ``path`` locked. The kernel lets go of it when the process ends, however it ends: no lock is ever stale.

    Raises AlreadyRunning.
    """
    with path.open("a+", encoding="ascii") as file:
        file.seek(0)
        try:
            _lock(file)
        except OSError as error:
            holder = file.read(20).strip() or "unknown"
            message = f"a daemon runs already (process {holder}); see: fishvoice status"
            raise AlreadyRunning(message) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[str]) -> None:
        # A byte far behind the process number, which must stay readable for others.
        file.seek(1 << 20)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        file.seek(0)

else:
    import fcntl

    def _lock(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


STOP = frozenset({signal.SIGTERM, signal.SIGINT})
RELOAD: signal.Signals | None = getattr(signal, "SIGHUP", None)


@contextmanager
def signals_to(fd: int) -> Iterator[None]:
    """Write the number of each signal that asks to stop or reload to ``fd`` instead of acting on it."""

    def nothing(_signal: int, _frame: FrameType | None) -> None:
        """The byte in the pipe is the message."""

    wanted = [*STOP, *([RELOAD] if RELOAD else [])]
    before = {number: signal.signal(number, nothing) for number in wanted}
    old_fd = signal.set_wakeup_fd(fd, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(old_fd)
        for number, handler in before.items():
            signal.signal(number, handler)


def raise_descriptor_limit() -> None:
    """Use as many descriptors as the system allows: every client needs some."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = min(hard, 65536) if hard != resource.RLIM_INFINITY else 65536
        if soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
