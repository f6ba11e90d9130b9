"""Locks between processes: a file that one process at a time holds, and that a dead process lets go."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from types import TracebackType

from fishvoice.errors import UnusableFolder


class FileLock:
    """An advisory lock on ``path``, which stays behind as an empty file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    def try_acquire(self) -> bool:
        """Take the lock if it is free; never waits. Raises UnusableFolder where it cannot be had at all."""
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise UnusableFolder(f"cannot lock {self._path}: {error.strerror or error}") from error
        if not _lock(handle):
            os.close(handle)
            return False
        self._handle = handle
        return True

    def held(self) -> bool:
        """Whether somebody has it at the moment."""
        free = self.try_acquire()
        self.release()
        return not free

    def held_for(self, seconds: float) -> bool:
        """Whether somebody has it now and for so many ``seconds``."""
        deadline = time.monotonic() + seconds
        while self.held():
            if time.monotonic() >= deadline:
                return True
            time.sleep(0.02)
        return False

    def release(self) -> None:
        """Let go; no harm if it is not held. Closing the file is what frees the lock."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> FileLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.release()


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
