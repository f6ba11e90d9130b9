"""What is being heard, told while it is heard: lines of JSON for programs that mark the words as they are spoken."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TextIO

from fishvoice.protocol import FinishReason
from fishvoice.speech import Chunk

PATIENCE_SECONDS = 1.0  # at the end: what is due has been heard by then


@dataclass(frozen=True)
class _Due:
    at: float
    fields: dict[str, Any]


class Events:
    """Writes to ``stream`` from a thread of its own, each event when its sound begins to be heard.

    - ``{"event": "piece", "piece": 0, "text": …}``: this part of the text comes next;
    - ``{"event": "chunk", "piece": 0, "text_start": 0, "text_end": 3, "seconds": 0.0}``: these characters (code points)
      of the piece are spoken now, so many seconds after the beginning of all sound; a line only where they change;
    - ``{"event": "end", "finish_reason": "complete"}``: all has been heard. An interrupted command says nothing.

    ``paced`` False: sound goes to a file, and nothing is to be waited for.
    """

    def __init__(self, stream: TextIO, *, paced: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._paced = paced
        self._clock = clock
        self._seconds = 0.0  # of sound told of so far
        self._until = 0.0  # when the sound told of so far has been heard
        self._last: tuple[int, int, int] | None = None
        self._due: queue.SimpleQueue[_Due | None] = queue.SimpleQueue()
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._print_due, name="fishvoice-events", daemon=True)
        self._thread.start()

    def piece(self, number: int, text: str) -> None:
        """Sound of this piece comes next."""
        self._put({"event": "piece", "piece": number, "text": text})

    def chunk(self, number: int, chunk: Chunk) -> None:
        """``chunk`` is about to be played, after all that came before it."""
        self._until = max(self._until, self._clock())
        where = (number, chunk.text_start, chunk.text_end)
        if where != self._last:
            self._last = where
            self._put(
                {
                    "event": "chunk",
                    "piece": number,
                    "text_start": where[1],
                    "text_end": where[2],
                    "seconds": round(self._seconds, 3),
                }
            )
        self._until += chunk.seconds
        self._seconds += chunk.seconds

    def end(self, reason: FinishReason) -> None:
        """All has been heard: tell the rest at once."""
        self._hurry.set()
        self._put({"event": "end", "finish_reason": reason})
        self._due.put(None)
        self._thread.join(PATIENCE_SECONDS)

    def _put(self, fields: dict[str, Any]) -> None:
        self._due.put(_Due(self._until if self._paced else 0.0, fields))

    def _print_due(self) -> None:
        while (due := self._due.get()) is not None:
            left = due.at - self._clock()
            if left > 0:
                self._hurry.wait(left)
            try:
                print(json.dumps(due.fields), file=self._stream, flush=True)
            except OSError:  # the reader has left, which the command itself notices
                return
