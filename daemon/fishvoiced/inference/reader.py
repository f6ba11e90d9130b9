"""A thread that reads long texts, so that the inference thread can do for others what they wait for."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable

from fishvoiced.text.spans import Script

LONG_CHARACTERS = 2000  # shorter texts are read faster than threads change
LOOK_SECONDS = 0.01  # between two looks whether a text has been read
SWITCH_SECONDS = 0.001  # Python lets another thread have its turn after so long


class Reading:
    """One text that is being read."""

    def __init__(self, read: Callable[[], Script]) -> None:
        self._read = read
        self._over = threading.Event()
        self._script: Script | None = None
        self._error: BaseException | None = None
        self.discarded = False
        """Nobody wants it any more."""

    @property
    def done(self) -> bool:
        return self._over.is_set()

    def result(self) -> Script:
        """When it is done. Raises what reading raised."""
        if self._error is not None:
            raise self._error
        assert self._script is not None
        return self._script

    def work(self) -> None:
        """In the reader's thread."""
        if not self.discarded:
            try:
                self._script = self._read()
            except BaseException as error:  # noqa: BLE001 - the inference thread tells it, as its own
                self._error = error
        self._over.set()


class Reader:
    """Reads one text after the other; its thread begins with the first."""

    def __init__(self) -> None:
        self._texts: queue.SimpleQueue[Reading] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def begin(self, read: Callable[[], Script]) -> Reading:
        if self._thread is None:
            sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_SECONDS))
            self._thread = threading.Thread(target=self._main, name="reader", daemon=True)
            self._thread.start()
        reading = Reading(read)
        self._texts.put(reading)
        return reading

    def _main(self) -> None:
        while True:
            self._texts.get().work()
