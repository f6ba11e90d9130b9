"""The sockets: the daemon's only zmq. Who connects, who has gone, what came in, what can be sent.

Two ROUTERs, a byte pipe by which other threads and signal handlers wake the loop, one monitor per ROUTER that tells
at once when a connection is lost, and a ZAP handler that lets only our own key in on TCP. All of it belongs to one
thread, which waits in `poll` and nowhere else.
"""

from __future__ import annotations

import contextlib
import enum
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import zmq

from fishvoice.paths import Endpoints
from fishvoice.protocol import MAX_HEADER_BYTES, MAX_PAYLOAD_BYTES
from fishvoiced.errors import DaemonError
from fishvoiced.transport.curve_gate import CurveGate, CurveServer
from fishvoiced.transport.descriptors import Peer, descriptor_of, shut, unread

RECEIVE_BATCH = 64  # messages per socket and round, so that one client's flood does not delay the others
SEND_HIGH_WATER = 256
RECEIVE_HIGH_WATER = 256
HANDSHAKE_MS = 5000
LINGER_MS = 500
LONGEST_WAIT_SECONDS = 3600.0  # a longer wait is cut to an hour and asked for again
MAX_MESSAGE_BYTES = max(MAX_HEADER_BYTES, MAX_PAYLOAD_BYTES)

_MONITOR_EVENT = struct.Struct("=Hi")  # event and descriptor, zmq_socket_monitor(3); pyzmq's reader imports asyncio


class TransportError(DaemonError):
    """The sockets cannot be opened."""

    code = "transport"


class Channel(enum.Enum):
    """The two sockets."""

    SYNTHESIS = "synthesis"
    CONTROL = "control"


class Sent(enum.Enum):
    """What became of a message to be sent."""

    YES = "sent"
    FULL = "the listener does not read"
    GONE = "the listener is not there"


@dataclass(frozen=True)
class Incoming:
    """A message. ``client`` is the ZeroMQ routing id, unique per channel."""

    channel: Channel
    client: bytes
    frames: Sequence[bytes]


@dataclass(frozen=True)
class Disconnected:
    """A client's connection is lost."""

    channel: Channel
    client: bytes


@dataclass(frozen=True)
class WakeUp:
    """Another thread has something to say (0), or a signal came (its number)."""

    reason: int


Arrival: TypeAlias = Incoming | Disconnected | WakeUp


def name_of(client: bytes) -> str:
    """A routing id as text: what it says if it is printable ASCII, else hexadecimal."""
    return client.decode("ascii") if client.isascii() and client.decode("ascii").isprintable() else client.hex()


@dataclass
class _RouterSocket:
    """One ROUTER, its monitor, the open connections (file descriptors), which of them each client is behind, and when
    something whole came through each (monotonic)."""

    router: zmq.Socket[bytes]
    monitor: zmq.Socket[bytes]
    inherited: bool
    open: set[int] = field(default_factory=set)
    connections: dict[bytes, int] = field(default_factory=dict)
    heard: dict[int, float] = field(default_factory=dict)


