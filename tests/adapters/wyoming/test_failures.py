"""What a Wyoming peer is told when something fails, and that the next one is served."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

import pytest
from wyoming.client import AsyncClient as Peer
from wyoming.info import Describe
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart

from fishvoice.aio import AsyncClient
from tests.adapters.blocked_daemon import GatedDaemon
from tests.adapters.wyoming.talking import connected, run, serving, soon, sound, until
from tests.client.conftest import Spawn, fishvoice, home  # noqa: F401
from tests.fakes.daemon import Behaviour, FakeDaemon

pytestmark = pytest.mark.usefixtures("home")


async def failure(peer: Peer) -> dict[str, Any]:
    """The error that ends the connection."""
    events = await until(peer)
    assert events[-1].type == "error", events
    return events[-1].data


def test_no_daemon_is_said_and_nothing_hangs() -> None:
    async def test() -> None:
        for question in (Describe().event(), Synthesize("Hello.").event()):
            async with connected() as peer:
                await peer.write_event(question)
                assert (await failure(peer))["code"] == "daemon_unavailable"
        async with connected() as peer:
            await peer.write_event(SynthesizeStart().event())
            await peer.write_event(SynthesizeChunk("One. Two.").event())
            assert (await failure(peer))["code"] == "daemon_unavailable"

    run(test())


def test_what_the_daemon_refuses_is_said() -> None:
    async def test() -> None:
        async with connected() as peer:
            await peer.write_event(Synthesize("Hello.").event())
            data = await failure(peer)
            assert data == {"text": "it cannot be done: say something else", "code": "unknown_voice"}

    with FakeDaemon(Behaviour(error="unknown_voice")):
        run(test())


def test_a_daemon_that_dies_is_said_and_the_next_one_serves() -> None:
    async def test() -> None:
        async with serving() as uri:
            with GatedDaemon(Behaviour(chunks=9), free=2) as daemon:
                async with Peer.from_uri(uri, read_timeout=20) as peer:
                    await peer.write_event(Synthesize("Hello.").event())
                    await until(peer, "audio-chunk")
                    daemon.die()
                    assert (await failure(peer))["code"] == "daemon_unavailable"
            with FakeDaemon():
                async with Peer.from_uri(uri, read_timeout=20) as peer:
                    await peer.write_event(Synthesize("Again.").event())
                    assert sound(await until(peer, "audio-stop"))

    run(test())


def test_a_peer_who_leaves_cancels_all_he_asked_for() -> None:
    async def test() -> None:
        async with serving() as uri:
            async with Peer.from_uri(uri, read_timeout=20) as peer:
                await peer.write_event(SynthesizeStart().event())
                await peer.write_event(SynthesizeChunk("One. Two. Three").event())
                await until(peer, "audio-chunk")
            await soon(lambda: daemon.cancels)
            assert daemon.chunks_sent <= 2

    with GatedDaemon(Behaviour(chunks=9), free=2) as daemon:
        run(test())


def test_speech_that_somebody_stops_ends_with_an_error() -> None:
    async def test() -> None:
        async with connected() as peer, AsyncClient(start=False) as other:
            await peer.write_event(Synthesize("Hello.").event())
            await until(peer, "audio-chunk")
            assert await other.cancel() == 1
            assert (await failure(peer))["code"] == "cancelled"

    with GatedDaemon(Behaviour(chunks=9), free=2):
        run(test())


GARBAGE = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"[]\n",
    b'{"type": 7}\n',
    b'{"data": {}}\n',
    b'{"type": "synthesize"}\n',
    b'{"type": "synthesize", "data": {"text": 7}}\n',
    b'{"type": "synthesize", "data": {"text": " "}}\n',
    b'{"type": "synthesize", "data": {"text": "\\ud800"}}\n',
    b'{"type": "synthesize", "data": {"text": "a", "voice": "b"}}\n',
    b'{"type": "synthesize", "data": {"text": "a", "voice": {"language": "tlh"}}}\n',
    b'{"type": "synthesize", "data": []}\n',
    b'{"type": "synthesize", "data_length": 99999999999}\n',
    b'{"type": "synthesize", "data_length": -1}\n',
    b'{"type": "synthesize", "payload_length": "much"}\n',
    b'{"type": "synthesize", "data_length": 3}\nabc',
    b'{"type": "synthesize", "data": {"text": "' + b"x" * 70_000 + b'"}}\n',
    b"\xff\xfe\x00\n",
    os.urandom(4096) + b"\n",
]


def test_garbage_is_answered_by_an_error_and_the_end() -> None:
    async def test() -> None:
        async with serving() as uri:
            host, _, port = uri.removeprefix("tcp://").rpartition(":")
            for garbage in GARBAGE:
                reader, writer = await asyncio.open_connection(host, int(port))
                writer.write(garbage)
                answer = await asyncio.wait_for(reader.read(), 10)
                assert json.loads(answer.split(b"\n")[0])["type"] == "error", garbage[:80]
                writer.close()
            # An unknown event is none of ours; half an event and a disconnect are no error to anybody.
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b'{"type": "run-satellite"}\n{"type": "synthesize", "data_length": 9}\n{}')
            writer.close()
            async with Peer.from_uri(uri, read_timeout=20) as peer:
                await peer.write_event(Synthesize("Fine.").event())
                assert sound(await until(peer, "audio-stop"))

    with FakeDaemon() as daemon:
        run(test())
        assert [request.text for request in daemon.requests] == ["Fine."]


def test_too_many_texts_at_once_are_refused() -> None:
    async def test() -> None:
        async with connected() as peer:
            await peer.write_event(Synthesize("Hello.").event())
            await until(peer, "audio-chunk")
            for number in range(20):
                await peer.write_event(Synthesize(f"Number {number}.").event())
            assert (await failure(peer))["code"] == "busy"
            await soon(lambda: daemon.cancels)

    with GatedDaemon(Behaviour(chunks=9), free=1) as daemon:
        run(test())
