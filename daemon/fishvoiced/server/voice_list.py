"""The voices there are, looked up beside the loop: a disk that does not answer keeps nobody waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeAlias

from fishvoice.protocol import VoiceInfo

PATIENCE_SECONDS = 0.3

Voices: TypeAlias = tuple[VoiceInfo, ...]


class VoiceList:
    """What ``look`` last said. It is asked each time; what it does not say soon counts from the next time on."""

    def __init__(self, look: Callable[[], Voices | None]) -> None:
        self._look = look
        self._known: Voices | None = None
        self._error: Exception | None = None
        self._wanted = threading.Event()
        self._answered = threading.Event()
        self._answered.set()
        self._thread: threading.Thread | None = None

    def known(self) -> Voices | None:
        """None before they are known. Raises what looking raised."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._main, name="voices", daemon=True)
            self._thread.start()
        if self._answered.is_set():  # else the disk still owes the answer before
            self._answered.clear()
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
