"""Connections as the system's descriptors, which libzmq tells and keeps for itself."""

from __future__ import annotations

import os
import socket
import struct
import sys
from dataclasses import dataclass

import zmq

if sys.platform != "win32":
    import fcntl
    import termios


@dataclass(frozen=True)
class Peer:
    """A connection: whose (None: not heard of yet), when its last whole message came (monotonic), and how many bytes
    wait to be taken from it. Before a message has its end, no other comes through the same connection."""

    client: bytes | None
    heard: float | None
    unread: int


def descriptor_of(frame: zmq.Frame) -> int | None:
    """The descriptor that the frame came through; None if that was closed before libzmq could look at it."""
    try:
        return int(frame.get(zmq.SRCFD))
    except zmq.ZMQError:
        return None


def unread(fd: int) -> int:
    """Bytes that have come through the connection and lie in the system still; 0 where it does not say."""
    if sys.platform == "win32":
        return 0
    try:
        return int(struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0" * 4))[0])
    except OSError:
        return 0


def shut(fd: int, router: zmq.Socket[bytes]) -> bool:
    """End the connection with this descriptor, which is libzmq's to close. A number that has meanwhile become another
    file's is left alone."""
    try:
        with socket.socket(fileno=os.dup(fd)) as connection:
            address = connection.getsockname()
            where = address if isinstance(address, str) else f"{address[0]}:{address[1]}"
            if not router.get_string(zmq.LAST_ENDPOINT, "utf-8").endswith(where or "nowhere"):
                return False
            connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return False
    return True
