"""The sound of a text that still arrives: a request per piece, and the next one asked for while one is spoken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from fishvoice.adapters.shared.outcome import why_unspoken
from fishvoice.adapters.shared.text_stream import TextStream
from fishvoice.aio import AsyncClient, AsyncSpeech
from fishvoice.errors import NOTHING_TO_SPEAK, InvalidRequest, ProtocolError, RequestFailed
from fishvoice.speech import Chunk


async def spoken(client: AsyncClient, text: TextStream) -> AsyncGenerator[Chunk, None]:
    """The chunks of all pieces, all of one sample rate. Closing it cancels what is still being spoken.

    A piece without anything to speak is passed over. Raises InvalidRequest where there was no text, RequestFailed
    where nothing of it could be spoken or a piece fails, ProtocolError, DaemonUnavailable.
    """
    speeches: asyncio.Queue[AsyncSpeech | None] = asyncio.Queue(1)  # so two requests are ahead of the one being heard
    asking = asyncio.create_task(_ask(client, text, speeches))
    rate = 0
    silent: RequestFailed | None = None
    try:
        while (speech := await _either(speeches, asking)) is not None:
            async with speech:
                try:
                    async for chunk in speech:
                        if rate not in (0, chunk.sample_rate):
                            raise ProtocolError(f"the voice changed to {chunk.sample_rate} Hz in the middle of speech")
                        rate = chunk.sample_rate
                        yield chunk
                except RequestFailed as error:
                    if error.code != NOTHING_TO_SPEAK:
                        raise
                    silent = error  # this piece; the others are spoken all the same
                    continue
            if speech.finish_reason != "complete":
                raise why_unspoken(speech)
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        while not speeches.empty():
            late = speeches.get_nowait()
            if late is not None:
                late.cancel()
    if not rate and not text.characters:
        raise InvalidRequest("there is no text to speak")
    if not rate:
        raise silent or RequestFailed(NOTHING_TO_SPEAK, "there is nothing to speak in this text")


async def _ask(client: AsyncClient, text: TextStream, speeches: asyncio.Queue[AsyncSpeech | None]) -> None:
    while (piece := await text.next()) is not None:
        speech = await client.synthesize(piece, **text.options)
        try:
            await speeches.put(speech)
        except asyncio.CancelledError:
            speech.cancel()
            raise
    await speeches.put(None)


async def _either(speeches: asyncio.Queue[AsyncSpeech | None], asking: asyncio.Task[None]) -> AsyncSpeech | None:
    """The next speech, or the error for which there is none."""
    getting = asyncio.create_task(speeches.get())
    try:
        await asyncio.wait([getting, asking], return_when=asyncio.FIRST_COMPLETED)
        if not getting.done() and asking.done() and asking.exception() is not None:
            await asking
        return await getting
    finally:
        getting.cancel()  # nobody waits for it any more
