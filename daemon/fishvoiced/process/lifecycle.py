"""One daemon per user, its signals, and the descriptors it may use."""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from fishvoice import paths
from fishvoice.locks import FileLock
from fishvoiced.errors import DaemonError

log = logging.getLogger(__name__)


class AlreadyRunning(DaemonError):
    """Another daemon serves this runtime folder."""

    code = "already_running"


@contextmanager
def single_instance(path: Path) -> Iterator[None]:
    """Hold ``path`` locked, with this process's number in a file beside it. The kernel lets go of the lock when
    the process ends, however it ends: no lock is ever stale. Raises AlreadyRunning.
    """
    note = path.with_suffix(".pid")
    with FileLock(path) as lock:
        if not lock.try_acquire():
            holder = paths.daemon_process() or "unknown"
            raise AlreadyRunning(f"a daemon runs already (process {holder}); see: fishvoice status")
        _note(note, f"{os.getpid()}\n")
        yield
        with contextlib.suppress(OSError):  # the lock is what counts
            note.unlink()


def _note(path: Path, text: str) -> None:
    """For people, who want to know whom to end; a daemon speaks without it, too."""
    try:
        path.write_text(text, encoding="ascii")
    except OSError as error:
        log.warning("%s cannot be written: %s", path, error.strerror or error)


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


def dump_stacks_on_signal(file: Path | None) -> None:
    """On SIGUSR1, and when native code crashes, write the stacks of all threads to ``file``, or to standard error.

    It works however busy or stuck they are, because no Python code runs for it.
    """
    # A descriptor of its own: the log's is closed when the log is rotated.
    out = sys.stderr if file is None else file.open("a", encoding="utf-8")
    faulthandler.enable(out, all_threads=True)
    if sys.platform != "win32":
        faulthandler.register(signal.SIGUSR1, out, all_threads=True)


def raise_descriptor_limit() -> None:
    """Use as many descriptors as the system allows: every client needs some."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = min(hard, 65536) if hard != resource.RLIM_INFINITY else 65536
        if soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
