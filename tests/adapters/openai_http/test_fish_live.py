"""Fish's WebSocket, driven by its own SDK: text in while it is written, sound out while it is made."""

from __future__ import annotations

import asyncio
import io
import socket
import threading
import wave
from collections.abc import AsyncIterator, Iterator

import httpx
import msgpack
import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import BytesMessage, CloseConnection, RejectConnection, Request, TextMessage

from fishvoice.adapters.openai_http import limits
from fishvoice.adapters.openai_http.api import live
from tests.adapters.blocked_daemon import GatedDaemon, eventually
from tests.adapters.endpoint import serving
from tests.client.conftest import home  # noqa: F401
from tests.fakes.daemon import Behaviour, FakeDaemon

fish_audio_sdk = pytest.importorskip("fish_audio_sdk")
pytestmark = pytest.mark.usefixtures("home")
START = fish_audio_sdk.TTSRequest(text="", format="pcm", temperature=0.3, reference_id="starter")


def test_the_session_speaks_each_sentence_while_the_next_is_written(address: str) -> None:
    heard = threading.Event()

    def text() -> Iterator[str]:
        yield "One is here. Tw"
        assert heard.wait(20), "the first sentence is heard before the second is written"
        yield "o comes later."

    with (
        FakeDaemon(Behaviour(chunks=2, samples=4410)) as daemon,
        fish_audio_sdk.WebSocketSession("any", base_url=f"http://{address}") as session,
    ):
        sound = bytearray()
        for piece in session.tts(START, text()):
            heard.set()
            sound += piece
        asked = [(each.text, each.voice, each.sampling.temperature) for each in daemon.requests]
    assert asked == [("One is here.", "starter", 0.3), ("Two comes later.", "starter", 0.3)]
    assert len(sound) == 2 * 2 * 4410 * 2


def test_the_asynchronous_session_gets_one_file_of_all_pieces(address: str) -> None:
    async def text() -> AsyncIterator[str]:
        yield "One. "
        yield "Two. Three."

    async def run() -> bytes:
        session = fish_audio_sdk.AsyncWebSocketSession("any", base_url=f"http://{address}")
        async with session:
            request = fish_audio_sdk.TTSRequest(text="", format="wav")
            return b"".join([piece async for piece in session.tts(request, text())])

    with FakeDaemon(Behaviour(chunks=1, samples=100_000)) as daemon:
        sound = asyncio.run(run())
        count = len(daemon.requests)
    with wave.open(io.BytesIO(sound)) as file:
        assert file.getframerate() == 44100
    assert len(sound) == 44 + count * 100_000 * 2


def test_the_newer_client_flushes_what_is_no_sentence_yet(address: str) -> None:
    from fishaudio import FishAudio
    from fishaudio.types import FlushEvent

    heard = threading.Event()

    def text() -> Iterator[object]:
        yield "No end in sight"
        yield FlushEvent()
        assert heard.wait(20)

    with FakeDaemon() as daemon:
        client = FishAudio(api_key="any", base_url=f"http://{address}")
        for _ in client.tts.stream_websocket(text(), format="pcm"):
            heard.set()
        assert [each.text for each in daemon.requests] == ["No end in sight"]


class Peer:
    """A WebSocket of this test's own, for what the SDK never does. ``status``: of the handshake, 101 if it opened."""

    def __init__(self, address: str, host: str = "localhost", **headers: str) -> None:
        where, _, port = address.rpartition(":")
        self._socket = socket.create_connection((where, int(port)), 10)
        self._protocol = WSConnection(ConnectionType.CLIENT)
        given = [(name.encode(), value.encode()) for name, value in headers.items()]
        self._socket.sendall(self._protocol.send(Request(host=host, target="/v1/tts/live", extra_headers=given)))
        first = next(self._events())
        self.status = first.status_code if isinstance(first, RejectConnection) else 101

    def send(self, event: object) -> None:
        self._socket.sendall(self._protocol.send(BytesMessage(msgpack.packb(event))))

    def send_text(self, text: str) -> None:
        self._socket.sendall(self._protocol.send(TextMessage(text)))

    def finish(self) -> dict[str, object]:
        """The event ``finish``."""
        for event in self._events():
            if isinstance(event, BytesMessage):
                told: dict[str, object] = msgpack.unpackb(bytes(event.data))
                if told["event"] == "finish":
                    return told
            if isinstance(event, CloseConnection):
                break
        raise AssertionError("the connection was closed without a word")

    def leave(self) -> None:
        self._socket.close()

    def _events(self) -> Iterator[object]:
        while True:
            yield from self._protocol.events()
            data = self._socket.recv(65536)
            self._protocol.receive_data(data or None)
            if not data:
                yield from self._protocol.events()
                return


