"""One answer of sound: chunks of the daemon in, pieces of an HTTP body out, and silence when the listener leaves."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

from starlette.types import Receive, Scope, Send

from fishvoice.adapters.openai_http.audio import MEDIA_TYPES, Encoder, encoder
from fishvoice.adapters.openai_http.errors import refusal
from fishvoice.adapters.shared.outcome import why_unspoken
from fishvoice.aio import AsyncClient, AsyncSpeech
from fishvoice.errors import FishvoiceError
from fishvoice.request import SpeechOptions
from fishvoice.speech import Chunk

_log = logging.getLogger("fishvoice.http")


class SpeechResponse:
    """An ASGI response. What goes wrong before the first sound is raised, and can become an error's status.

    After that the status is out: a plain body is broken off, which every client notices, and an event stream ends
    with an ``error`` event. One that leaves early cancels the daemon's work at once.
    """

    def __init__(
        self, client: AsyncClient, text: str, options: SpeechOptions, audio_format: str, stream_format: str
    ) -> None:
        self._client = client
        self._text = text
        self._options = options
        self._format = audio_format
        self._events = stream_format == "sse"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with await self._client.synthesize(self._text, **self._options) as speech:
            watch = asyncio.create_task(_cancel_when_left(receive, speech))
            try:
                await self._answer(speech, send, watch)
            finally:
                watch.cancel()

    async def _answer(self, speech: AsyncSpeech, send: Send, watch: asyncio.Task[None]) -> None:
        chunks = aiter(speech)
        first = await anext(chunks, None)
        if first is None:
            if watch.done():
                return
            raise why_unspoken(speech)
        # In a thread, because the first of its kind imports its library.
        sound = await asyncio.to_thread(encoder, self._format, first.sample_rate)
        media_type = "text/event-stream" if self._events else MEDIA_TYPES[self._format]
        headers = [(b"content-type", media_type.encode()), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        try:
            async for piece in _encoded(first, chunks, sound):
                await self._send(send, _delta(piece) if self._events else piece)
            if speech.finish_reason != "complete":
                raise why_unspoken(speech)
        except FishvoiceError as error:
            if watch.done():
                return
            _log.warning("speech was broken off: %s", error)
            if not self._events:
                return  # without a last piece: the server closes the connection in the middle of the body
            await self._send(send, _event({"type": "error", **refusal(error).body}))
        else:
            self._report(speech)
            if self._events:
                await self._send(send, _done(self._text, speech))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    @staticmethod
    async def _send(send: Send, body: bytes) -> None:
        """Waits while the listener is slow; the daemon then waits as well, for credit."""
        if body:
            await send({"type": "http.response.body", "body": body, "more_body": True})

    @staticmethod
    def _report(speech: AsyncSpeech) -> None:
        for failure in speech.metrics.segment_errors if speech.metrics else ():
            _log.warning("characters %d-%d were not spoken: %s", failure.text_start, failure.text_end, failure.message)


async def _encoded(first: Chunk, rest: AsyncIterator[Chunk], sound: Encoder) -> AsyncIterator[bytes]:
    yield sound.encode(first.pcm)
    async for chunk in rest:
        yield sound.encode(chunk.pcm)
    yield sound.finish()


async def _cancel_when_left(receive: Receive, speech: AsyncSpeech) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        while (await receive())["type"] != "http.disconnect":
            continue
        speech.cancel()


def _delta(piece: bytes) -> bytes:
    if not piece:
        return b""
    return _event({"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()})


def _done(text: str, speech: AsyncSpeech) -> bytes:
    """``usage`` in this engine's units: characters in, codec frames out."""
    frames = speech.metrics.frames if speech.metrics else 0
    usage = {"input_tokens": len(text), "output_tokens": frames, "total_tokens": len(text) + frames}
    return _event({"type": "speech.audio.done", "usage": usage})


def _event(fields: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(fields)}\n\n".encode()
