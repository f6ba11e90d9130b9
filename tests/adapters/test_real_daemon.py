"""Both servers as a user has them: the command, the daemon that it starts, the real engine."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import openai
import pytest
from wyoming.audio import AudioChunk
from wyoming.client import AsyncClient as Peer
from wyoming.info import Describe, Info
from wyoming.tts import Synthesize

from fishvoice import Client
from tests.test_end_to_end import LONG, active, home, until  # noqa: F401

pytestmark = [pytest.mark.usefixtures("home"), pytest.mark.timeout(300)]

# A model of random weights may fall silent at any frame: it gets several chances.
SENTENCES = " ".join(f"This is sentence number {n}, and it is long enough to be spoken by itself." for n in range(8))


@contextmanager
def served(verb: str) -> Iterator[str]:
    """The address that the command prints."""
    command = [sys.executable, "-m", "fishvoice", verb, "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    try:
        assert process.stderr is not None
        yield process.stderr.readline().decode().split()[-1]
    finally:
        process.terminate()
        process.wait(10)


def test_openai_streams_cancels_and_outlives_the_daemon() -> None:
    with served("serve-http") as url, Client(start=False) as watcher:
        talker = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
        short = talker.audio.speech.create(
            model="tts-1", voice="alloy", input="Hello.", response_format="pcm", extra_body={"seed": 1}
        )
        samples = np.frombuffer(short.content, "<i2")
        assert len(samples) > 2400
        assert np.abs(samples).max() > 1000
        with talker.audio.speech.with_streaming_response.create(
            model="tts-1", voice="alloy", input=LONG, response_format="pcm"
        ) as answer:
            pieces = answer.iter_bytes()
            assert next(pieces)
            assert active(watcher) == 1  # sound is here, and the daemon is still at it
        until(lambda: active(watcher) == 0)  # leaving has cancelled it
        with talker.audio.speech.with_streaming_response.create(
            model="tts-1", voice="alloy", input=LONG, response_format="pcm"
        ) as answer:
            pieces = answer.iter_bytes()
            assert next(pieces)
            os.kill(int(watcher.status()["pid"]), signal.SIGKILL)
            with pytest.raises(Exception, match="incomplete chunked read"):
                list(pieces)
        again = talker.audio.speech.create(
            model="tts-1", voice="alloy", input="Hello.", response_format="pcm", extra_body={"seed": 1}
        )
        assert again.content == short.content  # from a daemon that the server has started anew


def test_wyoming_speaks() -> None:
    async def test(uri: str) -> int:
        async with Peer.from_uri(uri, read_timeout=120) as peer:
            await peer.write_event(Describe().event())
            event = await peer.read_event()
            assert event is not None
            assert "tiny" in [voice.name for voice in Info.from_event(event).tts[0].voices]
            await peer.write_event(Synthesize(SENTENCES).event())
            samples = 0
            while (event := await peer.read_event()) is not None and event.type != "audio-stop":
                assert event.type != "error", event.data
                if AudioChunk.is_type(event.type):
                    samples += AudioChunk.from_event(event).samples
            return samples

    with served("serve-wyoming") as uri:
        assert asyncio.run(test(uri)) > 1600