def test_a_listener_who_leaves_cancels_the_synthesis(address: str) -> None:
    with GatedDaemon(Behaviour(chunks=50, samples=2048), free=2) as daemon:
        peer = Peer(address)
        peer.send({"event": "start", "request": {"text": "A long story. ", "format": "pcm"}})
        peer.send({"event": "stop"})
        eventually(lambda: daemon.chunks_sent == 2)
        peer.leave()
        eventually(lambda: daemon.cancels)


BAD = [
    ([{"event": "text", "text": "Hi."}], "must be 'start'"),
    ([{"event": "start", "request": {"text": "", "format": "tiff"}}], "tiff"),
    ([{"event": "start", "request": {"text": "", "reference_id": 7}}], "reference_id"),
    ([{"event": "start", "request": None}], "Expected"),
    ([{"event": "start", "request": {"text": ""}}, {"event": "text"}], "no text"),
    ([{"event": "start", "request": {"text": ""}}, {"event": "text", "text": "x" * 100_001}], "100000 characters"),
    ([{"event": "start", "request": {"text": ""}}, {"event": "stop"}], "no text to speak"),
    ([[]], "Expected"),
]


@pytest.mark.parametrize(("events", "message"), BAD, ids=lambda value: str(value)[-40:])
def test_what_is_wrong_is_said_before_it_closes(address: str, events: list[object], message: str) -> None:
    with FakeDaemon() as daemon:
        peer = Peer(address)
        for event in events:
            peer.send(event)
        told = peer.finish()
        assert not daemon.requests
    assert told["reason"] == "error"
    assert message in str(told["message"])


def test_events_that_are_text_are_refused_and_silence_is_not_waited_out(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = Peer(address)
    peer.send_text("{}")
    assert "binary" in str(peer.finish()["message"])
    monkeypatch.setattr(live, "SILENCE_SECONDS", 0.2)
    assert "no text has come" in str(Peer(address).finish()["message"])


def test_no_daemon_is_said(address: str) -> None:
    peer = Peer(address)
    peer.send({"event": "start", "request": {"text": "Hi.", "format": "pcm"}})
    peer.send({"event": "stop"})
    assert peer.finish()["reason"] == "error"


def test_foreign_pages_and_strangers_get_no_socket() -> None:
    """Browsers let every page open a WebSocket to everywhere: only the server can refuse it."""
    with serving(key="opensesame") as address:
        right = {"authorization": "Bearer opensesame"}
        assert Peer(address).status == 401
        assert Peer(address, **right).status == 101
        assert Peer(address, **right, origin="http://evil.example").status == 403
        assert Peer(address, **right, host="evil.example").status == 403
        assert Peer(address, **right, host=address, origin=f"http://{address}").status == 101


def test_open_sockets_leave_room_for_requests(address: str) -> None:
    peers = [Peer(address) for _ in range(limits.SOCKETS)]
    assert {peer.status for peer in peers} == {101}
    assert Peer(address).status == 503
    with FakeDaemon():
        assert httpx.post(f"http://{address}/v1/tts", json={"text": "Hi."}).status_code == 200
    peers[0].leave()
    eventually(lambda: Peer(address).status == 101)


def test_an_open_socket_outlives_the_time_for_a_head(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HEAD_SECONDS", 0.3)
    with FakeDaemon():
        peer = Peer(address)
        peer.send({"event": "start", "request": {"text": "", "format": "pcm"}})
        threading.Event().wait(0.6)
        peer.send({"event": "text", "text": "Still here."})
        peer.send({"event": "stop"})
        assert peer.finish()["reason"] == "stop"
