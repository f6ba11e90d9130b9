"""What a caller holds while a request is spoken: its chunks, and what is known about it."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType

from fishvoice.connection.connection import Connection
from fishvoice.connection.exchange import SAMPLE_BYTES, Event
from fishvoice.connection.waiting import get
from fishvoice.errors import DaemonUnavailable, FishvoiceError, RequestFailed
from fishvoice.protocol import (
    AudioChunk,
    AudioEnd,
    AudioStart,
    FinishReason,
    MarkTime,
    Metrics,
    SampleFormat,
    Synthesize,
    Waiting,
    WordTime,
)


@dataclass(frozen=True)
class Chunk:
    """A piece of sound: mono PCM, little-endian, in the format asked for.

    The characters [text_start, text_end) of the text are what it is estimated to say. ``throttled`` says why the
    daemon goes slower at the moment, if it does. ``words``: when the words that have become known begin, in seconds
    from the request's first sample; ``marks``: likewise, the marks of the text's own markup.
    """

    pcm: bytes
    index: int
    segment: int
    text_start: int
    text_end: int
    sample_rate: int
    format: SampleFormat
    throttled: str | None = None
    words: tuple[WordTime, ...] = ()
    marks: tuple[MarkTime, ...] = ()

    @property
    def seconds(self) -> float:
        return len(self.pcm) / SAMPLE_BYTES[self.format] / self.sample_rate


class Progress:
    """What is known of one request, from its events. A chunk counts as used when it has been handed out."""

    def __init__(self, link: Connection, request: Synthesize, timeout: float, owner: object) -> None:
        self.id = request.id
        self._link = link
        self._timeout = timeout
        self._owner = owner  # keeps the client open until its speech is over
        self._start: AudioStart | None = None
        self._end: AudioEnd | None = None
        self._waiting: Waiting | None = None
        self.notices: list[str] = []
        """What the daemon has told since the beginning, such as that another voice speaks on in the heat."""
        self.on_waiting: Callable[[Waiting], None] | None = None
        """Called with each word of the daemon that the request waits, on the thread that waits for its sound."""
        self._cancelled = False
        self._underruns = 0
        self._error: FishvoiceError | None = None

    @property
    def metrics(self) -> Metrics | None:
        """What it cost; None until it has ended, and after a cancel from this side."""
        return self._end.metrics if self._end else None

    @property
    def notice(self) -> str | None:
        """All `notices` so far as one text; None for nothing."""
        return "; ".join(self.notices) or None

    @property
    def finish_reason(self) -> FinishReason | None:
        """How it ended; None until it has."""
        if self._cancelled:
            return "cancelled"
        return self._end.finish_reason if self._end else None

    @property
    def waiting(self) -> Waiting | None:
        """Why there is no sound at the moment, and for how long, as far as the daemon has said; None while it flows."""
        return None if self.over else self._waiting

    @property
    def over(self) -> bool:
        """There will be no more chunks."""
        return self._cancelled or self._end is not None or self._error is not None

    def tell_underruns(self, count: int) -> None:
        """``count`` more gaps have been heard: the daemon learns of them with the next credit."""
        self._underruns += count

    def _take(self, event: Event) -> Chunk | None:
        if self._cancelled:
            return None
        self._waiting = event if isinstance(event, Waiting) else None
        if isinstance(event, AudioChunk | AudioEnd) and event.notice:
            self.notices.append(event.notice)
        match event:
            case Waiting():
                if self.on_waiting is not None:
                    self.on_waiting(event)
            case AudioStart():
                self._start = event
            case AudioEnd():
                self._end = event
            case AudioChunk():
                assert self._start is not None, "the session lets no chunk pass before AudioStart"
                self._link.use(self.id, self._underruns)
                self._underruns = 0
                return Chunk(
                    event.payload or b"",
                    event.index,
                    event.segment,
                    event.text_start,
                    event.text_end,
                    self._start.sample_rate,
                    self._start.format,
                    event.throttled,
                    event.words,
                    event.marks,
                )
            case _:
                self._error = event
                raise event
        return None

    def _started(self) -> AudioStart | None:
        """AudioStart if it is known; None if it is still to come. Raises if it will never come."""
        if self._start is not None:
            return self._start
        if self._error is not None:
            raise self._error
        if self.over:
            raise RequestFailed("cancelled", "the request ended before it began")
        return None

    def _silence(self) -> DaemonUnavailable:
        return DaemonUnavailable(f"the daemon has said nothing for {self._timeout:g} s")


class Speech(Progress):
    """An iterator of :class:`Chunk`; leaving a ``for`` loop early cancels the request.

    Raises RequestFailed where the daemon refuses or fails it, DaemonUnavailable when the daemon goes away or says
    nothing within the client's ``timeout``. ``cancel`` may be called from any thread; the rest is for one.
    """

    def __init__(self, link: Connection, request: Synthesize, timeout: float, owner: object) -> None:
        super().__init__(link, request, timeout, owner)
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        link.open(request, self._events.put)

    @property
    def start(self) -> AudioStart:
        """Sample rate, voice, predictions: waits for the daemon to begin."""
        while (start := self._started()) is None:
            self._wait()
        return start

    def __iter__(self) -> Iterator[Chunk]:
        try:
            while (chunk := self._next()) is not None:
                yield chunk
        finally:
            self.cancel()

    def __next__(self) -> Chunk:
        chunk = self._next()
        if chunk is None:
            raise StopIteration
        return chunk

    def cancel(self) -> None:
        """Stop: no chunk comes any more, here at once and at the daemon within a frame. No harm when it is over."""
        if not self.over:
            self._cancelled = True
            self._link.cancel(self.id)
            self._events.put(None)

    def _next(self) -> Chunk | None:
        while not self.over:
            chunk = self._wait()
            if chunk is not None and not self._cancelled:
                return chunk
        return None

    def _wait(self) -> Chunk | None:
        event = self._get()
        return None if event is None else self._take(event)

    def _get(self) -> Event | None:
        try:
            return get(self._events, self._timeout)
        except queue.Empty:
            self.cancel()
            raise self._silence() from None

    def __enter__(self) -> Speech:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.cancel()
