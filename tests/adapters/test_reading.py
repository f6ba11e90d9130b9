"""Breaks, and streams with pieces that cannot be spoken, as users hear them: real commands and servers, a real daemon,
a real voice; the sound measured."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from wyoming.audio import AudioChunk
from wyoming.client import AsyncClient as Peer
from wyoming.event import Event
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop

from fishvoice import Client
from tests.adapters.speechd.dispatcher import Dispatcher
from tests.adapters.test_real_daemon import served
from tests.synthesis.silences import silences
from tools.harness.daemon_process import environment

pytestmark = [pytest.mark.timeout(240), pytest.mark.usefixtures("user")]
SPOKEN = '<speak>Good morning.<break time="2s"/>Good night.</speak>'
RATE = 24_000


@pytest.fixture(scope="module")
def user() -> Iterator[None]:
    """A new user, whose default voice is the natural one; the daemon that somebody starts is ended at the end."""
    home = Path(tempfile.mkdtemp(prefix="fvb", dir="/tmp"))
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("FISHVOICE_")]:
            patch.delenv(name)
        for name, value in environment(home, FISHVOICE_VOICE="heart").items():
            patch.setenv(name, value)
        with Client(start_timeout=90) as client:
            client.connect()
            yield
            client.shutdown()
    shutil.rmtree(home, ignore_errors=True)


def assert_paused(pcm: bytes) -> None:
    sound = np.frombuffer(pcm, "<i2").astype(np.float32) / 32768
    assert max(silences(sound, RATE)) == pytest.approx(2.0, abs=0.05)


def test_over_the_clients_socket() -> None:
    with Client(start=False) as client:
        assert_paused(b"".join(chunk.pcm for chunk in client.synthesize(SPOKEN, markup="ssml")))


def heard_by_command(*arguments: str) -> bytes:
    command = [sys.executable, "-m", "fishvoice", "say", *arguments, "--out", "-"]
    return subprocess.run(command, check=True, capture_output=True, timeout=120).stdout


def test_a_log_goes_on_behind_a_line_of_dashes() -> None:
    """The first complaint about reading, word by word."""
    piped = f"(echo a; sleep .7; echo -----; sleep .7; echo b) | {sys.executable} -m fishvoice say - --out -"
    heard = subprocess.run(["bash", "-c", piped], check=True, capture_output=True, timeout=120).stdout
    assert len(heard) == pytest.approx(len(heard_by_command("a")) + len(heard_by_command("b")), rel=0.1)


def test_by_command() -> None:
    assert_paused(heard_by_command(SPOKEN))


@pytest.fixture(scope="module")
def http(user: None) -> Iterator[str]:
    with served("serve-http") as url:
        yield url


@pytest.mark.parametrize("markup", [{}, {"markup": "ssml"}])
def test_over_http(http: str, markup: dict[str, str]) -> None:
    body = {"model": "tts-1", "voice": "heart", "input": SPOKEN, "response_format": "pcm", **markup}
    asked = urllib.request.Request(f"{http}/audio/speech", json.dumps(body).encode())
    asked.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(asked, timeout=60) as answer:
        assert_paused(answer.read())


@pytest.fixture(scope="module")
def wyoming(user: None) -> Iterator[str]:
    with served("serve-wyoming") as uri:
        yield uri


@pytest.mark.parametrize("streamed", [False, True])
def test_over_wyoming(wyoming: str, streamed: bool) -> None:
    if streamed:
        pieces = (SPOKEN[:23], SPOKEN[23:40], SPOKEN[40:])
        events = [SynthesizeStart().event(), *(SynthesizeChunk(piece).event() for piece in pieces)]
        asked = [*events, SynthesizeStop().event()]
    else:
        asked = [Synthesize(SPOKEN, text_format="ssml").event()]
    assert_paused(asyncio.run(heard(wyoming, asked, "synthesize-stopped" if streamed else "audio-stop")))


def test_a_stream_over_wyoming_goes_on_behind_what_cannot_be_spoken(wyoming: str) -> None:
    pieces = ("One.\n\n", "-----\n\n", "* * *\n\n", "}\n\n", "Two.")
    streamed = [SynthesizeStart().event(), *(SynthesizeChunk(piece).event() for piece in pieces)]
    both = asyncio.run(heard(wyoming, [*streamed, SynthesizeStop().event()], "synthesize-stopped"))
    alone = [asyncio.run(heard(wyoming, [Synthesize(word).event()], "audio-stop")) for word in ("One.", "Two.")]
    assert len(both) > 0.8 * sum(map(len, alone))


async def heard(uri: str, asked: list[Event], last: str) -> bytes:
    pcm = b""
    async with Peer.from_uri(uri, read_timeout=60) as peer:
        for event in asked:
            await peer.write_event(event)
        while (told := await peer.read_event()) is not None and told.type != last:
            assert told.type != "error", told.data
            if AudioChunk.is_type(told.type):
                pcm += AudioChunk.from_event(told).audio
    return pcm


@pytest.mark.parametrize("marked", [SPOKEN, SPOKEN.replace("Good n", '<mark name="1"/>Good n')])
def test_through_speech_dispatcher(marked: str) -> None:
    with Dispatcher() as dispatcher:
        since = dispatcher.speak(marked)
        dispatcher.wait(702, since, within=60)
        assert_paused(b"".join(event.pcm for event in dispatcher.events[since:] if event.code == 705))
