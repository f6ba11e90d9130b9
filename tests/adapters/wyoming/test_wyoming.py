"""Wyoming's own client classes against the adapter: questions, texts, streams of text, and everybody who leaves."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest
from wyoming.audio import AudioStart, AudioStop
from wyoming.client import AsyncClient as Peer
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop, SynthesizeVoice

from fishvoice.adapters.shared.text_stream import TextStream
from tests.adapters.blocked_daemon import GatedDaemon, eventually
from tests.adapters.wyoming.talking import connected, run, serving, sound, until
from tests.client.conftest import Spawn, fishvoice, home  # noqa: F401
from tests.fakes.daemon import Behaviour, FakeDaemon

pytestmark = pytest.mark.usefixtures("home")


# -- questions and texts -------------------------------------------------------------------------------------------


def test_describe_lists_the_voices() -> None:
    async def test() -> None:
        async with connected() as peer:
            await peer.write_event(Describe().event())
            event = await peer.read_event()
            assert event is not None
            (program,) = Info.from_event(event).tts
            assert program.supports_synthesize_streaming
            assert [(voice.name, voice.languages) for voice in program.voices] == [("starter", ["en"])]
            await peer.write_event(Ping("there?").event())
            event = await peer.read_event()
            assert event is not None
            assert Pong.from_event(event).text == "there?"

    with FakeDaemon():
        run(test())


def test_a_text_becomes_start_sound_and_stop() -> None:
    async def test() -> None:
        async with connected() as peer:
            for voice in (SynthesizeVoice(name="starter"), SynthesizeVoice(language="en-GB"), None):
                await peer.write_event(Synthesize("Hello there.", voice).event())
                events = await until(peer, "audio-stop")
                start = AudioStart.from_event(events[0])
                assert (start.rate, start.width, start.channels) == (44100, 2, 1)
                request = daemon.requests[-1]
                assert sound(events) == b"".join(daemon.pcm(request, index) for index in range(4))
                assert AudioStop.from_event(events[-1]).timestamp == 40
            assert [request.voice for request in daemon.requests] == ["starter", "starter", None]

    with FakeDaemon() as daemon:
        run(test())


def test_ssml_is_told_to_be_ssml() -> None:
    async def test() -> None:
        async with connected() as peer:
            await peer.write_event(Synthesize("<speak>Hello <b>you</b>.</speak>", text_format="ssml").event())
            await until(peer, "audio-stop")

    with FakeDaemon() as daemon:
        run(test())
        request = daemon.requests[0]
        assert (request.text, request.markup) == ("<speak>Hello <b>you</b>.</speak>", "ssml")


def test_a_text_has_the_servers_priority_or_its_own() -> None:
    async def test() -> None:
        with FakeDaemon() as daemon:
            async with serving("message") as uri, Peer.from_uri(uri, read_timeout=20) as peer:
                await peer.write_event(Synthesize("One.").event())
                await until(peer, AudioStop(0).event().type)
                urgent = Synthesize("Two.").event()
                urgent.data["priority"] = "important"
                await peer.write_event(urgent)
                await until(peer, AudioStop(0).event().type)
                start = SynthesizeStart().event()
                start.data["priority"] = "progress"
                for event in (start, SynthesizeChunk("Three.").event(), SynthesizeStop().event()):
                    await peer.write_event(event)
                await until(peer, "synthesize-stopped")
                wrong = Synthesize("Four.").event()
                wrong.data["priority"] = ["now"]
                await peer.write_event(wrong)
                assert "priority must be one of important" in (await until(peer))[-1].data["text"]
        assert [request.priority for request in daemon.requests] == ["message", "important", "progress"]

    run(test())


def test_the_first_sound_comes_before_the_last_is_synthesized() -> None:
    async def test() -> None:
        async with connected() as peer:
            await peer.write_event(Synthesize("Hello.").event())
            await until(peer, "audio-chunk")
            assert daemon.chunks_sent <= 2
            daemon.gate.set()
            await until(peer, "audio-stop")
            assert daemon.chunks_sent == 9

    with GatedDaemon(Behaviour(chunks=9), free=2) as daemon:
        run(test())


# -- text that still arrives ---------------------------------------------------------------------------------------


def test_a_sentence_is_spoken_while_the_next_still_arrives() -> None:
    async def test() -> None:
        async with connected() as peer:
            await peer.write_event(SynthesizeStart(SynthesizeVoice(name="starter")).event())
            for piece in ("One sen", "tence. An", "other o"):
                await peer.write_event(SynthesizeChunk(piece).event())
            first = await until(peer, "audio-chunk")
            assert [each.text for each in daemon.requests] == ["One sentence."]
            await peer.write_event(SynthesizeChunk("ne. End").event())
            await peer.write_event(Synthesize("One sentence. Another one. End").event())  # for those without streams
            await peer.write_event(SynthesizeStop().event())
            events = first + await until(peer, "synthesize-stopped")
            assert " ".join(each.text for each in daemon.requests) == "One sentence. Another one. End"
            assert {each.voice for each in daemon.requests} == {"starter"}
            assert [event.type for event in events if event.type != "audio-chunk"] == [
                "audio-start",
                "audio-stop",
                "synthesize-stopped",
            ]
            assert len(sound(events)) == len(daemon.requests) * 4 * 441 * 2

    with FakeDaemon() as daemon:
        run(test())


def test_a_finished_sentence_does_not_wait_for_the_next_one() -> None:
    async def test() -> None:
        async with connected() as peer:
            await peer.write_event(SynthesizeStart().event())
            await peer.write_event(SynthesizeChunk("I will look it up.").event())
            assert sound(await until(peer, "audio-chunk"))
            await peer.write_event(SynthesizeStop().event())
            await until(peer, "synthesize-stopped")

    with FakeDaemon():
        run(test())


def test_one_text_after_the_other_in_order() -> None:
    async def test() -> None:
        async with connected() as peer:
            for text in ("One.", "Two.", "Three."):
                await peer.write_event(Synthesize(text).event())
            events = []
            for _ in range(3):
                events += await until(peer, "audio-stop")
            assert [event.type for event in events].count("audio-start") == 3
            assert [each.text for each in daemon.requests] == ["One.", "Two.", "Three."]

    with FakeDaemon() as daemon:
        run(test())


def test_text_comes_out_as_it_went_in_however_it_was_cut() -> None:
    text = "The first sentence. Dr. No, e.g. him, was 3.5 years late! And so on… Then? The end"

    async def pieces(size: int) -> list[str]:
        stream = TextStream({})
        for start in range(0, len(text), size):
            stream.feed(text[start : start + size])
        stream.end()
        found = []
        while (piece := await stream.next()) is not None:
            found.append(piece)
        return found

    for size in (1, 7, 1000):
        assert " ".join(asyncio.run(pieces(size))) == text


# -- the command ---------------------------------------------------------------------------------------------------


def uri_of(process: subprocess.Popen[bytes]) -> str:
    assert process.stderr is not None
    line = process.stderr.readline().decode()
    assert "Wyoming on" in line, line
    return line.split()[-1]


@pytest.mark.parametrize("unix", [False, True])
def test_the_command_serves_until_it_is_told_to_end(fishvoice: Spawn, home: Path, unix: bool) -> None:  # noqa: F811
    where = ("--unix", str(home / "w.sock")) if unix else ("--port", "0")
    process = fishvoice("serve-wyoming", "--no-start", *where)
    uri = uri_of(process)

    async def test() -> None:
        async with Peer.from_uri(uri, read_timeout=20) as peer:
            await peer.write_event(Synthesize("Hello.").event())
            await until(peer, "audio-chunk")
            process.terminate()
            await until(peer)

    with GatedDaemon(Behaviour(chunks=9), free=2) as daemon:
        run(test())
        assert process.wait(10) == 0
        eventually(lambda: daemon.cancels or not daemon._jobs)
    assert not (home / "w.sock").exists()
    assert process.stderr is not None
    assert process.stderr.read() == b""


def test_a_question_does_not_wait_for_somebody_elses_speech() -> None:
    async def test() -> None:
        async with serving() as uri, Peer.from_uri(uri, read_timeout=20) as one, Peer.from_uri(uri) as two:
            await one.write_event(Synthesize("Hello.").event())
            await until(one, "audio-chunk")
            await two.write_event(Describe().event())
            event = await two.read_event()
            assert event is not None
            assert Info.is_type(event.type)

    with GatedDaemon(Behaviour(chunks=9), free=2):
        run(test())
