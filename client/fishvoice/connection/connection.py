"""The synthesis connection: a thread that owns the wire, and the requests of everybody who uses this client."""

from __future__ import annotations

import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from fishvoice import paths
from fishvoice.connection.dealer import DealerSocket, frozen
from fishvoice.connection.exchange import Event, RequestTable
from fishvoice.errors import DaemonUnavailable, FishvoiceError, ProtocolError
from fishvoice.locks import FileLock
from fishvoice.protocol import Cancel, Synthesize, encode

DYING_SECONDS = 0.3  # a process that ends closes its sockets first, and lets go of its lock a moment later

Deliver: TypeAlias = Callable[[Event], None]
"""Takes the events of one request, in the link's thread; must return at once."""


class Connection:
    """One connection to the daemon's synthesis socket; all methods may be called from any thread.

    Raises DaemonUnavailable when no daemon answers within ``patience`` seconds. When the connection breaks, every
    open request ends with DaemonUnavailable and the link is of no more use: see :attr:`alive`.
    """

    def __init__(self, where: paths.Endpoints, patience: float) -> None:
        if not where.published:
            raise DaemonUnavailable("no daemon runs")
        self._wire = DealerSocket(where.synthesis, where.curve, patience)
        self._session = RequestTable()
        self._deliver: dict[str, Deliver] = {}
        self._lock = threading.Lock()  # guards the three above and below; the wire is the thread's alone
        self._outbox: deque[list[bytes]] = deque()
        self._why: FishvoiceError | None = None
        self._broken = False  # known before the reason is
        self._requests = 0
        self._inner, self._outer = socket.socketpair()
        self._inner.setblocking(False)
        self._outer.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="fishvoice-link", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._why is None and not self._broken

    def new_id(self) -> str:
        """A unique request id: this connection's random name and a number."""
        with self._lock:
            self._requests += 1
            return f"{self._wire.name}-{self._requests}"

    def open(self, request: Synthesize, deliver: Deliver) -> None:
        """Send ``request``; its events go to ``deliver``. Raises DaemonUnavailable, ProtocolError."""
        frames = encode(request)
        with self._lock:
            if self._why is not None:
                raise self._why
            self._session.open(request)
            self._deliver[request.id] = deliver
            self._outbox.append(frames)
        self._wake()

    def use(self, request_id: str, underruns: int = 0) -> None:
        """A chunk of ``request_id`` has been used, after so many new ``underruns``: the daemon may send more."""
        with self._lock:
            credit = self._session.use(request_id, underruns)
            if credit is not None:
                self._outbox.append(encode(credit))
        if credit is not None:
            self._wake()

    def cancel(self, request_id: str) -> None:
        """Nothing of ``request_id`` is delivered from now on, and the daemon is told to stop it."""
        with self._lock:
            cancel = self._session.cancel(request_id)
            self._deliver.pop(request_id, None)
            if cancel is not None:
                self._outbox.append(encode(cancel))
        if cancel is not None:
            self._wake()

    def close(self) -> None:
        """Cancel what is open, and break the connection. Returns when it is broken."""
        with self._lock:
            for request_id in self._session.open_requests:
                self._outbox.append(encode(Cancel(request_id)))
        self._end(DaemonUnavailable("this client has been closed"))
        self._wake()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _wake(self) -> None:
        try:
            self._outer.send(b"\0")
        except OSError:  # full: it is awake anyhow. Closed: the thread has ended, and delivered why.
            return

    # -- in the thread -----------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while self._why is None:
                self._step()
            self._send_outbox()
        except FishvoiceError as error:
            self._end(error)
        finally:
            self._end(DaemonUnavailable("the connection to the daemon failed"))
            self._wire.close()
            self._outer.close()
            self._inner.close()

    def _step(self) -> None:
        self._send_outbox()
        try:
            reply = self._wire.receive(None, wake=self._inner)
        except DaemonUnavailable as error:
            self._broken = True
            if FileLock(paths.lock_file()).held_for(DYING_SECONDS):
                raise frozen() from error
            raise DaemonUnavailable(f"the daemon has gone away; {paths.log_file()} may say why") from error
        if reply is None:
            self._inner.recv(4096)
            return
        with self._lock:
            events = self._session.receive(reply)
            due = [(self._deliver.get(request_id), request_id, event) for request_id, event in events]
        for deliver, request_id, event in due:
            if isinstance(event, ProtocolError):
                self._wire.send(Cancel(request_id))
            if deliver is not None:
                deliver(event)
        self._forget_ended()

    def _send_outbox(self) -> None:
        while True:
            with self._lock:
                if not self._outbox:
                    return
                frames = self._outbox.popleft()
            self._wire.send_frames(frames)

    def _forget_ended(self) -> None:
        with self._lock:
            for request_id in self._deliver.keys() - self._session.open_requests:
                del self._deliver[request_id]

    def _end(self, why: FishvoiceError) -> None:
        """Everybody hears why. The first reason stands."""
        with self._lock:
            if self._why is None:
                self._why = why
            due = [self._deliver.get(request_id) for request_id, _ in self._session.lose(why)]
            self._deliver.clear()
        for deliver in due:
            if deliver is not None:
                deliver(why)
