"""The Wyoming protocol of home-automation hubs: one connection, its questions answered and its texts spoken."""

from __future__ import annotations

import asyncio
import contextlib
import json
from importlib.metadata import version
from typing import cast, get_args

from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, async_write_event
from wyoming.info import Attribution, Describe, Info, TtsProgram, TtsVoice
from wyoming.ping import Ping, Pong
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop, SynthesizeStopped

from fishvoice.adapters.shared.spoken import spoken
from fishvoice.adapters.shared.text_stream import TextStream
from fishvoice.adapters.wyoming.events import read_event, text_of
from fishvoice.aio import AsyncClient
from fishvoice.errors import FishvoiceError, InvalidRequest, ProtocolError, RequestFailed
from fishvoice.protocol import MAX_TEXT_CHARACTERS, Markup, Priority, VoiceInfo
from fishvoice.request import SpeechOptions

PRIORITIES: tuple[Priority, ...] = get_args(Priority)
WIDTH = 2  # bytes per sample
STALL_SECONDS = 30.0  # of reading nothing, while there is something to read
WAITING = 8  # utterances of one connection that may wait for their turn


class Connection:
    """Reads events and speaks, both at the same time, until the peer leaves; then what is being spoken is cancelled.

    An error is told as an ``error`` event, and ends the connection: hubs wait for the end of the sound, and not all
    of them take an error for one.
    """

    def __init__(
        self,
        client: AsyncClient,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        priority: Priority = "text",
    ) -> None:
        self._priority: Priority = priority  # of texts that name none
        self._client = client.another()  # of its own: a peer that stops reading holds up nobody else
        self._speaking = False
        self._reader = reader
        self._writer = writer
        self._writing = asyncio.Lock()
        self._stream: TextStream | None = None  # the one that text still arrives for
        self._utterances: asyncio.Queue[tuple[TextStream, bool]] = asyncio.Queue(WAITING)

    @property
    def computer(self) -> str:
        """The address of the peer; "" for programs of this computer."""
        peer = self._writer.get_extra_info("peername")
        host = str(peer[0]) if isinstance(peer, tuple) else ""
        return "" if host in ("127.0.0.1", "::1") else host

    @property
    def idle(self) -> bool:
        """Nothing is being spoken, and no text is on its way."""
        return not self._speaking and self._stream is None and self._utterances.empty()

    def refuse(self, busy: RequestFailed) -> None:
        """Tell the peer, and be gone."""
        self._writer.writelines([json.dumps(Error(str(busy), busy.code).event().to_dict()).encode(), b"\n"])
        self._writer.close()

    async def run(self) -> None:
        """Returns when it is over, however it ended."""
        tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._speak())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                await self._conclude(task)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._client.close()
            self._writer.close()

    async def _conclude(self, task: asyncio.Task[None]) -> None:
        try:
            await task
        except OSError:  # the peer has gone
            return
        except FishvoiceError as error:
            with contextlib.suppress(OSError):
                await self._write(Error(str(error), _code(error)).event())

    # -- what it hears -----------------------------------------------------------------------------------

    async def _listen(self) -> None:
        while (event := await read_event(self._reader)) is not None:
            await self._receive(event)

    async def _receive(self, event: Event) -> None:
        """Unknown events are none of ours, and no error: the protocol grows."""
        if Describe.is_type(event.type):
            await self._write(info(await self._client.voices()).event())
        elif Ping.is_type(event.type):
            await self._write(Pong(event.data.get("text")).event())
        elif SynthesizeStart.is_type(event.type):
            self._end_stream()
            voice, priority = await self._voice(event), self._priority_of(event)
            self._stream = TextStream({"voice": voice, "markup": "auto", "priority": priority})
            self._enqueue(self._stream, streamed=True)
        elif SynthesizeChunk.is_type(event.type) and self._stream is not None:
            self._stream.feed(text_of(event, MAX_TEXT_CHARACTERS - self._stream.characters))
        elif SynthesizeStop.is_type(event.type):
            self._end_stream()
        elif Synthesize.is_type(event.type) and self._stream is None:
            # Within a stream this is the whole text once more, for servers that know no streams.
            text = text_of(event, MAX_TEXT_CHARACTERS)
            markup: Markup = "ssml" if event.data.get("text_format") == "ssml" else "auto"
            voice, priority = await self._voice(event), self._priority_of(event)
            options: SpeechOptions = {"voice": voice, "markup": markup, "priority": priority}
            self._enqueue(TextStream.whole(text, options), streamed=False)

    def _enqueue(self, text: TextStream, *, streamed: bool) -> None:
        try:
            self._utterances.put_nowait((text, streamed))
        except asyncio.QueueFull as error:
            raise RequestFailed("busy", f"{WAITING} texts are waiting on this connection already") from error

    def _end_stream(self) -> None:
        if self._stream is not None:
            self._stream.end()
            self._stream = None

    def _priority_of(self, event: Event) -> Priority:
        """What the event's ``priority`` says, a word of ours that other servers ignore. Raises InvalidRequest."""
        asked = event.data.get("priority", self._priority)
        if asked not in PRIORITIES:
            raise InvalidRequest(f"priority must be one of {', '.join(PRIORITIES)}")
        return cast("Priority", asked)

    async def _voice(self, event: Event) -> str | None:
        """The voice asked for by name, or the first one of the language asked for. Raises InvalidRequest."""
        asked = event.data.get("voice") or {}
        if not isinstance(asked, dict) or not all(isinstance(asked.get(key, ""), str) for key in ("name", "language")):
            raise ProtocolError("voice is no object with a name or a language")
        name, language = asked.get("name"), asked.get("language")
        if name or not language:
            return name or None
        for voice in await self._client.voices():
            if voice.unavailable is None and voice.language and _primary(voice.language) == _primary(language):
                return voice.name
        raise InvalidRequest(f"there is no voice for the language {language}")

    # -- what it says ------------------------------------------------------------------------------------

    async def _speak(self) -> None:
        while True:
            text, streamed = await self._utterances.get()
            self._speaking = True
            await self._speak_stream(text)
            self._speaking = False
            if streamed:
                await self._write(SynthesizeStopped().event())

    async def _speak_stream(self, text: TextStream) -> None:
        """One AudioStart, the sound of all pieces, one AudioStop."""
        rate = samples = 0
        async with contextlib.aclosing(spoken(self._client, text)) as chunks:
            async for chunk in chunks:
                if not rate:
                    rate = chunk.sample_rate
                    await self._write(AudioStart(rate, WIDTH, 1, timestamp=0).event())
                await self._write(AudioChunk(rate, WIDTH, 1, chunk.pcm, timestamp=samples * 1000 // rate).event())
                samples += len(chunk.pcm) // WIDTH
        await self._write(AudioStop(timestamp=samples * 1000 // rate).event())

    async def _write(self, event: Event) -> None:
        async with self._writing:
            try:
                async with asyncio.timeout(STALL_SECONDS):
                    await async_write_event(event, self._writer)
            except TimeoutError:  # which is an OSError: to everybody else the peer has gone
                self._writer.transport.abort()
                raise


def info(voices: tuple[VoiceInfo, ...]) -> Info:
    """What a hub shows of this service. A voice that names no language offers none."""
    own = Attribution(name="fishvoice", url="")
    release = version("fishvoice")
    return Info(
        tts=[
            TtsProgram(
                name="fishvoice",
                description="Fish Speech on this computer",
                attribution=own,
                installed=True,
                version=release,
                voices=[
                    TtsVoice(
                        name=voice.name,
                        description=voice.description or voice.name,
                        attribution=own,
                        installed=voice.unavailable is None,
                        version=release,
                        languages=[voice.language] if voice.language else [],
                    )
                    for voice in voices
                ],
                supports_synthesize_streaming=True,
            )
        ]
    )


def _code(error: FishvoiceError) -> str:
    if isinstance(error, RequestFailed | ProtocolError):
        return error.code
    return "bad_request" if isinstance(error, InvalidRequest) else "daemon_unavailable"


def _primary(language: str) -> str:
    """``de`` of ``de-AT`` or ``de_AT``."""
    return language.replace("_", "-").partition("-")[0].lower()
