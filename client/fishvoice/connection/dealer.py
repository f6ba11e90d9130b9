"""One connection to one socket of the daemon: the client's only door to ZeroMQ."""

from __future__ import annotations

import os
import socket
import struct
import time
from types import TracebackType

import zmq

from fishvoice import paths
from fishvoice.errors import DaemonFrozen, DaemonUnavailable
from fishvoice.paths import Curve
from fishvoice.protocol import MAX_PAYLOAD_BYTES, AnyMessage, decode, encode

# A dead daemon's sockets close, and that is noticed at once. Heartbeats are for a frozen one, which is told within 5 s;
# not sooner, because on a busy small machine a second without a time slice is no death.
HEARTBEAT_SECONDS = 1.0
HEARTBEAT_PATIENCE_SECONDS = 3.5
HANDSHAKE_SECONDS = 4.0  # libzmq's own thread answers, however busy the daemon is
# libzmq's own "never" (-1) also throws away what has been received but not yet read: a daemon's last words.
NEVER_MS = 24 * 3600 * 1000
LINGER_SECONDS = 0.2  # enough for a last Cancel to leave; never a hang at the end

_LOST = zmq.Event.DISCONNECTED | zmq.Event.CLOSED | zmq.Event.HANDSHAKE_FAILED_NO_DETAIL  # ended while it began
_REFUSED = zmq.Event.HANDSHAKE_FAILED_AUTH | zmq.Event.HANDSHAKE_FAILED_PROTOCOL


def frozen() -> DaemonFrozen:
    """What to raise where a daemon is there and does not answer."""
    process = paths.daemon_process()
    who, end = ("the daemon", "its process") if process is None else (f"the daemon (process {process})", f"{process}")
    return DaemonFrozen(f"{who} is there but does not answer: it is stopped, or hangs; end it with: kill -KILL {end}")


class DealerSocket:
    """A connected DEALER with a name of its own. For one thread at a time.

    It never reconnects: what was asked over a broken connection is lost, and the next one is a new DealerSocket.
    Raises DaemonUnavailable at once where no daemon listens, and after ``patience`` seconds where one listens but
    does not answer.
    """

    def __init__(self, address: str, curve: Curve | None, patience: float) -> None:
        self.name = os.urandom(8).hex()
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.linger = int(LINGER_SECONDS * 1000)
        self._socket.routing_id = self.name.encode()
        self._socket.reconnect_ivl = NEVER_MS
        self._socket.maxmsgsize = MAX_PAYLOAD_BYTES
        self._socket.heartbeat_ivl = int(HEARTBEAT_SECONDS * 1000)
        self._socket.heartbeat_timeout = int(HEARTBEAT_PATIENCE_SECONDS * 1000)
        if curve is not None:
            self._socket.curve_serverkey = curve.server_public.encode()
            self._socket.curve_publickey = curve.client_public.encode()
            self._socket.curve_secretkey = curve.client_secret.encode()
        self._monitor = self._socket.get_monitor_socket(
            zmq.Event.HANDSHAKE_SUCCEEDED | zmq.Event.CONNECTED | _LOST | _REFUSED
        )
        self._lost = False
        try:
            self._connect(address, patience)
        except BaseException:
            self.close()
            raise

    def _connect(self, address: str, patience: float) -> None:
        try:
            self._socket.connect(address)
        except zmq.ZMQError as error:
            raise DaemonUnavailable(f"cannot connect to {address}: {error}") from error
        deadline = time.monotonic() + patience
        connected = False
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not self._monitor.poll(max(1, int(left * 1000))):
                if connected:
                    raise frozen()
                raise DaemonUnavailable(f"no daemon answers at {address} within {patience:g} s")
            event = self._event()
            if event == zmq.Event.HANDSHAKE_SUCCEEDED:
                return
            if event == zmq.Event.CONNECTED:
                connected = True
                deadline = min(deadline, time.monotonic() + HANDSHAKE_SECONDS)
            if event in _REFUSED:
                raise DaemonUnavailable(f"what listens at {address} is no fishvoice daemon, or has other keys")
            if event in _LOST:
                raise DaemonUnavailable(f"no daemon answers at {address}")

    def send(self, message: AnyMessage) -> None:
        """Queue ``message``. Raises ProtocolError if it cannot be sent, DaemonUnavailable if no daemon takes it."""
        self.send_frames(encode(message))

    def send_frames(self, frames: list[bytes]) -> None:
        """Queue an encoded message. Raises DaemonUnavailable if no daemon takes it."""
        try:
            self._socket.send_multipart(frames, zmq.DONTWAIT)
        except zmq.ZMQError as error:
            raise DaemonUnavailable("the daemon takes no more messages") from error

    def receive(self, timeout: float | None, wake: socket.socket | None = None) -> AnyMessage | None:
        """The next message; None after ``timeout`` seconds (None: no limit), or when ``wake`` becomes readable.

        Raises DaemonUnavailable when the connection is broken and all that came over it has been read,
        ProtocolError for frames that are no message.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._monitor, zmq.POLLIN)
        if wake is not None:
            poller.register(wake, zmq.POLLIN)
        while True:
            try:
                return decode(self._socket.recv_multipart(zmq.DONTWAIT))
            except zmq.Again:
                if self._lost:
                    raise DaemonUnavailable("the connection to the daemon is broken") from None
            left = None if deadline is None else max(0, int((deadline - time.monotonic()) * 1000))
            ready = dict(poller.poll(left))
            if self._monitor in ready:
                self._lost |= self._event() in _LOST
            elif self._socket not in ready:
                return None

    def close(self) -> None:
        """Break the connection; what is still to be sent gets LINGER_SECONDS."""
        self._socket.disable_monitor()
        self._monitor.close()
        self._socket.close()
        self._context.term()

    def __enter__(self) -> DealerSocket:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def _event(self) -> zmq.Event:
        """One event of the monitor: the first frame is (uint16 event, int32 value)."""
        frames = self._monitor.recv_multipart()
        event, _value = struct.unpack("=Hi", frames[0])
        return zmq.Event(event)
