"""What one peer may take of the HTTP server: time for a head, time without reading, a share of the requests."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, ClassVar

import h11
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from fishvoice.adapters.openai_http.errors import Refusal, refusal_response

HEAD_SECONDS = 10.0  # for all of a request's head, from the connection or the end of the request before
STALL_SECONDS = 30.0  # of reading nothing, while there is something to read
WITHOUT_REQUEST = 256  # connections that have no request under way; beyond, the longest such one goes
REQUESTS = 100  # at once; beyond, 503
SOCKETS = 20  # of these may be WebSockets, which stay for as long as somebody writes
KEPT = 10  # beside these for questions that need no synthesis


class PatientProtocol(H11Protocol):
    """uvicorn's, with an end to every wait for the peer."""

    _without_request: ClassVar[dict[PatientProtocol, None]] = {}  # in the order in which they began to wait

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._head: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_nothing()
        self.resume_stalled()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """From here on the connection is another protocol's, which asks from time to time whether the peer lives."""
        super().handle_websocket_upgrade(event)
        self._expect_nothing()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.get_protocol() is not self:
            return
        if self.cycle is not None and not self.cycle.response_complete:
            self._expect_nothing()
        elif self._head is None:
            self._expect_head()

    def send_400_response(self, msg: str) -> None:
        """What follows the head is no HTTP. Whatever is being made for this request has no listener any more."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if self.cycle.response_started:
                self.transport.close()
                return
        super().send_400_response(msg)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle is None or self.cycle.response_complete:
            self._expect_head()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stall is None:
            self._stall = self.loop.call_later(STALL_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        self.resume_stalled()
        super().resume_writing()

    def resume_stalled(self) -> None:
        """The peer reads again, or is gone."""
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def _expect_head(self) -> None:
        self._expect_nothing()
        self._head = self.loop.call_later(HEAD_SECONDS, self.transport.abort)
        self._without_request[self] = None
        while len(self._without_request) > WITHOUT_REQUEST:
            oldest = next(iter(self._without_request))
            oldest._expect_nothing()
            oldest.transport.abort()

    def _expect_nothing(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None
        self._without_request.pop(self, None)


class RequestLimit:
    """Stands before ``app``: so many requests at once, half of them for one other computer at most, and a few more for
    questions such as ``/health``."""

    def __init__(self, app: ASGIApp, at_most: int = REQUESTS, kept: int = KEPT) -> None:
        self._app = app
        self._at_most = at_most
        self._kept = kept
        self._requests = self._sockets = 0
        self._of_computer: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit = self._at_most if _needs_synthesis(scope) else self._at_most + self._kept
        socket, computer = scope["type"] == "websocket", _other_computer(scope)
        taken = self._of_computer[computer] if computer else 0
        if self._requests >= limit or (socket and self._sockets >= SOCKETS) or taken >= self._at_most // 2:
            busy = Refusal(503, f"{taken or self._requests} requests are under way", code="busy", retry_after=1.0)
            await refusal_response(busy)(scope, receive, send)
            return
        self._requests += 1
        self._sockets += socket
        self._of_computer[computer] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._requests -= 1
            self._sockets -= socket
            self._of_computer -= Counter([computer])  # and forget those that have none


def _other_computer(scope: Scope) -> str:
    """The address of the peer; "" for programs of this computer, which share one."""
    host = str((scope.get("client") or ("",))[0])
    return "" if host in ("", "127.0.0.1", "::1") else host


def _needs_synthesis(scope: dict[str, Any] | Scope) -> bool:
    return scope["type"] == "websocket" or scope.get("method") == "POST"
