"""Giving way: noticing that the daemon's package was replaced, or that a client has a newer one; starting anew."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import fishvoiced
from fishvoiced.version import __version__

log = logging.getLogger(__name__)

SECONDS = 3.0  # of rest before it gives way, and between two looks whether it may
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


class Renewal:
    """When this daemon gives way to another one. Asked with every request: a warm voice goes on until it is idle.

    ``managed``: a service manager would start this very daemon again, whatever a client brings along.
    """

    def __init__(self, package: OwnPackage, *, managed: bool) -> None:
        self._package = package
        self._managed = managed
        self.problem: str | None = None
        """Why it will give way, or should be made to; for `status`."""
        self.next_look: float | None = None

    def look(self, client_version: str | None, now: float) -> None:
        """``client_version`` is what the request's client says of itself, if it does."""
        if self.next_look is not None:
            return
        if self._package.replaced():
            self._begin("the package was replaced; the new daemon starts when idle", now)
        elif client_version is not None and _numbers(client_version) > _numbers(__version__):
            newer = f"a client of version {client_version:.40} asked, this daemon is {__version__}"
            if not self._managed:
                self._begin(f"{newer}; it ends when idle, and the client's starts", now)
            elif self.problem is None:
                self.problem = f"{newer}; let the newer one serve: fishvoice service install"
                log.warning("%s", self.problem)

    def _begin(self, why: str, now: float) -> None:
        log.warning("%s", why)
        self.problem, self.next_look = why, now + SECONDS

    def due(self, now: float, *, idle: bool) -> bool:
        """Whether it gives way now."""
        if self.next_look is None or now < self.next_look:
            return False
        self.next_look = now + SECONDS
        return idle and (not self.starts_anew or self._package.usable())

    @property
    def starts_anew(self) -> bool:
        """Whether its own package's new daemon takes its place, rather than a client's."""
        return self._package.replaced()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d{1,9}", version[:100])[:3])


def start_anew(environment: Mapping[str, str]) -> NoReturn:
    """Become the daemon that lies there now: the same process, command line and ``environment``. Raises OSError."""
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], dict(environment))  # noqa: S606 - no shell is wanted
