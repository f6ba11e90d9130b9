"""SystemAccess: the ways out to the machine (files, commands, registry, kernel calls), injectable."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from fishvoiced.hardware.facts import System


class CommandError(Exception):
    """A command is missing, failed, or took longer than it was given; the message says which."""


class Run(Protocol):
    """Runs a command without a shell and returns its standard output, even when it exits 1.

    Raises CommandError when it cannot be started, runs out of time, or prints nothing and fails.
    """

    def __call__(self, argv: Sequence[str], timeout_seconds: float, /) -> str: ...


class Registry(Protocol):
    """Reads a value below HKEY_LOCAL_MACHINE; None when it does not exist."""

    def __call__(self, key: str, value: str) -> str | int | None: ...


class WindowsKernel(Protocol):
    """The few Windows kernel calls that detection needs."""

    def processor_feature(self, number: int) -> bool: ...

    def core_records(self) -> bytes: ...

    def memory_bytes(self) -> int | None: ...

    def on_mains(self) -> bool | None: ...

    def affinity(self) -> frozenset[int] | None: ...


class Files:
    """Files below a root ("/" in life, a recorded tree in tests)."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = str(root)

    def path(self, name: str) -> str:
        return os.path.join(self._root, name.lstrip("/"))

    def read(self, name: str, limit: int = 1 << 20) -> str:
        """At most ``limit`` bytes of a file as text; raises OSError."""
        # Straight to the system call: sensor files are read every two seconds.
        handle = os.open(self.path(name), os.O_RDONLY)
        try:
            parts = []
            while limit > 0 and (part := os.read(handle, limit)):
                parts.append(part)
                limit -= len(part)
        finally:
            os.close(handle)
        return b"".join(parts).decode("utf-8", "replace")

    def peek(self, name: str, limit: int = 1 << 20) -> str | None:
        """Like read, without trailing blanks; None when the file is absent or not readable."""
        try:
            return self.read(name, limit).rstrip("\0\n ")
        except OSError:
            return None  # for detection, absent and forbidden alike mean "not known"

    def names(self, folder: str) -> list[str]:
        """The sorted names in a folder; empty when there is no such folder."""
        try:
            return sorted(os.listdir(self.path(folder)))
        except OSError:
            return []


def run_command(argv: Sequence[str], timeout_seconds: float) -> str:
    """Run a command in the C locale, without a terminal, and return its output (see Run)."""
    try:
        done = subprocess.run(
            list(argv),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_seconds,
            env={**os.environ, "LC_ALL": "C"},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"{argv[0]} took longer than {timeout_seconds:g} s") from error
    except OSError as error:
        raise CommandError(f"{argv[0]} cannot be run: {error.strerror or error}") from error
    if done.returncode != 0 and not done.stdout:
        what = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise CommandError(f"{argv[0]} failed: {what[0] if what else done.returncode}")
    return done.stdout.decode("utf-8", "replace")


def no_registry(key: str, value: str) -> str | int | None:
    """The registry of systems that have none."""
    return None


@dataclass(frozen=True, slots=True)
class SystemAccess:
    """All ways out to one machine; tests pass recorded ones."""

    system: System
    machine: str = ""
    files: Files = field(default_factory=Files)
    run: Run = run_command
    registry: Registry = no_registry
    kernel: WindowsKernel | None = None
    affinity: frozenset[int] | None = None


def system_access(root: Path = Path("/")) -> SystemAccess:
    """The doors of the machine that this process runs on; ``root`` other than "/" makes it see
    the files of another, recorded machine."""
    machine = platform.machine()
    if sys.platform == "win32":
        from fishvoiced.hardware.detect.windows_kernel import LiveKernel, read_registry

        kernel = LiveKernel()
        return SystemAccess(
            System.WINDOWS,
            machine,
            registry=read_registry,
            kernel=kernel,
            affinity=kernel.affinity(),
        )
    system = {"Linux": System.LINUX, "Darwin": System.MACOS}.get(platform.system(), System.OTHER)
    affinity = frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    return SystemAccess(system, machine, Files(root), affinity=affinity)
