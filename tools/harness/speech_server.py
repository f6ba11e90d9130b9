"""A server of ``/v1/audio/speech`` in threads of this process, as well or as badly behaved as a test asks for.

How it behaves is the first part of the path: ``http://127.0.0.1:PORT/slow/v1/audio/speech``.
"""

from __future__ import annotations

import json
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

RATE = 24_000
TONE = (0.3 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE) * 32767).astype("<i2").tobytes()
"""One second."""


@dataclass
class Seen:
    """What came to the server, and who left before his answer was over."""

    requests: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    abandoned: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    """What ``slow`` waits for in the middle."""

    def modes(self) -> list[str]:
        return [path.split("/")[1] for path, _, _ in self.requests]


@contextmanager
def speech_server(tls: ssl.SSLContext | None = None) -> Iterator[tuple[str, Seen]]:
    """Its address, and what it has seen."""
    seen = Seen()

    class Handler(_Handler):
        log = seen

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}", seen
    finally:
        seen.go_on.set()
        seen.abandoned.set()
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    log: Seen
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.log.requests.append((self.path, dict(self.headers), json.loads(body)))
        mode = self.path.split("/")[1]
        self.close_connection = True
        try:
            if mode.isdigit():
                self._refuse(int(mode))
            else:
                _MODES[mode](self)
        except (BrokenPipeError, ConnectionResetError):
            self.log.abandoned.set()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """A test's output is not the place."""

    def _refuse(self, status: int) -> None:
        said = json.dumps({"error": {"message": f"this is error {status}"}}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        if 300 <= status < 400:
            self.send_header("Location", "/good/v1/audio/speech")
        self.end_headers()
        self.wfile.write(said)

    def _head(self, content_type: str = "audio/pcm", length: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        if length is None:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def _good(self) -> None:
        self._head()
        for start in range(0, len(TONE), 4001):  # odd: samples are cut in the middle
            self._chunk(TONE[start : start + 4001])
        self._chunk(b"")

    def _wav(self, rate: int = RATE) -> None:
        riff = struct.pack("<4sI4s", b"RIFF", 0xFFFFFFFF, b"WAVE")
        head = riff + struct.pack("<4sIHHIIHH4sI", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16, b"data", 0xFFFFFFFF)
        self._head("audio/wav")
        self._chunk(head[:20])
        self._chunk(head[20:] + TONE)
        self._chunk(b"")

    def _slow(self) -> None:
        self._head()
        self._chunk(TONE[: RATE // 2])
        self.log.go_on.wait(60)
        self._chunk(TONE[RATE // 2 :])
        self._chunk(b"")

    def _stalled(self) -> None:
        """Nothing at all, for as long as the client stays."""
        self.connection.settimeout(60)
        with suppress(OSError):
            if self.connection.recv(1) == b"":
                self.log.abandoned.set()

    def _mute(self) -> None:
        self._head()
        self._stalled()

    def _stalls_later(self) -> None:
        self._head()
        self._chunk(TONE[: RATE // 2])
        self._stalled()

    def _cut(self) -> None:
        self._head()
        self._chunk(TONE[: RATE // 2])

    def _short(self) -> None:
        self._head(length=len(TONE))
        self.wfile.write(TONE[: RATE // 2])

    def _html(self) -> None:
        self._head("text/html; charset=utf-8")
        self._chunk(b"<html>Please log in</html>")
        self._chunk(b"")

    def _mp3(self) -> None:
        self._head("audio/mpeg")
        self._chunk(b"\xff\xfb\x90\x00" * 100)
        self._chunk(b"")

    def _empty(self) -> None:
        self._head()
        self._chunk(b"")

    def _endless(self) -> None:
        self._head()
        while not self.log.abandoned.is_set():
            self._chunk(TONE)

    def _once(self) -> None:
        """The first request fails, the next one is served."""
        if self.log.modes().count("once") == 1:
            self._refuse(503)
        else:
            self._good()


_MODES: dict[str, Callable[[_Handler], None]] = {
    "good": _Handler._good,
    "wav": _Handler._wav,
    "wav44": lambda handler: handler._wav(44_100),
    "slow": _Handler._slow,
    "stalled": _Handler._stalled,
    "mute": _Handler._mute,
    "stallslater": _Handler._stalls_later,
    "cut": _Handler._cut,
    "short": _Handler._short,
    "html": _Handler._html,
    "mp3": _Handler._mp3,
    "empty": _Handler._empty,
    "endless": _Handler._endless,
    "once": _Handler._once,
}