class RouterTransport:
    """Bound sockets. Close it, or leave its context, to unbind."""

    def __init__(
        self,
        where: Endpoints,
        curve: CurveServer | None = None,
        inherited: Mapping[Channel, int] | None = None,
    ) -> None:
        """Bind. ``inherited``: listening sockets that a service manager has opened. Raises TransportError."""
        self._own_uid = os.getuid() if hasattr(os, "getuid") else None
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._context.set(zmq.MAX_SOCKETS, 64)
        self._poller = zmq.Poller()
        self._wake_read, self.wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self.wake_write.setblocking(False)
        self._poller.register(self._wake_read, zmq.POLLIN)
        self._gate = CurveGate(self._context, curve) if curve else None
        if self._gate:
            self._poller.register(self._gate.socket, zmq.POLLIN)
        self._received = 0
        self._doors: dict[Channel, _RouterSocket] = {}
        try:
            for channel, address in ((Channel.SYNTHESIS, where.synthesis), (Channel.CONTROL, where.control)):
                self._doors[channel] = self._open(address, curve, (inherited or {}).get(channel))
        except BaseException:
            self.close()
            raise

    def _open(self, address: str, curve: CurveServer | None, inherited: int | None) -> _RouterSocket:
        router: zmq.Socket[bytes] = self._context.socket(zmq.ROUTER)
        router.set(zmq.ROUTER_MANDATORY, 1)
        router.set(zmq.ROUTER_HANDOVER, 1)  # a client that reconnects under its old id is heard again
        router.set(zmq.SNDTIMEO, 0)
        router.set(zmq.SNDHWM, SEND_HIGH_WATER)
        router.set(zmq.RCVHWM, RECEIVE_HIGH_WATER)
        router.set(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
        router.set(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
        router.set(zmq.LINGER, LINGER_MS)
        if curve:
            router.set(zmq.CURVE_SERVER, 1)
            router.set_string(zmq.CURVE_SECRETKEY, curve.secret, "ascii")
        monitor = router.get_monitor_socket(zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)
        monitor.set(zmq.RCVHWM, 0)
        try:
            if inherited is not None:
                router.set(zmq.USE_FD, inherited)
            else:
                _clear_stale(address)
            _bind(router, address)
        except (OSError, zmq.ZMQError) as error:
            router.disable_monitor()
            monitor.close(0)
            router.close(0)  # a context with an open socket waits for it for ever
            raise TransportError(f"cannot listen on {address}: {error.strerror or error}") from error
        self._poller.register(router, zmq.POLLIN)
        self._poller.register(monitor, zmq.POLLIN)
        return _RouterSocket(router, monitor, inherited is not None)

    def address(self, channel: Channel) -> str:
        """Where the socket listens, with the port that the system chose."""
        return self._doors[channel].router.get_string(zmq.LAST_ENDPOINT, "utf-8")

    @property
    def connected(self) -> bool:
        """Whether anybody is, heard of or not."""
        return any(door.open for door in self._doors.values())

    def take_received(self) -> int:
        """Bytes of the messages that came since this was asked last."""
        received, self._received = self._received, 0
        return received

    def disconnect(self, goes: Callable[[Peer], bool]) -> int:
        """Break the connections for which ``goes`` says so, together with what has come of an unfinished message; how
        many there were. Clients connect again by themselves."""
        broken = 0
        for door in self._doors.values():
            clients = {fd: client for client, fd in door.connections.items()}
            for fd in list(door.open):
                if goes(Peer(clients.get(fd), door.heard.get(fd), unread(fd))):
                    broken += shut(fd, door.router)
        return broken

    @property
    def clients(self) -> int:
        """Connections from which something was heard on the synthesis socket."""
        return len(self._doors[Channel.SYNTHESIS].connections)

    # -- receiving -----------------------------------------------------------------------------------------

    def poll(self, timeout: float | None) -> Iterator[Arrival]:
        """Wait up to ``timeout`` seconds (None: as long as it takes), then yield what has come: a batch."""
        seconds = None if timeout is None else min(max(timeout, 0.0), LONGEST_WAIT_SECONDS)
        ready = dict(self._poller.poll(None if seconds is None else round(seconds * 1000 + 0.5)))
        if self._gate and self._gate.socket in ready:
            self._gate.answer()
        if self._wake_read.fileno() in ready:
            yield from self._woken()
        for channel, door in self._doors.items():
            # Losses first: the system gives a lost connection's number to the next one.
            if door.monitor in ready:
                yield from self._losses(channel, door)
            if door.router in ready:
                yield from self._messages(channel, door)

    def wake(self, reason: int = 0) -> None:
        """Make `poll` return; from any thread."""
        with contextlib.suppress(BlockingIOError):  # it is full of reasons to wake already
            self.wake_write.send(bytes([reason]))

    def _woken(self) -> Iterator[WakeUp]:
        try:
            reasons = self._wake_read.recv(4096)
        except BlockingIOError:
            return
        yield from (WakeUp(reason) for reason in dict.fromkeys(reasons))

    def _losses(self, channel: Channel, door: _RouterSocket) -> Iterator[Disconnected]:
        while door.monitor.poll(0):
            event, fd = _MONITOR_EVENT.unpack(door.monitor.recv_multipart(zmq.NOBLOCK)[0])
            door.heard.pop(fd, None)
            if event == zmq.EVENT_ACCEPTED:
                door.open.add(fd)
                continue
            door.open.discard(fd)
            for client in [client for client, connection in door.connections.items() if connection == fd]:
                del door.connections[client]
                yield Disconnected(channel, client)

    def _messages(self, channel: Channel, door: _RouterSocket) -> Iterator[Arrival]:
        for _ in range(RECEIVE_BATCH):
            try:
                identity, *frames = door.router.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            yield from self._meet(channel, door, identity)
            if frames and identity.bytes in door.connections:
                incoming = Incoming(channel, identity.bytes, [frame.bytes for frame in frames])
                self._received += sum(map(len, incoming.frames))
                yield incoming

    def _meet(self, channel: Channel, door: _RouterSocket, identity: zmq.Frame) -> Iterator[Disconnected]:
        """Record the client's connection unless it is unauthorized or already closed.

        A connection's last messages may be read after its loss was told: who is not noted then is not served.
        """
        client, fd = identity.bytes, descriptor_of(identity)
        if fd is not None:
            door.heard[fd] = time.monotonic()
        if fd is None or door.connections.get(client) == fd:
            return
        yield from self._losses(channel, door)
        if client in door.connections:  # it came back on another connection: what the old one asked for is over
            del door.connections[client]
            yield Disconnected(channel, client)
        if fd in door.open and self._allowed(identity):
            door.connections[client] = fd

    def _allowed(self, frame: zmq.Frame) -> bool:
        """On ``ipc`` libzmq tells the peer's credentials: ``localhost:uid:gid:pid``. Folder and mode keep others out
        already; this holds where a file system does not keep modes."""
        try:
            peer = str(frame.get("Peer-Address"))
        except zmq.ZMQError:
            return True
        parts = peer.split(":")
        if self._own_uid is None or len(parts) != 4 or parts[0] != "localhost" or not parts[1].isdigit():
            return True
        return int(parts[1]) in (self._own_uid, 0)

    # -- sending -------------------------------------------------------------------------------------------

    def send(self, channel: Channel, client: bytes, frames: Sequence[bytes]) -> Sent:
        """Hand a message to libzmq, at once or not at all."""
        try:
            self._doors[channel].router.send_multipart([client, *frames], zmq.NOBLOCK)
        except zmq.Again:
            return Sent.FULL
        except zmq.ZMQError as error:
            if error.errno == zmq.EHOSTUNREACH:
                return Sent.GONE
            raise
        return Sent.YES

    def close(self) -> None:
        """Unbind; what is on its way still leaves, for half a second at most."""
        for door in self._doors.values():
            door.router.disable_monitor()
            door.monitor.close(0)
            path = self._own_path(door)
            door.router.close()
            if path:
                path.unlink(missing_ok=True)
        if self._gate:
            self._gate.socket.close(0)
        self._context.term()
        self._wake_read.close()
        self.wake_write.close()

    @staticmethod
    def _own_path(door: _RouterSocket) -> Path | None:
        """The socket's path if it is ours to remove, not the service manager's."""
        scheme, _, path = door.router.get_string(zmq.LAST_ENDPOINT, "utf-8").partition("://")
        return Path(path) if scheme == "ipc" and not door.inherited else None

    def __enter__(self) -> RouterTransport:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _bind(router: zmq.Socket[bytes], address: str) -> None:
    """Between bind and chmod no other user may connect: the mask makes the socket 0600 from its first moment."""
    mask = os.umask(0o177)
    try:
        router.bind(address)
    finally:
        os.umask(mask)


def _clear_stale(address: str) -> None:
    """Remove the socket that a killed daemon left; the caller holds the lock, so no daemon listens there."""
    scheme, _, path = address.partition("://")
    if scheme == "ipc":
        Path(path).unlink(missing_ok=True)
