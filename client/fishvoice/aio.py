"""The client for asyncio: the same connection and the same rules, awaited instead of waited for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from functools import partial
from types import TracebackType
from typing import Any, Unpack

from fishvoice.client import START_SECONDS, TIMEOUT_SECONDS, Client
from fishvoice.connection.connection import Connection
from fishvoice.connection.exchange import Event
from fishvoice.paths import Endpoints
from fishvoice.protocol import AudioStart, Synthesize, VoiceInfo
from fishvoice.request import SpeechOptions
from fishvoice.speech import Chunk, Progress


class AsyncSpeech(Progress):
    """As :class:`Speech`, for ``async for``. All methods belong to one event loop."""

    def __init__(self, link: Connection, request: Synthesize, timeout: float, owner: object) -> None:
        super().__init__(link, request, timeout, owner)
        self._loop = asyncio.get_running_loop()
        self._own: Client | None = None  # of this speech alone: it goes with it
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        link.open(request, self._deliver)

    async def start(self) -> AudioStart:
        """Sample rate, voice, predictions: waits for the daemon to begin."""
        while (start := self._started()) is None:
            await self._wait()
        return start

    async def __aiter__(self) -> AsyncIterator[Chunk]:
        try:
            while not self.over:
                chunk = await self._wait()
                if chunk is not None:
                    yield chunk
        finally:
            self.cancel()

    def cancel(self) -> None:
        """As :meth:`Speech.cancel`."""
        if not self.over:
            self._cancelled = True
            self._link.cancel(self.id)
            self._events.put_nowait(None)
            self._part()

    def belongs(self, client: Client) -> None:
        """``client`` is for this speech alone, and is closed when it is over."""
        self._own = client

    def _part(self) -> None:
        if self._own is not None:
            client, self._own = self._own, None
            # In a thread: breaking a connection may take a moment. Nobody has to wait for it.
            threading.Thread(target=client.close, name="fishvoice-close", daemon=True).start()

    async def _wait(self) -> Chunk | None:
        try:
            async with asyncio.timeout(self._timeout):  # wait_for may lose a cancel that comes together with an event
                event = await self._events.get()
        except TimeoutError:
            self.cancel()
            raise self._silence() from None
        try:
            return None if event is None else self._take(event)
        finally:
            if self.over:
                self._part()

    def _deliver(self, event: Event) -> None:
        try:
            self._loop.call_soon_threadsafe(self._events.put_nowait, event)
        except RuntimeError:  # the loop is closed
            self._link.cancel(self.id)

    async def __aenter__(self) -> AsyncSpeech:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.cancel()


class AsyncClient:
    """As :class:`fishvoice.Client`, for one event loop; ``async with`` closes it.

    Its connection has a thread of its own, so it runs on every event loop there is.

    ``connection_per_request``: each speech has one of its own, so that of several listeners behind this client none
    waits for another; then the order of requests is nobody's.
    """

    def __init__(
        self,
        *,
        start: bool = True,
        start_timeout: float = START_SECONDS,
        timeout: float = TIMEOUT_SECONDS,
        endpoints: Endpoints | None = None,
        connection_per_request: bool = False,
    ) -> None:
        self._new = partial(Client, start=start, start_timeout=start_timeout, timeout=timeout, endpoints=endpoints)
        self._client = self._new()
        self._apart = connection_per_request

    async def synthesize(self, text: str, **options: Unpack[SpeechOptions]) -> AsyncSpeech:
        """Ask for ``text``: see :meth:`fishvoice.Client.synthesize`."""
        client = self._new() if self._apart else self._client
        try:
            link, request = await asyncio.to_thread(client.prepare, text, **options)
            speech = AsyncSpeech(link, request, client.timeout, self)
        except BaseException:
            if self._apart:
                await asyncio.to_thread(client.close)
            raise
        if self._apart:
            speech.belongs(client)
        return speech

    def another(self) -> AsyncClient:
        """A client of its own with the same settings."""
        other = AsyncClient(connection_per_request=self._apart)
        other._new, other._client = self._new, self._new()
        return other

    async def cancel(self, request_id: str | None = None) -> int:
        """See :meth:`fishvoice.Client.cancel`."""
        return await asyncio.to_thread(self._client.cancel, request_id)

    async def status(self) -> dict[str, Any]:
        """See :meth:`fishvoice.Client.status`."""
        return await asyncio.to_thread(self._client.status)

    async def voices(self) -> tuple[VoiceInfo, ...]:
        """See :meth:`fishvoice.Client.voices`."""
        return await asyncio.to_thread(self._client.voices)

    async def shutdown(self, *, drain: bool = False) -> None:
        """See :meth:`fishvoice.Client.shutdown`."""
        await asyncio.to_thread(self._client.shutdown, drain=drain)

    async def close(self) -> None:
        """See :meth:`fishvoice.Client.close`."""
        await asyncio.to_thread(self._client.close)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        await self.close()
