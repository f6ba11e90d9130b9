"""One message being spoken: what it may still send to speech-dispatcher, and its end, from any thread."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from fishvoice.adapters.speechd import protocol

SERVER_MARKS = "__spd_"
SAMPLE_RATE = 44100  # until there is a sound
BEGINNING = "__spd_-1"  # they count from 0; the server takes what lies before that as the beginning of the message


class Output:
    """The way to speech-dispatcher: whole replies, from any thread. Raises BrokenPipeError when it is gone."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self.lock = threading.RLock()

    def write(self, data: bytes) -> None:
        with self.lock:
            left = memoryview(data)
            while left:
                left = left[os.write(self._handle, left) :]


class Message:
    """From ``200 OK SPEAKING`` to the one event that ends the message.

    After :meth:`finish` nothing more is sent; :meth:`tell` then returns False, so that its producer stops.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._begun = False
        self._over = threading.Event()
        self._cancel: Callable[[], None] | None = None
        self.server_mark = BEGINNING  # the last one passed of those that the server has put into the text
        self.sample_rate = SAMPLE_RATE  # of the last sound

    @property
    def over(self) -> bool:
        return self._over.is_set()

    def tell(self, data: bytes) -> bool:
        """Send an event of this message; False if it is over."""
        with self._output.lock:
            if self.over:
                return False
            self._begin()
            self._output.write(data)
            return True

    def tell_mark(self, name: str) -> bool:
        """The sound has come to mark ``name``; False if the message is over."""
        with self._output.lock:
            if not self.tell(protocol.mark(name)):
                return False
            if name.startswith(SERVER_MARKS):
                self.server_mark = name
            return True

    def tell_sound(self, pcm: bytes, sample_rate: int) -> bool:
        """Mono s16le; False if the message is over."""
        with self._output.lock:
            if not self.tell(protocol.audio(pcm, sample_rate)):
                return False
            self.sample_rate = sample_rate
            return True

    def finish(self, last: bytes) -> bool:
        """End with the event ``last``; False if something else has ended it before."""
        with self._output.lock:
            if self.over:
                return False
            self._begin()
            self._over.set()
            self._output.write(last)
            cancel, self._cancel = self._cancel, None
        if cancel is not None:
            cancel()
        return True

    def on_end(self, cancel: Callable[[], None]) -> None:
        """Call ``cancel`` when the message ends; at once if it is over."""
        with self._output.lock:
            if not self.over:
                self._cancel = cancel
                return
        cancel()

    def wait(self, seconds: float) -> bool:
        """Let time pass; True as soon as the message is over."""
        return self._over.wait(seconds)

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self._output.write(protocol.BEGIN)
