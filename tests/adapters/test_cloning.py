"""Voices that imitate, over HTTP as a user has them: the command, the daemon it starts, a model with an encoder."""

from __future__ import annotations

import base64
import io
import wave
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.adapters.test_real_daemon import served
from tests.test_end_to_end import home  # noqa: F401

fish_audio_sdk = pytest.importorskip("fish_audio_sdk")
pytestmark = [pytest.mark.usefixtures("home"), pytest.mark.timeout(300)]

TEXT = "A voice that imitates says this, and goes on for a while."
RATE = 16000  # the tiny model's
WORDS = ("These are its words.", "And these are more of them.")


def recording(pitch: float, seconds: float = 1.5) -> bytes:
    """A WAV file of a hum."""
    at = np.arange(round(seconds * RATE)) / RATE
    hum = sum(np.sin(2 * np.pi * pitch * number * at) / number for number in (1, 2, 3))
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        out.writeframes((9000 * hum).astype("<i2").tobytes())
    return file.getvalue()


LOW, HIGH = recording(110), recording(310)


class Listener:
    """Asks the server for ``TEXT``; every sound is raw samples at the model's rate, from the same seed."""

    def __init__(self, url: str) -> None:
        self.base = url.removesuffix("/v1")
        self._http = httpx.Client(base_url=self.base, timeout=120)

    def openai(self, **fields: object) -> bytes:
        body = {"input": TEXT, "seed": 3, "response_format": "wav", **fields}
        return self._sound(self._http.post("/v1/audio/speech", json=body))

    def fish(self, **fields: object) -> bytes:
        body = {"text": TEXT, "seed": 3, "format": "wav", **fields}
        return self._sound(self._http.post("/v1/tts", json=body))

    def ask(self, method: str, path: str, **options: object) -> httpx.Response:
        return self._http.request(method, path, **options)  # type: ignore[arg-type]

    @staticmethod
    def _sound(answer: httpx.Response) -> bytes:
        assert answer.status_code == 200, answer.text
        with wave.open(io.BytesIO(answer.content)) as file:
            assert file.getframerate() == RATE
        samples = answer.content[44:]
        assert np.abs(np.frombuffer(samples, "<i2")).max() > 300
        return samples


@pytest.fixture
def server() -> Iterator[Listener]:
    with served("serve-http") as url:
        yield Listener(url)


def base64_of(sound: bytes) -> str:
    return base64.b64encode(sound).decode()


def test_a_recording_in_a_request_is_imitated_in_every_form(server: Listener) -> None:
    plain = server.openai()
    low = server.openai(ref_audio=base64_of(LOW), ref_text=WORDS[0])
    assert low not in (plain, server.openai(ref_audio=base64_of(HIGH), ref_text=WORDS[0]))
    assert low == server.openai(ref_audio=base64_of(LOW), ref_text=WORDS[0])
    reference = {"audio": base64_of(LOW), "text": WORDS[0]}
    assert low == server.fish(references=[reference])
    both = server.fish(references=[reference, {"audio": base64_of(HIGH), "text": WORDS[1]}])
    assert both not in (plain, low)


def test_a_named_voice_speaks_as_its_recording_does_until_it_is_deleted(server: Listener, home: Path) -> None:  # noqa: F811
    form = {"name": "eve", "ref_text": WORDS[0], "language": "en"}
    made = server.ask("POST", "/v1/audio/voices", data=form, files={"audio_sample": ("eve.wav", LOW)})
    assert made.status_code == 201, made.text
    voices = {voice["id"]: voice for voice in server.ask("GET", "/v1/audio/voices").json()["voices"]}
    assert voices["eve"]["language"] == "en"
    direct = server.openai(ref_audio=base64_of(LOW), ref_text=WORDS[0])
    assert server.openai(voice="eve") == server.openai(voice={"id": "eve"}) == direct
    assert server.fish(reference_id="eve") == direct
    again = server.ask("POST", "/v1/audio/voices", data=form, files={"audio_sample": ("eve.wav", LOW)})
    assert again.status_code == 400
    assert "eve" in again.json()["error"]["message"]
    assert server.ask("DELETE", "/v1/audio/voices/eve").json()["deleted"]
    assert not list(home.rglob("eve"))
    gone = server.ask("POST", "/v1/audio/speech", json={"input": TEXT, "voice": "eve"})
    assert (gone.status_code, gone.json()["error"]["code"]) == (400, "unknown_voice")
    assert server.ask("DELETE", "/v1/audio/voices/eve").status_code == 404


def test_fishs_references_are_added_listed_spoken_and_deleted(server: Listener) -> None:
    for fields in (
        {"data": {"id": "ann", "text": WORDS[0]}, "files": {"audio": ("a.wav", LOW)}},
        {"json": {"id": "bob", "text": WORDS[0], "audio": base64_of(LOW)}},
    ):
        added = server.ask("POST", "/v1/references/add", **fields)
        assert added.json()["success"], added.text
    assert {"ann", "bob"} <= set(server.ask("GET", "/v1/references/list").json()["reference_ids"])
    assert server.fish(reference_id="ann") == server.fish(reference_id="bob")
    deleted = server.ask("DELETE", "/v1/references/delete", json={"reference_id": "ann"})
    assert deleted.json()["success"]
    assert "ann" not in server.ask("GET", "/v1/references/list").json()["reference_ids"]


def test_the_sdk_makes_a_voice_of_several_recordings_speaks_with_it_and_deletes_it(server: Listener) -> None:
    with fish_audio_sdk.Session("any", base_url=server.base) as session:
        model = session.create_model(title="My Voice", voices=[LOW, HIGH], texts=list(WORDS))
        assert (model.id, model.state) == ("My-Voice", "trained")
        assert "My-Voice" in [each.id for each in session.list_models(title="voice").items]
        assert session.get_model("My-Voice").title == "My-Voice"
        request = fish_audio_sdk.TTSRequest(text=TEXT, reference_id="My-Voice", format="wav")
        sound = b"".join(session.tts(request))
        assert len(sound) > 44 + RATE // 4
        named = server.fish(reference_id="My-Voice")
        references = [{"audio": base64_of(sound), "text": text} for sound, text in zip((LOW, HIGH), WORDS, strict=True)]
        assert named == server.fish(references=references)
        session.delete_model("My-Voice")
        with pytest.raises(fish_audio_sdk.HttpCodeErr) as caught:
            session.get_model("My-Voice")
        assert caught.value.status == 404
