"""Noticing that the daemon's own package was replaced under it, and starting the new one in its place."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import fishvoiced

CHECK_SECONDS = 20.0  # the new package must be able to tell its version within this


class OwnPackage:
    """The files this process was started from. `replaced` costs one look at one file."""

    def __init__(self, witness: Path | None = None) -> None:
        self._witness = witness or Path(fishvoiced.__file__).with_name("version.py")
        self._at_start = self._stamp()

    def replaced(self) -> bool:
        """Whether other files lie there now than those that this process has read, or none."""
        return self._stamp() != self._at_start

    def usable(self) -> bool:
        """Whether what lies there now starts: not in the middle of being replaced."""
        if self._stamp() is None:
            return False
        command = [sys.executable, "-m", "fishvoiced", "--version"]
        try:
            done = subprocess.run(command, check=False, capture_output=True, timeout=CHECK_SECONDS, cwd=os.sep)
        except (OSError, subprocess.TimeoutExpired):
            return False
        return done.returncode == 0

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self._witness.stat()
        except OSError:
            return None
        return (found.st_ino, found.st_mtime_ns, found.st_size)


def start_anew(environment: Mapping[str, str]) -> NoReturn:
    """Become the daemon that lies there now: the same process, command line and ``environment``. Raises OSError."""
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], dict(environment))  # noqa: S606 - no shell is wanted
