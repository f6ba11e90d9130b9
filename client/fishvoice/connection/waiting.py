"""`SimpleQueue.get` that Ctrl-C can interrupt, on Windows too."""

from __future__ import annotations

import queue
import sys
import time
from typing import TypeVar

# On Windows a wait for a lock cannot be interrupted, so it is cut into slices there.
_SLICE_SECONDS = 0.2 if sys.platform == "win32" else None

_Item = TypeVar("_Item")


def get(items: queue.SimpleQueue[_Item], timeout: float | None = None) -> _Item:
    """The next item. Raises queue.Empty after ``timeout`` seconds (None: no limit)."""
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        left = None if deadline is None else deadline - time.monotonic()
        limits = [limit for limit in (left, _SLICE_SECONDS) if limit is not None]
        try:
            return items.get(timeout=max(0.0, min(limits)) if limits else None)
        except queue.Empty:
            if deadline is not None and time.monotonic() >= deadline:
                raise
