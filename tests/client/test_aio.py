"""The asyncio client: the same connection, awaited."""

from __future__ import annotations

import asyncio

import pytest

import fishvoice
from fishvoice.aio import AsyncClient, AsyncSpeech
from fishvoice.errors import DaemonUnavailable, RequestFailed
from tests.adapters.blocked_daemon import GatedDaemon
from tests.client.test_client import until
from tests.fakes.daemon import Behaviour, FakeDaemon

pytestmark = [pytest.mark.usefixtures("home"), pytest.mark.timeout(60)]


def test_sound_status_voices() -> None:
    async def use() -> None:
        async with AsyncClient(start=False) as client:
            speech = await client.synthesize("Hello.", seed=1)
            assert (await speech.start()).sample_rate == 44100
            assert [chunk.index async for chunk in speech] == [0, 1, 2, 3]
            assert speech.metrics is not None
            assert (await client.status())["version"] == "fake"
            assert (await client.voices())[0].name == "starter"
            assert await client.cancel() == 0

    with FakeDaemon():
        asyncio.run(use())


def test_two_at_once() -> None:
    async def count(client: AsyncClient) -> int:
        return len([chunk async for chunk in await client.synthesize("x")])

    async def use() -> None:
        async with AsyncClient(start=False) as client:
            assert await asyncio.gather(*(count(client) for _ in range(5))) == [100] * 5

    with FakeDaemon(Behaviour(chunks=100, samples=10)):
        asyncio.run(use())


def test_leaving_the_loop_and_cancelling_the_task_cancel() -> None:
    async def read(client: AsyncClient, limit: int) -> None:
        async for chunk in await client.synthesize("long"):
            if chunk.index == limit:
                break

    async def use() -> None:
        async with AsyncClient(start=False) as client:
            await read(client, 2)
            await asyncio.to_thread(until, lambda: len(daemon.cancels) == 1)
            task = asyncio.create_task(read(client, 100_000))
            await asyncio.to_thread(until, lambda: len(daemon.requests) == 2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.to_thread(until, lambda: len(daemon.cancels) == 2)

    with FakeDaemon(Behaviour(chunks=100_000, delay=0.005)) as daemon:
        asyncio.run(use())


@pytest.mark.parametrize("turns", range(5))
def test_a_cancel_that_comes_together_with_an_event_is_not_lost(turns: int) -> None:
    async def read(speech: AsyncSpeech) -> None:
        async for _ in speech:
            pass

    async def use() -> None:
        async with AsyncClient(start=False) as client:
            speech = await client.synthesize("Hello.")
            await speech.start()
            task = asyncio.create_task(read(speech))
            await asyncio.to_thread(until, lambda: not speech._events.qsize())
            speech._events.put_nowait(None)  # no news, but it wakes the reader
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task], timeout=5)
            assert task.cancelled()

    with GatedDaemon(Behaviour(chunks=9), free=1):
        asyncio.run(use())


def test_errors_are_raised_where_they_are_awaited() -> None:
    async def refused() -> None:
        async with AsyncClient(start=False) as client:
            speech = await client.synthesize("x")
            with pytest.raises(RequestFailed):
                await speech.start()

    async def absent() -> None:
        async with AsyncClient(start=False) as client:
            with pytest.raises(DaemonUnavailable):
                await client.synthesize("x")

    async def silent() -> None:
        async with AsyncClient(start=False, timeout=0.1) as client, await client.synthesize("x") as speech:
            with pytest.raises(DaemonUnavailable, match=r"nothing for 0\.1 s"):
                await speech.start()

    with FakeDaemon(Behaviour(error="engine")):
        asyncio.run(refused())
    asyncio.run(absent())
    with FakeDaemon(Behaviour(silent=True)):
        asyncio.run(silent())


def test_being_told_to_wait_is_a_sign_of_life() -> None:
    async def speak() -> int:
        async with AsyncClient(start=False, timeout=0.5) as client:
            return len([chunk async for chunk in await client.synthesize("x")])

    with FakeDaemon(Behaviour(waits=8, delay=0.1, chunks=2)):
        assert asyncio.run(speak()) == 2


def test_a_daemon_that_dies_ends_the_wait() -> None:
    async def use(daemon: FakeDaemon) -> int:
        heard = 0
        async with AsyncClient(start=False) as client:
            with pytest.raises(DaemonUnavailable):
                async for _ in await client.synthesize("x"):
                    heard += 1
        return heard

    with FakeDaemon(Behaviour(chunks=10, dies_after=4)) as daemon:
        assert asyncio.run(use(daemon)) == 4


def test_the_package_names_it() -> None:
    assert fishvoice.AsyncClient is AsyncClient
