"""A request from its first byte to its last, over real sockets."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fishvoice.protocol import (
    AudioChunk,
    AudioEnd,
    AudioStart,
    Cancel,
    Credit,
    Error,
    Sampling,
    SegmentError,
    Synthesize,
    Voices,
    VoicesReply,
)
from tools.harness.daemon_process import FRAME_BYTES, Daemon, Wire, chunks, running


@pytest.fixture(scope="module")
def shared() -> Iterator[Daemon]:
    """One daemon for all tests that leave it as they found it."""
    with tempfile.TemporaryDirectory(prefix="fv-", dir="/tmp") as home, running(Path(home)) as started:
        yield started


@pytest.fixture
def client(shared: Daemon) -> Iterator[Wire]:
    with shared.client() as connected:
        yield connected


def test_a_request_is_spoken_in_order(client: Wire) -> None:
    text = "one two three four"
    start, *sound, end = client.until_end(client.speak(text))
    assert isinstance(start, AudioStart)
    assert (start.sample_rate, start.format, start.voice, start.channels) == (44100, "s16le", "tone", 1)
    assert [chunk.index for chunk in chunks(sound)] == [0, 1, 2, 3]
    assert all(len(chunk.payload or b"") == FRAME_BYTES for chunk in chunks(sound))
    assert chunks(sound)[0].text_start == 0
    assert chunks(sound)[-1].text_end == len(text)
    assert isinstance(end, AudioEnd)
    assert end.finish_reason == "complete"
    assert end.metrics.frames == 4
    assert end.metrics.segments == 1
    assert end.metrics.audio_seconds == pytest.approx(4 * 2048 / 44100, abs=1e-5)
    assert end.metrics.rtf is not None
    assert end.metrics.first_audio_seconds is not None
    assert 0 < end.metrics.first_audio_seconds < end.metrics.wall_seconds


def test_the_second_request_knows_what_to_expect(daemon: Daemon) -> None:
    with daemon.client() as client:
        first = client.until_end(client.speak("one two three"))[0]
        second = client.until_end(client.speak("four five six seven"))[0]
    assert isinstance(first, AudioStart)
    assert isinstance(second, AudioStart)
    assert first.predicted.rtf is None
    assert second.predicted.rtf is not None
    assert second.predicted.audio_seconds is not None


def test_both_formats_carry_the_same_sound(client: Wire) -> None:
    as_int = b"".join(c.payload or b"" for c in chunks(client.until_end(client.speak("a b c"))))
    as_float = b"".join(c.payload or b"" for c in chunks(client.until_end(client.speak("a b c", format="f32le"))))
    assert np.allclose(np.frombuffer(as_int, "<i2") / 32767, np.frombuffer(as_float, "<f4"), atol=1 / 32767)


def test_nan_from_an_engine_is_silence(client: Wire) -> None:
    sound = chunks(client.until_end(client.speak("NAN", format="f32le")))
    assert not np.frombuffer(sound[0].payload or b"", "<f4").any()


def test_a_chunk_without_samples_is_not_sent_and_costs_no_credit(client: Wire) -> None:
    messages = client.until_end(client.speak("EMPTY two EMPTY EMPTY five", credit=3))
    end = messages[-1]
    assert [chunk.index for chunk in chunks(messages)] == [0, 1]
    assert isinstance(end, AudioEnd)
    assert end.metrics.frames == 5


def test_a_lost_segment_is_told_and_the_rest_is_spoken(client: Wire) -> None:
    messages = client.until_end(client.speak("one LOST three"))
    end = messages[-1]
    assert isinstance(end, AudioEnd)
    assert end.finish_reason == "complete"
    assert len(chunks(messages)) == 2
    assert end.metrics.segment_errors == (SegmentError(0, 4, 9, "this segment cannot be spoken"),)


def test_nothing_spoken_at_all_is_an_error(client: Wire) -> None:
    end = client.until_end(client.speak("LOST LOST"))[-1]
    assert isinstance(end, AudioEnd)
    assert end.finish_reason == "error"


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (Synthesize(id="x", text=""), "bad_request"),
        (Synthesize(id="x", text=" \n\t"), "bad_request"),
        (Synthesize(id="x", text="a" * 100_001), "bad_request"),
        (Synthesize(id="x\n", text="a"), "bad_request"),
        (Synthesize(id="x", text="a", speed=float("nan")), "bad_request"),
        (Synthesize(id="x", text="a", speed=0.1), "bad_request"),
        (Synthesize(id="x", text="a", seed=-1), "bad_request"),
        (Synthesize(id="x", text="a", seed=2**32), "bad_request"),
        (Synthesize(id="x", text="a", sampling=Sampling(temperature=float("nan"))), "bad_request"),
        (Synthesize(id="x", text="a", sampling=Sampling(top_p=1.5)), "bad_request"),
        (Synthesize(id="x", text="a", first_audio_within=-1.0), "bad_request"),
        (Synthesize(id="x", text="a", keep_alive=float("nan")), "bad_request"),
        (Synthesize(id="x", text="a", voice="nobody"), "unknown_voice"),
        (Synthesize(id="x", text="a", voice="../../etc/passwd"), "unknown_voice"),
        (Synthesize(id="x", text="a", fallback_voice="/tone"), "unknown_voice"),
        (Synthesize(id="x", text="BAD"), "bad_request"),
    ],
)
def test_what_cannot_be_served_is_refused_with_a_reason(client: Wire, request_: Synthesize, code: str) -> None:
    client.send(request_)
    reply = client.receive()
    while isinstance(reply, AudioStart):  # the engine itself refuses
        reply = client.receive()
    assert isinstance(reply, Error)
    assert (reply.code, reply.id) == (code, request_.id)
    assert client.until_end(client.speak("still alive"))[-1].finish_reason == "complete"  # type: ignore[union-attr]


def test_an_id_in_use_is_refused_without_harm_to_its_owner(client: Wire) -> None:
    client.speak("one two three four five six", id="same")
    client.speak("other", id="same")
    refusal = next(m for m in iter(client.receive, None) if isinstance(m, Error))
    assert (refusal.code, refusal.id) == ("bad_request", "same")
    end = next(m for m in iter(client.receive, None) if isinstance(m, AudioEnd))
    assert end.metrics.frames == 6


def test_two_clients_may_use_the_same_id(shared: Daemon) -> None:
    with shared.client() as one, shared.client() as other:
        one.speak("a b c", id="same")
        other.speak("d e", id="same")
        assert len(chunks(one.until_end("same"))) == 3
        assert len(chunks(other.until_end("same"))) == 2


def test_credit_bounds_what_is_under_way(client: Wire) -> None:
    name = client.speak("w " * 20, credit=3)
    received = [client.receive() for _ in range(4)]
    assert len(chunks(received)) == 3
    assert client.silent(0.3)
    client.send(Credit(id=name, chunks=2, underruns=1))
    assert len(chunks([client.receive(), client.receive()])) == 2
    assert client.silent(0.3)
    client.send(Credit(id=name, chunks=100))
    rest = client.until_end(name)
    assert [chunk.index for chunk in chunks(rest)] == list(range(5, 20))
    assert client.status()["counters"]["underruns"] == 1  # nobody else tells any


def test_the_end_is_told_to_a_listener_whose_credit_is_used_up(client: Wire) -> None:
    end = client.until_end(client.speak("one two three", credit=3))[-1]
    assert isinstance(end, AudioEnd)
    assert end.finish_reason == "complete"


def test_one_client_without_credit_stops_nobody_else(shared: Daemon) -> None:
    with shared.client() as stalled, shared.client() as other:
        name = stalled.speak("w " * 50, credit=1)
        assert len(chunks([stalled.receive(), stalled.receive()])) == 1
        assert len(chunks(other.until_end(other.speak("a b c")))) == 3
        stalled.send(Cancel(id=name))
        end = stalled.receive()
        assert isinstance(end, AudioEnd)
        assert end.finish_reason == "cancelled"


def test_voices_are_told(client: Wire) -> None:
    reply = client.ask(Voices())
    assert isinstance(reply, VoicesReply)
    assert [(voice.name, voice.default) for voice in reply.voices] == [("tone", True), ("fast", False)]


def test_while_the_model_loads_control_answers_and_requests_wait(home: Path) -> None:
    with running(home, env={"TONE_LOAD": "1.5"}, ready=False) as daemon, daemon.client() as client:
        name = client.speak("one two")
        assert client.status()["state"] == "loading"
        assert len(chunks(client.until_end(name))) == 2
        assert client.status()["state"] == "ready"


def test_without_a_loadable_model_requests_fail_and_the_daemon_stays(home: Path) -> None:
    with running(home, env={"TONE_BROKEN": "1"}, ready=False) as daemon, daemon.client() as client:
        error = client.until_end(client.speak("one"))[-1]
        assert isinstance(error, Error)
        assert error.code == "engine"
        status = client.status()
        assert (status["state"], status["problem"]) == ("degraded", "the model does not load")


def test_a_voice_that_waits_for_its_server_holds_nobody_else_up(daemon: Daemon) -> None:
    with daemon.client("slow") as slow, daemon.client("quick") as quick:
        slow_id = slow.speak("one " + "ELSEWHERE " * 10 + "two")
        assert isinstance(slow.receive(), AudioStart)
        assert isinstance(slow.receive(), AudioChunk)
        end = quick.until_end(quick.speak("a b c"))[-1]
        assert isinstance(end, AudioEnd)
        assert slow.silent(0), "the other request cannot have ended: it waits for 2 s in all"
        end = slow.until_end(slow_id)[-1]
        assert isinstance(end, AudioEnd)
        assert end.finish_reason == "complete"
