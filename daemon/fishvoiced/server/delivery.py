"""Flow control: send messages within the client's credit and the socket's high-water mark; retry with back-off."""

from __future__ import annotations

import enum

from fishvoice.protocol import AudioChunk, encode
from fishvoiced.server.scheduling.scheduler import Scheduler
from fishvoiced.server.stream import Stream
from fishvoiced.transport.router import Channel, RouterTransport, Sent

FIRST_RETRY_SECONDS = 0.01
LAST_RETRY_SECONDS = 1.0


class Delivered(enum.Enum):
    """What became of a stream's messages."""

    WAITING = "more is to come, or cannot leave yet"
    ALL = "the last message has left"
    NOBODY = "the listener is gone"


class Delivery:
    """Sends, and remembers the streams whose pipe was full; `retry_at` is when to try them again."""

    def __init__(self, transport: RouterTransport, scheduler: Scheduler) -> None:
        self._transport = transport
        self._scheduler = scheduler
        self._full: dict[int, Stream] = {}
        self._pause = FIRST_RETRY_SECONDS
        self.retry_at: float | None = None

    def pump(self, stream: Stream, now: float) -> Delivered:
        """Send what may be sent: all but chunks without credit. ``stream.first_audio_seconds`` is set by the first."""
        while stream.outbox:
            message = stream.outbox[0]
            chunk = isinstance(message, AudioChunk)
            if chunk and stream.sent >= self._scheduler.granted(stream.key):
                return Delivered.WAITING
            match self._transport.send(Channel.SYNTHESIS, stream.client, encode(message)):
                case Sent.GONE:
                    return Delivered.NOBODY
                case Sent.FULL:
                    self._wait(stream, now)
                    return Delivered.WAITING
            stream.outbox.popleft()
            stream.left(chunk, now)
            self._pause = FIRST_RETRY_SECONDS
        self._release(stream)
        return Delivered.ALL if stream.outcome else Delivered.WAITING

    def due(self, now: float) -> list[Stream]:
        """Streams to pump again."""
        if self.retry_at is None or now < self.retry_at:
            return []
        self.retry_at = None
        return list(self._full.values())

    def forget(self, stream: Stream) -> None:
        """The stream is over."""
        self._full.pop(stream.key, None)

    def _wait(self, stream: Stream, now: float) -> None:
        """Schedule a retry with exponential back-off and pause generation for this client."""
        self._full[stream.key] = stream
        if stream.key in self._scheduler:
            self._scheduler.hold(stream.key, True)
        if self.retry_at is None:
            self.retry_at = now + self._pause
            self._pause = min(2 * self._pause, LAST_RETRY_SECONDS)

    def _release(self, stream: Stream) -> None:
        if self._full.pop(stream.key, None) and stream.key in self._scheduler:
            self._scheduler.hold(stream.key, False)
