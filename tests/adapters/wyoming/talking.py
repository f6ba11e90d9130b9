"""The adapter in this event loop, and what a peer hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from wyoming.audio import AudioChunk
from wyoming.client import AsyncClient as Peer
from wyoming.event import Event

from fishvoice.adapters.shared.listen import address_of, listen_tcp
from fishvoice.adapters.wyoming.serve import serve
from fishvoice.aio import AsyncClient
from fishvoice.protocol import Priority
from tests.adapters.blocked_daemon import eventually


@asynccontextmanager
async def serving(priority: Priority = "text") -> AsyncIterator[str]:
    """The adapter in this event loop; yields its address."""
    with listen_tcp("127.0.0.1", 0) as listener:
        async with AsyncClient(start=False, start_timeout=5) as client:
            running = asyncio.create_task(serve(listener, client, priority=priority))
            try:
                yield f"tcp://{address_of(listener)}"
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def connected() -> AsyncIterator[Peer]:
    async with serving() as uri, Peer.from_uri(uri, read_timeout=20) as peer:
        yield peer


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 60))


async def until(peer: Peer, *last: str) -> list[Event]:
    """All events up to one of these types, or to the end of the connection."""
    events: list[Event] = []
    while (event := await peer.read_event()) is not None:
        events.append(event)
        if event.type in last:
            break
    return events


def sound(events: list[Event]) -> bytes:
    return b"".join(AudioChunk.from_event(event).audio for event in events if AudioChunk.is_type(event.type))


async def soon(question: Any) -> None:
    """As `eventually`, without holding up the server, which runs in this loop."""
    await asyncio.to_thread(eventually, question)
