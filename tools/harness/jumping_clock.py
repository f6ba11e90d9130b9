"""Clocks that jump when a test says so: for a process that has been started with a file to read the jump from."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path


def install(file: Path) -> None:
    """From now on this process's clocks are ahead by the seconds that stand in ``file``; nothing there is none."""
    for name in ("monotonic", "time"):
        setattr(time, name, _ahead(getattr(time, name), file))


def _ahead(clock: Callable[[], float], file: Path) -> Callable[[], float]:
    def ahead() -> float:
        try:
            return clock() + float(file.read_text() or 0)
        except FileNotFoundError:
            return clock()

    return ahead
