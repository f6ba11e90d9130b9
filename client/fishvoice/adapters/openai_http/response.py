"""One answer of sound: chunks of the daemon in, pieces of an HTTP body out, and silence when the listener leaves."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from starlette.types import Receive, Scope, Send

from fishvoice.adapters.openai_http.audio import StreamEncoder
from fishvoice.adapters.openai_http.errors import refusal
from fishvoice.adapters.openai_http.forms import Form
from fishvoice.adapters.shared.outcome import why_unspoken
from fishvoice.aio import AsyncClient, AsyncSpeech
from fishvoice.encoding.formats import FORMATS, encoded
from fishvoice.errors import FishvoiceError
from fishvoice.request import SpeechOptions
from fishvoice.speech import Chunk

_log = logging.getLogger("fishvoice.http")
PATIENCE_SECONDS = 0.25
"""How long a sound whose header tells its length may take after its first piece, to be sent whole with the length."""


class SpeechResponse:
    """An ASGI response. What goes wrong before the first sound is raised, and can become an error's status.

    After that the status is out: a plain body is broken off, which every client notices, and a body of messages ends
    with an error. One that leaves early cancels the daemon's work at once. ``rate``: Hz to send, if not the format's.
    """

    def __init__(
        self,
        client: AsyncClient,
        text: str,
        options: SpeechOptions,
        audio_format: str,
        form: Form,
        rate: int | None = None,
    ) -> None:
        self._client = client
        self._text = text
        self._options = options
        self._format = audio_format
        self._form = form
        self._rate = rate

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
        begun = [first]
        following: asyncio.Future[Chunk | None] = asyncio.ensure_future(anext(chunks, None))
        try:
            if self._form.whole and FORMATS[self._format].has_length:
                following = await _wait_for_the_end(chunks, begun, following)
                if following.done() and speech.over:
                    await self._send_whole(begun, speech, send)
                    return
            await self._stream(_both(begun, following, chunks), speech, send, watch)
        finally:
            following.cancel()

    async def _stream(
        self, chunks: AsyncIterator[Chunk], speech: AsyncSpeech, send: Send, watch: asyncio.Task[None]
    ) -> None:
        first = await anext(chunks)
        # In a thread, because the first of its kind imports its library.
        sound = await asyncio.to_thread(StreamEncoder, self._format, first.sample_rate, self._rate)
        await send(_start(self._form.media_type))
        try:
            await self._send(send, self._form.chunk(sound.encode(first.pcm), first))
            async for chunk in chunks:
                await self._send(send, self._form.chunk(sound.encode(chunk.pcm), chunk))
            if speech.finish_reason != "complete":
                raise why_unspoken(speech)
        except FishvoiceError as error:
            if watch.done():
                return
            _log.warning("speech was broken off: %s", error)
            last = self._form.error(refusal(error))
            if last is None:
                return  # without a last piece: the server closes the connection in the middle of the body
            await self._send(send, last)
        else:
            self._report(speech)
            await self._send(send, self._form.end(sound.finish(), speech))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_whole(self, chunks: list[Chunk], speech: AsyncSpeech, send: Send) -> None:
        if speech.finish_reason != "complete":
            raise why_unspoken(speech)
        pcm = b"".join(chunk.pcm for chunk in chunks)
        body = await asyncio.to_thread(encoded, self._format, chunks[0].sample_rate, pcm, self._rate)
        await send(_start(self._form.media_type, len(body)))
        await send({"type": "http.response.body", "body": body, "more_body": False})
        self._report(speech)

    @staticmethod
    async def _send(send: Send, body: bytes) -> None:
        """Waits while the listener is slow; the daemon then waits as well, for credit."""
        if body:
            await send({"type": "http.response.body", "body": body, "more_body": True})

    @staticmethod
    def _report(speech: AsyncSpeech) -> None:
        for failure in speech.metrics.segment_errors if speech.metrics else ():
            _log.warning("characters %d-%d were not spoken: %s", failure.text_start, failure.text_end, failure.message)


def _start(media_type: str, length: int | None = None) -> dict[str, object]:
    headers = [(b"content-type", media_type.encode()), (b"cache-control", b"no-store")]
    if length is not None:
        headers.append((b"content-length", str(length).encode()))
    return {"type": "http.response.start", "status": 200, "headers": headers}


async def _wait_for_the_end(
    chunks: AsyncIterator[Chunk], begun: list[Chunk], following: asyncio.Future[Chunk | None]
) -> asyncio.Future[Chunk | None]:
    """Add to ``begun`` what comes within PATIENCE_SECONDS; returns what comes, or will come, after that.

    The chunk that is waited for when the time is over must not be cancelled: that would end the speech.
    """
    until = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while True:
        left = until - asyncio.get_running_loop().time()
        await asyncio.wait([following], timeout=max(0.0, left))
        if not following.done() or (chunk := following.result()) is None:
            return following
        begun.append(chunk)
        following = asyncio.ensure_future(anext(chunks, None))


async def _both(
    begun: list[Chunk], following: asyncio.Future[Chunk | None], rest: AsyncIterator[Chunk]
) -> AsyncIterator[Chunk]:
    for chunk in begun:
        yield chunk
    if (next_chunk := await following) is not None:
        yield next_chunk
    async for chunk in rest:
        yield chunk


async def _cancel_when_left(receive: Receive, speech: AsyncSpeech) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        while (await receive())["type"] != "http.disconnect":
            continue
        speech.cancel()
