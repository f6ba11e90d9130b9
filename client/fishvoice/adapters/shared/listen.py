"""Sockets that an adapter's server listens on: loopback TCP, or a Unix socket that is this user's alone."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from fishvoice.errors import FishvoiceError

BACKLOG = 64


class CannotListen(FishvoiceError):
    """The address is not one to listen on, or somebody else has it."""


def listen_tcp(host: str, port: int, *, lan: bool = False) -> socket.socket:
    """A listening socket on a loopback address, with ``lan`` on any; port 0 takes a free one. Raises CannotListen."""
    address = "127.0.0.1" if host == "localhost" else host
    try:
        allowed = lan or ipaddress.ip_address(address).is_loopback
    except ValueError:
        allowed = False
    if not allowed:
        raise CannotListen(
            f"{host} is not an address of this computer alone: use 127.0.0.1 or ::1, or --lan for other computers too"
        )
    if not 0 <= port <= 65535:
        raise CannotListen(f"port {port} is not in 0 … 65535")
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere it would let two servers share one port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise CannotListen(f"cannot listen on {host} port {port}: {error.strerror}") from error
    return listener


@contextlib.contextmanager
def listen_unix(path: Path) -> Iterator[socket.socket]:
    """A listening socket at ``path`` (0600), which a dead server may have left behind. Raises CannotListen."""
    if not hasattr(socket, "AF_UNIX"):
        raise CannotListen("there are no Unix sockets here: listen on TCP")
    _clear(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(os.fspath(path))
        path.chmod(0o600)  # before anybody can connect
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise CannotListen(f"cannot listen on {path}: {error.strerror or error}") from error
    try:
        yield listener
    finally:
        listener.close()
        path.unlink(missing_ok=True)


def address_of(listener: socket.socket) -> str:
    """``127.0.0.1:8766``, ``[::1]:8766`` or a path."""
    name = listener.getsockname()
    if isinstance(name, str):
        return name
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _clear(path: Path) -> None:
    """Remove a stale socket. Raises CannotListen for anything else that lies there."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise CannotListen(f"{path} is there already, and is no socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise CannotListen(f"cannot use {path}: {error.strerror}") from error
    raise CannotListen(f"another server listens on {path}")
