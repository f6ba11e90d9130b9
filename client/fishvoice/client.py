"""The blocking client: speak, stop, ask; starts the daemon when none answers."""

from __future__ import annotations

import threading
import weakref
from types import TracebackType
from typing import Any, TypeVar, Unpack

from fishvoice import paths
from fishvoice.connection.connection import Connection
from fishvoice.connection.dealer import DealerSocket, frozen
from fishvoice.errors import DaemonFrozen, DaemonUnavailable, ProtocolError, RequestFailed
from fishvoice.protocol import (
    Cancel,
    ControlRequest,
    Error,
    Ok,
    Shutdown,
    Status,
    StatusReply,
    Synthesize,
    VoiceInfo,
    Voices,
    VoicesReply,
)
from fishvoice.request import SpeechOptions, build
from fishvoice.speech import Speech

START_SECONDS = 20.0  # a daemon that starts answers within this, though its model may still be loading
TIMEOUT_SECONDS = 120.0  # silence on a request that waits its turn, on a slow machine
CONTROL_SECONDS = 4.0  # control requests never wait for synthesis

_Reply = TypeVar("_Reply", Ok, StatusReply, VoicesReply)


class Client:
    """The daemon, as seen from a program. Any thread may use it; ``with`` closes it.

    ``start``: start a daemon if none answers, and wait ``start_timeout`` seconds for it. ``timeout``: how many
    seconds the daemon may say nothing about a request. ``endpoints``: where it listens, if not in the usual place.
    A connection is made when first needed, and again after it broke.
    """

    def __init__(
        self,
        *,
        start: bool = True,
        start_timeout: float = START_SECONDS,
        timeout: float = TIMEOUT_SECONDS,
        endpoints: paths.Endpoints | None = None,
    ) -> None:
        self.timeout = timeout
        self._start = start
        self._start_timeout = start_timeout
        self._endpoints = endpoints
        self._link: Connection | None = None
        self._lock = threading.Lock()

    def synthesize(self, text: str, **options: Unpack[SpeechOptions]) -> Speech:
        """Ask for ``text``; returns as soon as the request is on its way. Options: :class:`SpeechOptions`.

        Requests of one client are spoken in the order they were made: asking for the next one while one is still
        being read leaves no gap between them. Read them in that order too: one that is not read runs out of credit,
        and what comes after it waits.
        Raises InvalidRequest, ProtocolError, DaemonUnavailable; RequestFailed comes from the Speech.
        """
        link, request = self.prepare(text, **options)
        return Speech(link, request, self.timeout, self)

    def cancel(self, request_id: str | None = None) -> int:
        """Stop request ``request_id`` of any client; without one, everything. Returns how many were stopped."""
        return self._ask(Cancel(request_id), Ok).cancelled

    def status(self) -> dict[str, Any]:
        """How the daemon is: figures by name, see ``docs/protocol.md``."""
        return self._ask(Status(), StatusReply).status

    def voices(self) -> tuple[VoiceInfo, ...]:
        """The voices there are. Starts the daemon if none runs, which cancel, status and shutdown do not."""
        if not self._start:
            return self._ask(Voices(), VoicesReply, self.timeout).voices
        self.connect()
        try:
            return self._ask(Voices(), VoicesReply, self.timeout).voices  # a loading daemon answers when it is ready
        except DaemonFrozen:
            raise
        except DaemonUnavailable:  # it has ended since, and the connection may not have noticed yet
            self.close()
            self.connect()
            return self._ask(Voices(), VoicesReply, self.timeout).voices

    def shutdown(self, *, drain: bool = False) -> None:
        """End the daemon, with ``drain`` after what is being spoken."""
        self._ask(Shutdown(drain), Ok)

    def close(self) -> None:
        """Cancel what this client still has open, and disconnect."""
        with self._lock:
            link, self._link = self._link, None
        if link is not None:
            link.close()

    def connect(self) -> Connection:
        """The connection to the daemon, made or started if there is none. Raises DaemonUnavailable."""
        with self._lock:
            if self._link is None or not self._link.alive:
                self._link = self._connected()
                weakref.finalize(self, self._link.close)
            return self._link

    def prepare(self, text: str, **options: Unpack[SpeechOptions]) -> tuple[Connection, Synthesize]:
        """A connection, and the message to send over it."""
        link = self.connect()
        return link, build(link.new_id(), text, **options)

    def _connected(self) -> Connection:
        def attempt() -> Connection:
            return Connection(self._where(), self._start_timeout)

        try:
            return attempt()
        except DaemonFrozen:
            raise
        except DaemonUnavailable as error:
            if not self._start:
                raise DaemonUnavailable(f"{error}; start one with: fishvoiced") from error
        from fishvoice.connection.autostart import start_daemon  # imported late: a warm daemon needs nothing of it

        return start_daemon(attempt, self._start_timeout)

    def _where(self) -> paths.Endpoints:
        return self._endpoints or paths.endpoints()

    def _ask(self, request: ControlRequest, reply_type: type[_Reply], patience: float = CONTROL_SECONDS) -> _Reply:
        """One question on a control socket of its own, so that no late answer is taken for the next one's."""
        where = self._where()
        if not where.published:
            raise DaemonUnavailable("no daemon runs")
        with DealerSocket(where.control, where.curve, CONTROL_SECONDS) as wire:
            wire.send(request)
            reply = wire.receive(patience)
        match reply:
            case None:
                raise frozen()
            case Error():
                raise RequestFailed(reply.code, reply.message, reply.retry_after)
            case _ if isinstance(reply, reply_type):
                return reply
        raise ProtocolError(f"the daemon answered {type(request).__name__} with {type(reply).__name__}")

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()
