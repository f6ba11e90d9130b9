"""Text that arrives in pieces of any size, cut into requests: whole sentences, as soon as they are whole."""

from __future__ import annotations

import asyncio
import time

from fishvoice.playback.sentences import STREAM_CHARACTERS, SentenceBuffer
from fishvoice.protocol import MAX_TEXT_CHARACTERS
from fishvoice.request import SpeechOptions

IDLE_SECONDS = 0.25  # after this pause a finished sentence is spoken, though no other has begun


class TextStream:
    """One utterance: fed by the reader of a connection, taken from by its speaker, in one event loop."""

    def __init__(self, options: SpeechOptions) -> None:
        self.options = options  # of every piece
        self.characters = 0  # fed so far
        self._pieces = SentenceBuffer(STREAM_CHARACTERS)
        self.ended = self._flushed = False
        self._since = time.monotonic()  # when the first of what is not spoken yet came
        self._news = asyncio.Event()

    @classmethod
    def whole(cls, text: str, options: SpeechOptions) -> TextStream:
        """All of the text at once: one request."""
        stream = cls(options)
        stream._pieces = SentenceBuffer(MAX_TEXT_CHARACTERS + 1)
        stream.feed(text)
        stream.end()
        return stream

    def feed(self, text: str) -> None:
        if self._pieces.empty:
            self._since = time.monotonic()
        self.characters += len(text)
        self._pieces.feed(text)
        self._news.set()

    def flush(self) -> None:
        """What is there is to be spoken now, finished or not."""
        self._flushed = not self._pieces.empty
        self._news.set()

    def end(self) -> None:
        """Nothing more will come."""
        self.ended = True
        self._news.set()

    async def next(self) -> str | None:
        """Waits for the next piece; None when all has been taken."""
        while True:
            self._news.clear()
            piece = self._pieces.take_rest() if self.ended or self._flushed else self._pieces.take()
            self._flushed = self._flushed and not self._pieces.empty
            if piece is None and not self.ended:
                idle = not await self._receive()
                piece = (self._pieces.take_idle() if idle else None) or self._late()
            if piece is not None:
                self._since = time.monotonic()
                return piece
            if self._pieces.empty:
                if self.ended:
                    return None
                await self._news.wait()

    def _late(self) -> str | None:
        return self._pieces.take_late(time.monotonic() - self._since)

    async def _receive(self) -> bool:
        """Whether something comes before the pause is long enough to count as one."""
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                await self._news.wait()
        except TimeoutError:
            return False
        return True
