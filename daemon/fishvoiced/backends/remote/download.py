"""One HTTP request whose answer is sound, read by a thread of its own. The only door to ``http.client``.

Nothing here blocks its caller: `poll` gives what has come, `close` ends the connection whatever it is doing.
Redirects and proxies are not followed: no request goes anywhere but to the URL given.
"""

from __future__ import annotations

import http.client
import queue
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import SplitResult, urlsplit

from fishvoiced.errors import VoiceUnavailable

BLOCK_BYTES = 16 << 10
BLOCKS_AHEAD = 64  # read but not taken: beyond it the server has to wait
EXPLANATION_BYTES = 300  # of a server's error that are told


@dataclass(frozen=True)
class Request:
    """What to ask for. ``headers`` may hold a key and are never told to anybody."""

    url: str
    body: bytes
    headers: dict[str, str]
    connect_seconds: float
    answer_seconds: float
    """Until the first byte of sound, once connected."""
    gap_seconds: float
    """Between two blocks of sound."""

    def __repr__(self) -> str:
        return f"Request({self.url!r})"


@dataclass(frozen=True)
class Answer:
    """The head of a successful answer."""

    content_type: str


@dataclass(frozen=True)
class Refused:
    """The request did not succeed; ``again``: the same request may, after ``seconds`` if the server said so."""

    reason: str
    again: bool
    seconds: float | None = None


@dataclass(frozen=True)
class Broken:
    """The sound stopped before its end."""

    reason: str


class End:
    """All sound has come."""


Arrival: TypeAlias = Answer | bytes | Refused | Broken | End


class Download:
    """A running request."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._arrived: queue.Queue[Arrival] = queue.Queue(BLOCKS_AHEAD)
        self._closed = threading.Event()
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, name="remote voice", daemon=True)
        self._thread.start()

    def poll(self) -> Arrival | None:
        """What came next; None: nothing yet."""
        with suppress(queue.Empty):
            return self._arrived.get_nowait()
        return None

    def close(self) -> None:
        """Drop the connection. The thread ends by itself, at once unless it is resolving a name."""
        self._closed.set()
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    # -- the thread --------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            connection = connection_to(urlsplit(self._request.url), self._request.connect_seconds)
        except VoiceUnavailable as error:
            self._tell(Refused(str(error), again=False))
            return
        try:
            self._exchange(connection)
        finally:
            self._socket = None
            connection.close()

    def _exchange(self, connection: http.client.HTTPConnection) -> None:
        url, request = urlsplit(self._request.url), self._request
        place = f"{url.hostname}:{url.port or connection.port}"
        try:
            connection.connect()
            self._socket = connection.sock
            if self._closed.is_set():
                return
            connection.sock.settimeout(request.answer_seconds)
            connection.request("POST", url.path + (f"?{url.query}" if url.query else ""), request.body, request.headers)
            response = connection.getresponse()
        except ssl.SSLCertVerificationError as error:
            self._tell(Refused(f"the certificate of {place} is not trusted: {error.verify_message}", again=False))
        except TimeoutError:
            self._tell(Refused(f"{place} does not answer", again=False))
        except (OSError, http.client.HTTPException) as error:
            self._tell(Refused(f"{place} cannot be reached: {_words(error)}", again=True))
        except ValueError:  # http.client on a header that cannot be sent; its message would quote the key
            self._tell(Refused("the key has characters that no HTTP header can carry", again=False))
        else:
            if response.status == http.HTTPStatus.OK:
                self._read(response, place)
            else:
                self._tell(_refusal(response, place))

    def _read(self, response: http.client.HTTPResponse, place: str) -> None:
        self._tell(Answer(response.getheader("Content-Type", "")))
        first = True
        try:
            while block := response.read1(BLOCK_BYTES):
                if not self._tell(block):
                    return
                if first and self._socket is not None:
                    self._socket.settimeout(self._request.gap_seconds)
                first = False
        except TimeoutError:
            seconds = self._request.answer_seconds if first else self._request.gap_seconds
            self._tell(Broken(f"{place} has sent no sound for {seconds:g} s"))
        except (OSError, ValueError, http.client.HTTPException) as error:
            self._tell(Broken(f"{place} broke off: {_words(error)}"))
        else:
            cut = response.length not in (None, 0)
            self._tell(Broken(f"{place} broke off in the middle of its answer") if cut else End())

    def _tell(self, arrival: Arrival) -> bool:
        """False: nobody listens any more."""
        while not self._closed.is_set():
            with suppress(queue.Full):
                self._arrived.put(arrival, timeout=0.2)
                return True
        return False


def connection_to(url: SplitResult, connect_seconds: float) -> http.client.HTTPConnection:
    """Not yet connected. Raises VoiceUnavailable for a URL that is none."""
    try:
        host, port = url.hostname, url.port
    except ValueError as error:
        raise VoiceUnavailable(f"the URL cannot be used: {error}") from error
    if not host or url.scheme not in ("http", "https"):
        raise VoiceUnavailable("the URL must begin with http:// or https:// and name a host")
    if url.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=connect_seconds, context=context)
    return http.client.HTTPConnection(host, port, timeout=connect_seconds)


def _refusal(response: http.client.HTTPResponse, place: str) -> Refused:
    status = response.status
    said = ""
    with suppress(OSError, http.client.HTTPException):
        said = response.read(EXPLANATION_BYTES).decode("utf-8", "replace")
    said = " ".join("".join(c if c.isprintable() else " " for c in said).split())
    reasons = {401: "it refuses the key", 403: "it refuses the key", 404: "it has no such address, model or voice"}
    reasons[429] = "too many requests"
    if 300 <= status < 400:
        return Refused(f"{place} sends elsewhere (HTTP {status}); write the final URL into the settings", again=False)
    reason = reasons.get(status) or response.reason or "it failed"
    again = status == 429 or status >= 500
    return Refused(f"{place}: HTTP {status}, {reason}{': ' if said else ''}{said}", again, _retry_after(response))


def _retry_after(response: http.client.HTTPResponse) -> float | None:
    value = response.getheader("Retry-After", "")
    return float(value) if value.isdigit() else None


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
