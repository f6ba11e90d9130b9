"""The voices there are, looked up beside the loop: a disk that does not answer keeps nobody waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeAlias

from fishvoice.protocol import VoiceInfo

PATIENCE_SECONDS = 0.1
FRESH_SECONDS = 0.1  # so long an answer counts: a flood of questions costs one look

Voices: TypeAlias = tuple[VoiceInfo, ...]


class VoiceList:
    """What ``look`` last said; what it does not say soon counts from the next time on."""

    def __init__(self, look: Callable[[], Voices | None], clock: Callable[[], float] = time.monotonic) -> None:
        self._look = look
        self._clock = clock
        self._looked_at = -FRESH_SECONDS
        self._known: Voices | None = None
        self._error: Exception | None = None
        self._wanted = threading.Event()
        self._answered = threading.Event()
        self._answered.set()
        self._thread: threading.Thread | None = None

    def known(self, *, now: bool = False) -> Voices | None:
        """None before they are known; ``now``: as they are at this moment, if possible. Raises what looking raised."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._main, name="voices", daemon=True)
            self._thread.start()
        fresh = not now and self._known is not None and self._clock() - self._looked_at < FRESH_SECONDS
        if self._answered.is_set() and not fresh:  # else the disk still owes the answer before
            self._answered.clear()
            self._looked_at = self._clock()
            self._wanted.set()
            self._answered.wait(PATIENCE_SECONDS)
        if self._error is not None:
            raise self._error
        return self._known

    def _main(self) -> None:
        while self._wanted.wait():
            self._wanted.clear()
            try:
                self._known, self._error = self._look(), None
            except Exception as error:  # noqa: BLE001 - it is the asker's to tell
                self._error = error
            self._answered.set()
