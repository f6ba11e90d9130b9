"""Talking to systemd: READY, STATUS, WATCHDOG (sd_notify(3)), and the sockets it hands over (sd_listen_fds(3))."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import MutableMapping

log = logging.getLogger(__name__)

FIRST_FD = 3


class SystemdNotifier:
    """Sends states to the service manager; without one it sends nothing."""

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        """Take NOTIFY_SOCKET and WATCHDOG_USEC out of ``environment``, so that no child thinks them its own."""
        address = environment.pop("NOTIFY_SOCKET", "")
        microseconds = environment.pop("WATCHDOG_USEC", "")
        pid = environment.pop("WATCHDOG_PID", "")
        mine = not pid or pid == str(os.getpid())
        self.watchdog_seconds = int(microseconds) / 1e6 if microseconds.isdigit() and mine else None
        self._socket: socket.socket | None = None
        if address:
            notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | getattr(socket, "SOCK_CLOEXEC", 0))
            notify.setblocking(False)
            try:
                notify.connect("\0" + address[1:] if address.startswith("@") else address)
            except (OSError, ValueError) as error:  # it has gone: that is no reason not to speak
                notify.close()
                log.warning("the service manager cannot be told anything at %s: %s", address, error)
            else:
                self._socket = notify

    def ready(self, status: str) -> None:
        self._send(f"READY=1\nSTATUS={status}")

    def status(self, status: str) -> None:
        self._send(f"STATUS={status}")

    def alive(self) -> None:
        self._send("WATCHDOG=1")

    def reloading(self, monotonic_seconds: float) -> None:
        self._send(f"RELOADING=1\nMONOTONIC_USEC={int(monotonic_seconds * 1e6)}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        if self._socket is not None:
            # A service manager that went away or is busy is no reason to stop speaking.
            with contextlib.suppress(OSError):
                self._socket.send(text.encode())


def inherited_sockets(environment: MutableMapping[str, str]) -> dict[str, int]:
    """Paths of listening Unix sockets that were handed over, and their descriptors; empty if started by hand."""
    pid, count = environment.pop("LISTEN_PID", ""), environment.pop("LISTEN_FDS", "")
    environment.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not count.isdigit():
        return {}
    found: dict[str, int] = {}
    for fd in range(FIRST_FD, FIRST_FD + int(count)):
        os.set_inheritable(fd, False)
        with socket.socket(fileno=os.dup(fd)) as listening:
            name = listening.getsockname()
        if isinstance(name, str) and name:
            found[name] = fd
    return found
