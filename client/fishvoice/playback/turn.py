"""Taking turns at the loudspeaker: of the commands that read aloud by a hotkey, one is heard at a time."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from fishvoice.locks import FileLock

POLL_SECONDS = 0.05


@contextlib.contextmanager
def turn(folder: Path, *, replace: bool) -> Iterator[None]:
    """Wait until no other command of this user has its turn; with ``replace`` tell the one that has it to stop.

    The lock goes with the process that holds it, so the number beside it is that process's as long as it is held.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock, holder = FileLock(folder / "aloud.lock"), folder / "aloud.pid"
    told: int | None = None
    while not lock.try_acquire():
        if replace and (number := _number(holder)) not in (None, told):
            told = number
            with contextlib.suppress(ProcessLookupError):
                os.kill(number or 0, signal.SIGTERM)
        time.sleep(POLL_SECONDS)
    with lock:
        holder.write_text(str(os.getpid()))
        try:
            yield
        finally:
            holder.unlink(missing_ok=True)


def _number(holder: Path) -> int | None:
    """The process that has its turn; None in the moment in which it has not yet said so."""
    try:
        number = int(holder.read_text())
    except (OSError, ValueError):
        return None
    return number if number > 1 else None
