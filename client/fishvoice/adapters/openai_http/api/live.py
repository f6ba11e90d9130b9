"""Fish's ``/v1/tts/live``: text comes in pieces over a WebSocket, and the sound goes out while it is made."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

import msgpack
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from fishvoice.adapters.openai_http.api.body import MSGPACK, decode
from fishvoice.adapters.openai_http.api.fish import TtsRequest, options_of, rate_of
from fishvoice.adapters.openai_http.audio import StreamEncoder
from fishvoice.adapters.openai_http.errors import Refusal, refusal
from fishvoice.adapters.openai_http.limits import STALL_SECONDS
from fishvoice.adapters.shared.spoken import spoken
from fishvoice.adapters.shared.text_stream import TextStream
from fishvoice.aio import AsyncClient
from fishvoice.errors import FishvoiceError
from fishvoice.protocol import MAX_TEXT_CHARACTERS

_log = logging.getLogger("fishvoice.http")
SILENCE_SECONDS = 300.0  # of a peer whose text is not complete


class LiveApi:
    """Events are msgpack: ``start`` (with a request of ``/v1/tts``), ``text``, ``flush`` and ``stop`` come in;
    ``audio`` goes out, and at the end ``finish`` with the ``reason`` ``stop``, or ``error`` and a ``message``."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self.routes = [WebSocketRoute("/v1/tts/live", self.live)]

    async def live(self, socket: WebSocket) -> None:
        """One text, until its sound is complete or the peer has left."""
        await socket.accept()
        client = self._client.another()  # of its own, so that its pieces are spoken in their order
        try:
            await self._converse(socket, client)
        except WebSocketDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - an answer has begun: every failure is told in it
            if not isinstance(error, Refusal | FishvoiceError):
                _log.exception("a mistake in a live session")
            with contextlib.suppress(WebSocketDisconnect):
                await _finish(socket, "error", str(refusal(error)))
        finally:
            await client.close()

    async def _converse(self, socket: WebSocket, client: AsyncClient) -> None:
        event = await _receive(socket)
        if event.get("event") != "start":
            raise Refusal(400, "the first event must be 'start'")
        request = decode(msgpack.packb(event.get("request")), MSGPACK, TtsRequest)
        text = TextStream(await options_of(request, client))
        text.feed(request.text)
        tasks = [asyncio.create_task(_listen(socket, text)), asyncio.create_task(_speak(socket, client, text, request))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    await task
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await _finish(socket, "stop")


async def _listen(socket: WebSocket, text: TextStream) -> None:
    """Feed ``text``. Ends with WebSocketDisconnect or another error only: speaking decides when it is over."""
    while True:
        event = await _receive(socket, ended=text.ended)
        match event.get("event"):
            case "text":
                piece = event.get("text")
                if not isinstance(piece, str):
                    raise Refusal(400, "an event 'text' has no text")
                if text.characters + len(piece) > MAX_TEXT_CHARACTERS:
                    raise Refusal(400, f"a text has more than {MAX_TEXT_CHARACTERS} characters")
                if not text.ended:
                    text.feed(piece)
            case "flush":
                text.flush()
            case "stop":
                text.end()


async def _speak(socket: WebSocket, client: AsyncClient, text: TextStream, request: TtsRequest) -> None:
    sound: StreamEncoder | None = None
    async with contextlib.aclosing(spoken(client, text)) as chunks:
        async for chunk in chunks:
            if sound is None:
                sound = await asyncio.to_thread(StreamEncoder, request.format, chunk.sample_rate, rate_of(request))
            await _send_sound(socket, sound.encode(chunk.pcm))
    if sound is not None:
        await _send_sound(socket, sound.finish())


async def _receive(socket: WebSocket, *, ended: bool = False) -> dict[str, Any]:
    """The next event. Raises Refusal for what is none, and after a silence that is too long for an open text."""
    try:
        async with asyncio.timeout(None if ended else SILENCE_SECONDS):
            message = await socket.receive_bytes()
    except TimeoutError as error:
        raise Refusal(408, f"no text has come for {SILENCE_SECONDS:g} s") from error
    except KeyError as error:
        raise Refusal(400, "events are msgpack in binary messages") from error
    return decode(message, MSGPACK, dict[str, Any])


async def _send_sound(socket: WebSocket, sound: bytes) -> None:
    if sound:
        await _send(socket, {"event": "audio", "audio": sound})


async def _finish(socket: WebSocket, reason: str, message: str | None = None) -> None:
    await _send(socket, {"event": "finish", "reason": reason, **({"message": message} if message else {})})
    await socket.close()


async def _send(socket: WebSocket, event: dict[str, Any]) -> None:
    """A peer that does not read is as good as gone."""
    try:
        async with asyncio.timeout(STALL_SECONDS):
            await socket.send_bytes(msgpack.packb(event))
    except TimeoutError as error:
        raise WebSocketDisconnect(1006) from error
