"""Listening to what is being spoken: a client that tells its listeners of every piece of text and chunk of sound."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, Unpack

from fishvoice.captions import files
from fishvoice.captions.words import TimedWord, WordCollector
from fishvoice.client import Client
from fishvoice.connection.connection import Connection
from fishvoice.errors import PlaybackError
from fishvoice.protocol import Synthesize
from fishvoice.request import SpeechOptions
from fishvoice.speech import Chunk, Speech


class Listener(Protocol):
    """Is told in the order of the speech, just before each chunk is played or written."""

    def piece(self, number: int, text: str) -> None:
        """Sound of this piece of the text comes next."""

    def chunk(self, number: int, chunk: Chunk) -> None:
        """More sound of piece ``number``."""


class TellingClient(Client):
    """A client whose speeches tell ``listeners`` of what is taken from them."""

    def __init__(self, listeners: Sequence[Listener], *, start: bool) -> None:
        super().__init__(start=start)
        self._listeners = listeners
        self._pieces = 0

    def synthesize(self, text: str, **options: Unpack[SpeechOptions]) -> Speech:
        link, request = self.prepare(text, **options)
        self._pieces += 1
        return _TellingSpeech(link, request, self.timeout, self, self._listeners, self._pieces - 1)


class _TellingSpeech(Speech):
    def __init__(
        self,
        link: Connection,
        request: Synthesize,
        timeout: float,
        owner: object,
        listeners: Sequence[Listener],
        number: int,
    ) -> None:
        super().__init__(link, request, timeout, owner)
        self._listeners = listeners
        self._number = number
        self._text = request.text

    def __iter__(self) -> Iterator[Chunk]:
        for listener in self._listeners:
            listener.piece(self._number, self._text)
        for chunk in super().__iter__():
            for listener in self._listeners:
                listener.chunk(self._number, chunk)
            yield chunk


class Captions:
    """Collects the words, and writes them to ``path`` at the end. Raises InvalidRequest for an unknown suffix."""

    def __init__(self, path: str) -> None:
        files.check(path)
        self._path = Path(path)
        self._collector = WordCollector()
        self._words: list[TimedWord] = []

    def piece(self, number: int, text: str) -> None:
        self._words += self._collector.finish()
        self._collector.begin(text)

    def chunk(self, number: int, chunk: Chunk) -> None:
        self._words += self._collector.chunk(chunk)

    def write(self) -> None:
        """Everything has been spoken. Raises PlaybackError."""
        self._words += self._collector.finish()
        try:
            self._path.write_text(files.write(self._words, self._path), encoding="utf-8")
        except OSError as error:
            raise PlaybackError(f"cannot write {self._path}: {error.strerror}") from error


class Share:
    """How much of a text of ``characters`` is spoken, and how long the rest takes at the same pace."""

    def __init__(self, characters: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._all = characters
        self._clock = clock
        self._begun: float | None = None  # with the first sound: what comes before it does not come again
        self._before = 0  # characters of the pieces before the current one
        self._text = ""
        self._done = 0

    def piece(self, number: int, text: str) -> None:
        self._before += len(self._text)
        self._text = text

    def chunk(self, number: int, chunk: Chunk) -> None:
        if self._begun is None:
            self._begun = self._clock()
        self._done = self._before + chunk.text_end

    def __str__(self) -> str:
        """``37 %, 2:05 left``; the time as soon as a twentieth is known."""
        share = min(1.0, self._done / max(1, self._all))
        if self._begun is None or share < 0.05:
            return f"{share:.0%}"
        left = round((self._clock() - self._begun) * (1 - share) / share)
        return f"{share:.0%}, {left // 60}:{left % 60:02} left"
