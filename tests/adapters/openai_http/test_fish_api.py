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


def wav(seconds: float, rate: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, rate, 0, "NONE", ""))
        out.writeframes(b"\x00\x20" * round(seconds * rate))
    return file.getvalue()


def test_several_references_become_one_recording_with_all_words(address: str) -> None:
    request = fish_audio_sdk.TTSRequest(
        text="Hello.",
        format="wav",
        references=[
            fish_audio_sdk.ReferenceAudio(audio=wav(1.0, 16000), text="One."),
            fish_audio_sdk.ReferenceAudio(audio=wav(0.5, 44100), text="Two."),
        ],
    )
    with FakeDaemon(CLONING) as daemon, fish_audio_sdk.Session("any", base_url=f"http://{address}") as session:
        assert b"".join(session.tts(request))
        asked = daemon.requests[0]
    assert asked.reference_text == "One. Two."
    assert asked.payload is not None
    with wave.open(io.BytesIO(asked.payload)) as file:
        assert (file.getframerate(), file.getnchannels()) == (16000, 1)
        assert file.getnframes() / 16000 == pytest.approx(1.0 + 0.3 + 0.5, abs=0.01)


def base64_of(sound: bytes) -> str:
    return base64.b64encode(sound).decode()


LONG, SHORT = base64_of(wav(20, 8000)), base64_of(wav(1, 8000))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"references": [{"audio": LONG, "text": "a"}] * 2}, "more than 30 s together"),
        ({"references": [{"audio": SHORT, "text": "a"}, {"audio": SHORT}]}, "needs its words"),
        ({"references": [{"audio": SHORT, "text": "a"}, {"audio": "UklGRg==", "text": "b"}]}, "no sound file"),
        ({"format": "tiff"}, "no format 'tiff'"),
        ({"text": None}, "text"),
        ({"prosody": {"speed": 9}}, "speed"),
    ],
)
def test_what_cannot_be_done_is_said(address: str, body: dict[str, object], message: str) -> None:
    with FakeDaemon(CLONING) as daemon:
        answer = httpx.post(f"http://{address}/v1/tts", json={"text": "Hi.", **body})
        assert not daemon.requests
    assert answer.status_code == 400
    assert message in answer.json()["error"]["message"]


def test_the_sdk_finds_the_voices_as_models(address: str) -> None:
    with FakeDaemon(CLONING), fish_audio_sdk.Session("any", base_url=f"http://{address}") as session:
        assert [(each.id, each.languages) for each in session.list_models().items] == [
            ("starter", ["en"]),
            ("mimic", ["de"]),
        ]
        second = session.list_models(page_size=1, page_number=2)
        assert (second.total, [each.title for each in second.items]) == (2, ["mimic"])
        for filtered, found in (
            ({"title": "MIM"}, 1),
            ({"language": ["en", "de"]}, 2),
            ({"language": "fr"}, 0),
            ({"tag": "male"}, 0),
            ({"author_id": "somebody"}, 0),
        ):
            assert session.list_models(**filtered).total == found
        assert session.get_model("mimic").state == "trained"
        for name in ("nobody", "..%2F..%2Fetc"):
            with pytest.raises(fish_audio_sdk.HttpCodeErr) as caught:
                session.get_model(name)
            assert caught.value.status == 404
        assert httpx.get(f"http://{address}/model?page_size=-1").status_code == 400


def test_a_model_that_cannot_be_made_says_why(address: str) -> None:
    with FakeDaemon(CLONING), fish_audio_sdk.Session("any", base_url=f"http://{address}") as session:
        for title, texts, sounds in (("../..", ["a"], [b"x"]), ("eve", [], [b"x"]), ("eve", ["a"], [])):
            with pytest.raises(fish_audio_sdk.HttpCodeErr) as caught:
                session.create_model(title=title, voices=sounds, texts=texts)
            assert 400 <= caught.value.status < 500
        with pytest.raises(fish_audio_sdk.HttpCodeErr, match="delete it"):
            session.update_model("mimic", title="other")


def test_references_are_listed_and_the_server_is_well(address: str) -> None:
    with FakeDaemon(CLONING):
        listed = httpx.get(f"http://{address}/v1/references/list").json()
    assert listed["success"]
    assert listed["reference_ids"] == ["starter", "mimic"]
    assert httpx.get(f"http://{address}/v1/health").json() == {"status": "ok"}
