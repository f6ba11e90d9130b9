"""OpenAI's own client against the endpoint: formats, streaming, errors, and everybody who leaves early."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import openai
import pytest
import soundfile

from fishvoice.adapters.openai_http.audio import StreamEncoder
from fishvoice.adapters.shared.listen import CannotListen, address_of, listen_tcp, listen_unix
from fishvoice.aio import AsyncClient
from tests.adapters.blocked_daemon import GatedDaemon, eventually
from tests.adapters.endpoint import post, serving, talker
from tests.client.conftest import Spawn, fishvoice, home  # noqa: F401
from tests.fakes.daemon import Behaviour, FakeDaemon

pytestmark = pytest.mark.usefixtures("home")

RATE = 44100


def with_length(data: bytes, samples: int) -> bytes:
    """A streamed FLAC says 0 samples, "unknown", which libsndfile does not read: what it would have said."""
    if data[:4] != b"fLaC":
        return data
    assert int.from_bytes(data[21:26]) & 0xFFFFFFFFF == 0
    return data[:22] + samples.to_bytes(4) + data[26:]  # 36 bits, of which ours need 32 at most


# -- sound ---------------------------------------------------------------------------------------------------------


def test_pcm_is_24_khz_whatever_the_voice_has(address: str) -> None:
    with FakeDaemon(Behaviour(chunks=50, samples=882)):
        answer = talker(address).audio.speech.create(
            model="tts-1", voice="starter", input="Hello.", response_format="pcm"
        )
    samples = np.frombuffer(answer.content, "<i2")
    assert abs(len(samples) - 24000) <= 1
    assert abs(int(samples[2000]) - 1000) < 30  # the fake's first request is a constant of about 1000


def test_pcm_of_a_24_khz_voice_is_passed_on_untouched(address: str) -> None:
    with FakeDaemon(Behaviour(chunks=3, samples=100, sample_rate=24000)) as daemon:
        answer = talker(address).audio.speech.create(model="m", voice="starter", input="Hi.", response_format="pcm")
        assert answer.content == b"".join(daemon.pcm(daemon.requests[0], index) for index in range(3))


@pytest.mark.parametrize(("audio_format", "rate"), [("wav", RATE), ("mp3", RATE), ("opus", 48000), ("flac", RATE)])
def test_files_have_all_of_the_sound(address: str, audio_format: str, rate: int) -> None:
    with FakeDaemon(Behaviour(chunks=30, samples=1470)):
        answer = talker(address).audio.speech.create(
            model="m",
            voice="starter",
            input="Hello.",
            response_format=audio_format,  # type: ignore[arg-type]
        )
    assert answer.response.headers["content-type"].startswith("audio/")
    samples, found_rate = soundfile.read(io.BytesIO(answer.content))
    assert found_rate == rate
    # An MP3 comes in whole frames, with the encoder's padding around the sound.
    assert abs(len(samples) / rate - 1.0) < (0.1 if audio_format == "mp3" else 0.001)
    if audio_format != "opus":  # which does not keep the fake's constant
        assert 0.02 < abs(samples[rate // 2]) < 0.05


def test_aac_has_all_of_the_sound(address: str) -> None:
    av = pytest.importorskip("av")
    with FakeDaemon(Behaviour(chunks=30, samples=1470)):
        answer = talker(address).audio.speech.create(model="m", voice="starter", input="Hi.", response_format="aac")
    with av.open(io.BytesIO(answer.content)) as file:
        samples = sum(frame.samples for frame in file.decode(audio=0))
    assert answer.content[:2] == b"\xff\xf1"  # ADTS
    assert abs(samples / RATE - 1.0) < 0.1


@pytest.mark.parametrize("audio_format", ["wav", "flac"])
def test_a_short_sound_says_how_long_it_is(address: str, audio_format: str) -> None:
    with FakeDaemon(Behaviour(chunks=10, samples=4410)):
        answer = post(address, {"input": "Hello.", "response_format": audio_format})
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert soundfile.info(io.BytesIO(answer.content)).frames == RATE


@pytest.mark.parametrize("audio_format", ["wav", "flac"])
def test_a_long_sound_is_not_waited_for_and_leaves_its_length_open(address: str, audio_format: str) -> None:
    with GatedDaemon(Behaviour(chunks=20, samples=4410), free=2) as daemon:
        client, answer, pieces = begun(address, response_format=audio_format)
        assert "content-length" not in answer.headers
        assert daemon.chunks_sent == 2
        daemon.gate.set()
        rest = b"".join(pieces)
        client.close()
        assert daemon.chunks_sent == 20
    assert len(rest) > 18 * 4410 * (2 if audio_format == "wav" else 0)


def test_the_first_sound_is_heard_before_the_last_is_synthesized(address: str) -> None:
    """The daemon makes the rest only after the client has got the beginning."""
    with (
        GatedDaemon(Behaviour(chunks=20, samples=2048), free=2) as daemon,
        talker(address).audio.speech.with_streaming_response.create(
            model="m", voice="starter", input="Hello.", response_format="pcm"
        ) as answer,
    ):
        pieces = answer.iter_bytes()
        beginning = next(pieces)
        assert beginning
        assert daemon.chunks_sent <= 2
        daemon.gate.set()
        rest = b"".join(pieces)
        assert daemon.chunks_sent == 20
    assert abs(len(beginning + rest) // 2 - 20 * 2048 * 24000 // RATE) <= 2


def test_an_event_stream_carries_the_same_sound(address: str) -> None:
    with FakeDaemon(Behaviour(chunks=3, samples=100, sample_rate=24000)) as daemon:
        answer = talker(address).audio.speech.create(
            model="m", voice="starter", input="Hi.", response_format="pcm", stream_format="sse"
        )
        expected = b"".join(daemon.pcm(daemon.requests[0], index) for index in range(3))
    events = [json.loads(line.removeprefix("data: ")) for line in answer.text.split("\n\n") if line]
    assert b"".join(base64.b64decode(event["audio"]) for event in events[:-1]) == expected
    assert {event["type"] for event in events[:-1]} == {"speech.audio.delta"}
    assert events[-1] == {
        "type": "speech.audio.done",
        "usage": {"input_tokens": 3, "output_tokens": 3, "total_tokens": 6},
    }


def test_what_is_asked_for_reaches_the_daemon(address: str) -> None:
    with FakeDaemon() as daemon:
        client = talker(address)
        client.audio.speech.create(
            model="m", voice={"id": "starter"}, input="One.", speed=1.5, extra_body={"seed": 7}, response_format="wav"
        )
        client.audio.speech.create(model="m", voice="alloy", input="Two.", response_format="wav")
        asked = [(each.text, each.voice, each.speed, each.seed) for each in daemon.requests]
    assert asked == [("One.", "starter", 1.5, 7), ("Two.", None, 1.0, None)]


# -- what else there is --------------------------------------------------------------------------------------------


def test_models_voices_and_health(address: str) -> None:
    client = talker(address)
    with FakeDaemon():
        assert [model.id for model in client.models.list()] == ["starter"]
        assert client.models.retrieve("starter").owned_by == "fishvoice"
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("whisper")
        voices = httpx.get(f"http://{address}/v1/audio/voices").json()["voices"]
        assert voices == [{"id": "starter", "name": "starter", "language": "en", "default": True}]
        assert httpx.get(f"http://{address}/health").json() == {"status": "ok", "daemon": {"version": "fake"}}


def test_a_unix_socket_needs_no_particular_host(home: Path) -> None:  # noqa: F811
    with serving(unix=home / "http.sock") as path, FakeDaemon(Behaviour(sample_rate=24000)):
        assert os.stat(path).st_mode & 0o777 == 0o600
        http = httpx.Client(transport=httpx.HTTPTransport(uds=path))
        answer = talker("anything", http_client=http).audio.speech.create(
            model="m", voice="starter", input="Hi.", response_format="pcm"
        )
        assert len(answer.content) == 4 * 441 * 2
    assert not (home / "http.sock").exists()


# -- those who leave -----------------------------------------------------------------------------------------------


def begun(address: str, **fields: object) -> tuple[httpx.Client, httpx.Response, Iterator[bytes]]:
    """A request whose first sound has come."""
    client = httpx.Client(timeout=30)
    body = {"input": "Hello.", "response_format": "pcm", **fields}
    answer = client.send(client.build_request("POST", f"http://{address}/v1/audio/speech", json=body), stream=True)
    pieces = answer.iter_raw()
    assert next(pieces)
    return client, answer, pieces


def test_a_listener_who_leaves_cancels_the_synthesis(address: str) -> None:
    with GatedDaemon(Behaviour(chunks=50, samples=2048), free=3) as daemon:
        client, _, _ = begun(address)
        client.close()
        eventually(lambda: daemon.cancels)
        assert daemon.chunks_sent <= 3
        assert daemon.cancels[0].id == daemon.requests[0].id


def test_a_listener_who_leaves_before_the_first_sound_cancels_too(address: str) -> None:
    with GatedDaemon(Behaviour(), free=0) as daemon:
        with pytest.raises(httpx.ReadTimeout):
            post(address, {"input": "Hello."}, timeout=httpx.Timeout(5, read=0.2))
        eventually(lambda: daemon.cancels)
        assert daemon.chunks_sent == 0


def test_a_daemon_that_dies_breaks_the_body_off_and_the_next_one_serves(address: str) -> None:
    with GatedDaemon(Behaviour(chunks=50, samples=2048), free=3) as daemon:
        client, _, pieces = begun(address)
        daemon.die()
        with pytest.raises(httpx.RemoteProtocolError):
            list(pieces)
        client.close()
    with FakeDaemon():
        assert post(address, {"input": "Again.", "response_format": "wav"}).status_code == 200


def test_a_daemon_that_dies_ends_an_event_stream_with_an_error(address: str) -> None:
    with GatedDaemon(Behaviour(chunks=50, samples=2048), free=3) as daemon:
        client, _, pieces = begun(address, stream_format="sse")
        daemon.die()
        last = b"".join(pieces).decode().rstrip().rpartition("data: ")[2]
        client.close()
    assert json.loads(last)["error"]["code"] == "daemon_unavailable"


def test_speech_that_somebody_stops_does_not_look_whole(address: str) -> None:
    with GatedDaemon(Behaviour(chunks=50, samples=2048), free=3) as daemon:
        client, _, pieces = begun(address)
        stopping = threading.Thread(target=lambda: asyncio.run(_stop_all()))
        stopping.start()
        with pytest.raises(httpx.RemoteProtocolError):
            list(pieces)
        stopping.join()
        client.close()
        assert daemon.chunks_sent <= 3


async def _stop_all() -> None:
    async with AsyncClient(start=False) as client:
        assert await client.cancel() == 1


def test_a_slow_listener_makes_only_the_daemon_wait(address: str) -> None:
    """He reads nothing: the daemon is out of credit long before its end, and others are served meanwhile."""
    with FakeDaemon(Behaviour(chunks=600, samples=32768, sample_rate=24000)) as daemon:
        client, _, pieces = begun(address)
        eventually(lambda: daemon.starved)
        assert daemon.chunks_sent < 600
        size = sum(len(piece) for piece in pieces)
        client.close()
        assert daemon.chunks_sent == 600
        assert size > 590 * 32768 * 2


# -- the command ---------------------------------------------------------------------------------------------------


def listening(process: subprocess.Popen[bytes]) -> str:
    assert process.stderr is not None
    line = process.stderr.readline().decode()
    assert "endpoint on" in line, line
    return line.split()[-1]


def test_the_command_serves_until_it_is_told_to_end(fishvoice: Spawn) -> None:  # noqa: F811
    process = fishvoice("serve-http", "--port", "0", "--no-start")
    url = listening(process)
    with GatedDaemon(Behaviour(chunks=9, samples=2048)) as daemon:
        client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
        with client.audio.speech.with_streaming_response.create(
            model="m", voice="starter", input="Hello.", response_format="pcm"
        ) as answer:
            pieces = answer.iter_bytes()
            assert next(pieces)
            process.terminate()
            assert process.wait(10) == 0
        eventually(lambda: daemon.cancels)


def test_the_command_says_why_it_cannot_listen(fishvoice: Spawn, home: Path) -> None:  # noqa: F811
    with listen_tcp("127.0.0.1", 0) as taken:
        attempts: list[tuple[tuple[str, ...], str]] = [
            (("--port", address_of(taken).rpartition(":")[2]), "cannot listen on 127.0.0.1"),
            (("--host", "0.0.0.0"), "not an address of this computer alone"),
            (("--key-file", str(home / "none")), "cannot read the key"),
            (("--unix", str(home)), "is no socket"),
        ]
        started = [(fishvoice("serve-http", *arguments), expected) for arguments, expected in attempts]
        for process, expected in started:
            _, said = process.communicate(timeout=20)
            assert process.returncode == 1
            assert said.decode().startswith("fishvoice: ")
            assert expected in said.decode()
            assert len(said.decode().splitlines()) == 1


# -- pieces --------------------------------------------------------------------------------------------------------


def test_a_dead_servers_socket_is_taken_over_and_a_living_ones_is_not(home: Path) -> None:  # noqa: F811
    path = home / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with listen_unix(path):
        with pytest.raises(CannotListen, match="another server"), listen_unix(path):
            pass
        assert path.exists()


@pytest.mark.parametrize("split", [1, 441, 2048])
@pytest.mark.parametrize("name", ["pcm", "wav", "flac", "opus"])
def test_how_the_sound_is_cut_makes_no_difference(name: str, split: int) -> None:
    noise = np.random.default_rng(3).integers(-9000, 9000, 4410).astype("<i2")

    def through(pieces: list[bytes]) -> bytes:
        made = StreamEncoder(name, RATE)
        return b"".join([made.encode(piece) for piece in pieces] + [made.finish()])

    def sound(data: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        if name == "pcm":
            return np.frombuffer(data, "<i2") / 32768
        return np.asarray(soundfile.read(io.BytesIO(with_length(data, len(noise))))[0])

    whole = sound(through([noise.tobytes()]))
    cut = sound(through([noise[i : i + split].tobytes() for i in range(0, len(noise), split)]))
    assert cut.shape == whole.shape
    assert np.abs(cut - whole).max() <= (0.06 if name == "opus" else 0.0)
