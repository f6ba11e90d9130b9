"""What the requests of one connection may expect: replies in, checked events out. No socket, thread or clock here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from fishvoice.errors import FishvoiceError, ProtocolError, RequestFailed
from fishvoice.protocol import AnyMessage, AudioChunk, AudioEnd, AudioStart, Cancel, Credit, Error, Synthesize, Waiting

Event: TypeAlias = Waiting | AudioStart | AudioChunk | AudioEnd | FishvoiceError
"""What happens to a request; an AudioEnd or an exception is its last."""

SAMPLE_BYTES = {"s16le": 2, "f32le": 4}


@dataclass
class _Exchange:
    """One open request: how far it is, and the credit still to be given back."""

    window: int
    sample_bytes: int
    started: bool = False
    received: int = 0
    used: int = 0


class RequestTable:
    """The open requests of one connection; the order and the credit of ``docs/protocol.md`` are enforced here."""

    def __init__(self) -> None:
        self._open: dict[str, _Exchange] = {}

    @property
    def open_requests(self) -> frozenset[str]:
        return frozenset(self._open)

    def open(self, request: Synthesize) -> None:
        """``request`` is about to be sent. Raises ProtocolError if its id is in use."""
        if request.id in self._open:
            raise ProtocolError(f"request id {request.id!r} is in use")
        self._open[request.id] = _Exchange(request.credit, SAMPLE_BYTES[request.format])

    def receive(self, reply: AnyMessage) -> list[tuple[str, Event]]:
        """Events by request id. Replies to requests that already ended are dropped.

        A ProtocolError among the events means that the daemon broke the rules for this request: cancel it there.
        """
        if isinstance(reply, Error) and reply.id is None:
            return self.lose(RequestFailed(reply.code, reply.message, reply.retry_after))
        if not isinstance(reply, Waiting | AudioStart | AudioChunk | AudioEnd | Error):
            return self.lose(ProtocolError(f"the daemon sent {type(reply).__name__} on the synthesis socket"))
        request_id = reply.id or ""
        exchange = self._open.get(request_id)
        if exchange is None:
            return []
        event: Event = self._check(exchange, reply)
        if isinstance(event, AudioEnd | FishvoiceError):
            del self._open[request_id]
        return [(request_id, event)]

    def use(self, request_id: str, underruns: int = 0) -> Credit | None:
        """The caller has used a chunk, after so many new ``underruns``.

        Returns credit to send: half a window at a time, or at once with underruns to tell; else None.
        """
        exchange = self._open.get(request_id)
        if exchange is None:
            return None
        exchange.used += 1
        if exchange.used < (exchange.window + 1) // 2 and not underruns:
            return None
        credit = Credit(request_id, exchange.used, underruns)
        exchange.used = 0
        return credit

    def cancel(self, request_id: str) -> Cancel | None:
        """Nothing of ``request_id`` is wanted any more. The message to send; None if it is over already."""
        return Cancel(request_id) if self._open.pop(request_id, None) else None

    def lose(self, why: FishvoiceError) -> list[tuple[str, Event]]:
        """All open requests end with ``why``."""
        lost: list[tuple[str, Event]] = [(request_id, why) for request_id in self._open]
        self._open.clear()
        return lost

    @staticmethod
    def _check(exchange: _Exchange, reply: Waiting | AudioStart | AudioChunk | AudioEnd | Error) -> Event:
        match reply:
            case Error():
                return RequestFailed(reply.code, reply.message, reply.retry_after)
            case AudioEnd() | Waiting():
                return reply
            case AudioStart():
                if exchange.started:
                    return ProtocolError("the daemon sent a second AudioStart for one request")
                exchange.started = True
                return reply
            case AudioChunk():
                if not exchange.started:
                    return ProtocolError("the daemon sent sound before AudioStart")
                if reply.index != exchange.received:
                    return ProtocolError(f"the daemon sent chunk {reply.index} where {exchange.received} was due")
                if not reply.payload or len(reply.payload) % exchange.sample_bytes:
                    return ProtocolError(f"chunk {reply.index} has {len(reply.payload or b'')} bytes: no whole samples")
                exchange.received += 1
                return reply
