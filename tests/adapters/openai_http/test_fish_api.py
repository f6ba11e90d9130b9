"""Fish Audio's own client packages against the local endpoint: JSON and msgpack, references, streaming."""

from __future__ import annotations

import base64
import io
import wave

import httpx
import pytest

from tests.adapters.blocked_daemon import GatedDaemon
from tests.client.conftest import home  # noqa: F401
from tests.fakes.daemon import Behaviour, FakeDaemon

fish_audio_sdk = pytest.importorskip("fish_audio_sdk")
pytestmark = pytest.mark.usefixtures("home")

CLONING = Behaviour(chunks=4, samples=4410, clones=True)


def test_the_session_of_the_sdk_streams_while_the_speech_is_made(address: str) -> None:
    with (
        GatedDaemon(Behaviour(chunks=20, samples=4410), free=3) as daemon,
        fish_audio_sdk.Session("any", base_url=f"http://{address}") as session,
    ):
        pieces = session.tts(fish_audio_sdk.TTSRequest(text="Hello.", format="pcm", temperature=0.3, top_p=0.5))
        beginning = next(pieces)
        assert daemon.chunks_sent <= 3
        daemon.gate.set()
        sound = beginning + b"".join(pieces)
        asked = daemon.requests[0]
    assert len(sound) == 20 * 4410 * 2  # 44.1 kHz, the rate that its listeners expect
    assert (asked.text, asked.sampling.temperature, asked.sampling.top_p) == ("Hello.", 0.3, 0.5)


def test_references_in_msgpack_are_imitated(address: str) -> None:
    request = fish_audio_sdk.TTSRequest(
        text="Hello.",
        format="wav",
        references=[fish_audio_sdk.ReferenceAudio(audio=b"RIFF\x00\xff", text="Its words.")],
        prosody=fish_audio_sdk.Prosody(speed=1.5, volume=-6.0),
    )
    with FakeDaemon(CLONING) as daemon, fish_audio_sdk.Session("any", base_url=f"http://{address}") as session:
        sound = b"".join(session.tts(request))
        asked = daemon.requests[0]
    with wave.open(io.BytesIO(sound)) as file:
        assert file.getnframes() == 4 * 4410
    assert (asked.payload, asked.reference_text, asked.voice) == (b"RIFF\x00\xff", "Its words.", "mimic")
    assert asked.speed == 1.5
    assert asked.volume == pytest.approx(0.501, abs=0.001)


def test_the_newer_client_speaks_with_a_named_voice(address: str) -> None:
    from fishaudio import FishAudio

    with FakeDaemon(CLONING) as daemon:
        sound = FishAudio(api_key="any", base_url=f"http://{address}").tts.convert(
            text="Hello.", reference_id="mimic", format="mp3"
        )
        asked = daemon.requests[0]
    assert sound[:2] == b"\xff\xfb" or sound[:3] == b"ID3"
    assert asked.voice == "mimic"


def test_json_carries_references_as_base64(address: str) -> None:
    body = {
        "text": "Hello.", "format": "wav", "sample_rate": 16000, "seed": 7, "chunk_length": 200, "prosody": None,
        "references": [{"audio": base64.b64encode(b"RIFF").decode(), "text": "Words."}],
    }  # fmt: skip
    with FakeDaemon(CLONING) as daemon:
        answer = httpx.post(f"http://{address}/v1/tts", json=body)
        asked = daemon.requests[0]
    with wave.open(io.BytesIO(answer.content)) as file:
        assert (file.getframerate(), file.getnframes()) == (16000, 6400)
    assert (asked.payload, asked.seed) == (b"RIFF", 7)


def test_what_cannot_be_done_is_said(address: str) -> None:
    two = [{"audio": "UklGRg==", "text": "a"}] * 2
    with FakeDaemon(CLONING) as daemon:
        for body, status in (
            ({"text": "Hi.", "references": two}, 400),
            ({"text": "Hi.", "format": "tiff"}, 400),
            ({"format": "wav"}, 400),
        ):
            assert httpx.post(f"http://{address}/v1/tts", json=body).status_code == status
        assert not daemon.requests


def test_references_are_listed_and_the_server_is_well(address: str) -> None:
    with FakeDaemon(CLONING):
        listed = httpx.get(f"http://{address}/v1/references/list").json()
    assert listed["success"]
    assert listed["reference_ids"] == ["starter", "mimic"]
    assert httpx.get(f"http://{address}/v1/health").json() == {"status": "ok"}
