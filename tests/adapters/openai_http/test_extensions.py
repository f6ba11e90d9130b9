"""What the endpoint has beyond OpenAI's: fields, captions, cloning, voices of one's own, figures, documentation."""

from __future__ import annotations

import base64
import io
import json
import re
from urllib.parse import quote

import httpx
import pytest
import soundfile

from fishvoice.adapters.openai_http.api import cloned_voices
from tests.adapters.endpoint import post, talker
from tests.client.conftest import home  # noqa: F401
from tests.fakes.daemon import Behaviour, FakeDaemon

pytestmark = pytest.mark.usefixtures("home")

RATE = 44100
SPOKEN = Behaviour(chunks=3, samples=RATE // 2, words=True, clones=True)
WORDS = [("One", 0.0, 0.5), ("two", 0.5, 1.0), ("three.", 1.0, 1.5)]


def test_every_field_reaches_the_daemon(address: str) -> None:
    fields = {
        "pitch": 1.2, "volume": 0.5, "temperature": 0.3, "top_p": 0.4, "repetition_penalty": 1.5,
        "priority": "message", "keep_alive": 60.0, "first_audio_within": 2.0, "fallback_voice": "starter",
        "markup": "ssml",
    }  # fmt: skip
    with FakeDaemon() as daemon:
        talker(address).audio.speech.create(model="m", voice="starter", input="One.", speed=4.0, extra_body=fields)
        asked = daemon.requests[0]
    sampling = {name: fields.pop(name) for name in ("temperature", "top_p", "repetition_penalty")}
    assert {name: getattr(asked.sampling, name) for name in sampling} == sampling
    assert {name: getattr(asked, name) for name in fields} == fields
    assert asked.speed == 4.0


@pytest.mark.parametrize("speed", [0.25, 1, 4])
def test_openais_whole_range_of_speeds_is_spoken(address: str, speed: float) -> None:
    with FakeDaemon() as daemon:
        talker(address).audio.speech.create(model="m", voice="alloy", input="One.", speed=speed)
        assert daemon.requests[0].speed == speed


@pytest.mark.parametrize(
    "field", ["voice", "speed", "response_format", "stream_format", "seed", "priority", "volume", "ref_audio", "model"]
)
def test_null_is_left_out_whatever_the_field(address: str, field: str) -> None:
    with FakeDaemon() as daemon:
        assert post(address, {"input": "Hi.", field: None}).status_code == 200
        plain = daemon.requests[0]
    assert (plain.voice, plain.speed, plain.seed, plain.priority, plain.volume) == (None, 1.0, None, "text", 1.0)


@pytest.mark.parametrize(
    ("fields", "voice"),
    [({"language": "de-AT"}, "mimic"), ({"language": "en_GB"}, None), ({"voice": "fable", "language": "de"}, "mimic")],
)
def test_a_language_chooses_the_voice(address: str, fields: dict[str, str], voice: str | None) -> None:
    with FakeDaemon(SPOKEN) as daemon:
        assert post(address, {"input": "Hi.", **fields}).status_code == 200
        assert daemon.requests[0].voice == voice


@pytest.mark.parametrize("prefix", ["", "data:audio/wav;base64,"])
def test_a_recording_is_imitated_by_a_voice_that_can(address: str, prefix: str) -> None:
    recording = b"RIFF and so on"
    body = {"input": "Hi.", "ref_audio": prefix + base64.b64encode(recording).decode(), "ref_text": "Its words."}
    with FakeDaemon(SPOKEN) as daemon:
        assert post(address, body).status_code == 200
        asked = daemon.requests[0]
    assert (asked.payload, asked.reference_text, asked.voice) == (recording, "Its words.", "mimic")


@pytest.mark.parametrize("voice", [" mimic", {"id": "mimic "}])
def test_a_name_from_a_list_with_blanks_is_the_name(address: str, voice: object) -> None:
    with FakeDaemon(SPOKEN) as daemon:
        assert post(address, {"input": "Hi.", "voice": voice}).status_code == 200
        assert daemon.requests[0].voice == "mimic"


# -- captions ------------------------------------------------------------------------------------------------------


def told(lines: list[dict[str, object]]) -> list[tuple[object, object, object]]:
    words = [word for line in lines for word in line["timestamps"]]  # type: ignore[attr-defined]
    return [(word["word"], word["start_time"], word["end_time"]) for word in words]


def test_captions_stream_with_the_sound(address: str) -> None:
    body = {"input": "One two three.", "response_format": "pcm", "model": "kokoro"}
    with (
        FakeDaemon(SPOKEN),
        httpx.stream("POST", f"http://{address}/dev/captioned_speech", json=body, timeout=20) as answer,
    ):
        lines = [json.loads(line) for line in answer.iter_lines()]
    assert told(lines) == WORDS
    assert {line["audio_format"] for line in lines} == {"audio/pcm"}
    sound = b"".join(base64.b64decode(line["audio"]) for line in lines)
    assert abs(len(sound) / 2 / 24000 - 1.5) < 0.001


def test_captions_come_in_one_object_too(address: str) -> None:
    body = {"input": "One two three.", "response_format": "wav", "stream": False}
    with FakeDaemon(SPOKEN):
        answer = httpx.post(f"http://{address}/dev/captioned_speech", json=body, timeout=20).json()
    assert told([answer]) == WORDS
    assert soundfile.info(io.BytesIO(base64.b64decode(answer["audio"]))).duration == pytest.approx(1.5)


# -- voices of one's own -------------------------------------------------------------------------------------------


class Recorder:
    """Stands at the door to the command that encodes a recording: what it is called with, and what it says."""

    def __init__(self, failure: str | None = None) -> None:
        self.calls: list[tuple[str, ...]] = []
        self.failure = failure

    async def run(self, *arguments: str) -> str | None:
        self.calls.append(arguments)
        return self.failure


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    found = Recorder()
    monkeypatch.setattr(cloned_voices.ClonedVoices, "_run", lambda _, *arguments: found.run(*arguments))
    return found


def test_a_voice_is_made_from_a_form_and_deleted_by_name(address: str, recorder: Recorder) -> None:
    url = f"http://{address}/v1/audio/voices"
    form = {"name": "eve", "ref_text": "--help me.", "language": "de"}
    answer = httpx.post(url, data=form, files={"audio_sample": ("a.wav", b"RIFF")})
    assert answer.status_code == 201
    assert answer.json()["id"] == "eve"
    verb, name, file, *options = recorder.calls[0]
    assert (verb, name, options) == ("add", "eve", ["--text=--help me.", "--language=de"])
    assert file.endswith("recording")
    assert httpx.delete(f"{url}/eve").json() == {"id": "eve", "object": "audio.voice", "deleted": True}
    assert recorder.calls[1] == ("remove", "eve")


@pytest.mark.parametrize("name", ["../evil", "-rf", "a b", "..", "a" * 65, "a\n", "C:"])
def test_names_that_could_lead_elsewhere_are_refused(address: str, recorder: Recorder, name: str) -> None:
    form = {"name": name, "ref_text": "Hi."}
    url = f"http://{address}/v1"
    answers = [
        httpx.post(f"{url}/audio/voices", data=form, files={"audio_sample": b"RIFF"}),
        httpx.post(f"{url}/references/add", json={"id": name, "text": "Hi.", "audio": "UklGRg=="}),
        httpx.request("DELETE", f"{url}/references/delete", json={"reference_id": name}),
        httpx.delete(f"{url}/audio/voices/{quote(name, safe='')}"),
        httpx.delete(f"http://{address}/model/{quote(name, safe='')}"),
    ]
    # A slash in a path is a path that is not there, however it is written.
    assert {answer.status_code for answer in answers[:3]} == {400}
    assert {answer.status_code for answer in answers[3:]} <= {400, 404, 405}
    assert not recorder.calls


@pytest.mark.parametrize("missing", ["name", "ref_text", "audio_sample"])
def test_a_form_that_lacks_something_says_what(address: str, recorder: Recorder, missing: str) -> None:
    form = {name: "x" for name in ("name", "ref_text") if name != missing}
    files = {"other" if missing == "audio_sample" else "audio_sample": b"RIFF"}
    answer = httpx.post(f"http://{address}/v1/audio/voices", data=form, files=files)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == missing


def test_the_real_command_says_why_a_recording_makes_no_voice(address: str) -> None:
    """Nobody here has a model that clones: what ``fishvoice voices add`` says comes back."""
    form = {"name": "eve", "ref_text": "Hi."}
    answer = httpx.post(f"http://{address}/v1/audio/voices", data=form, files={"audio_sample": b"RIFF"}, timeout=60)
    assert answer.status_code == 400
    assert "imitate" in answer.json()["error"]["message"]
    assert httpx.delete(f"http://{address}/v1/audio/voices/nobody", timeout=60).status_code == 404


# -- lists, figures, documentation ---------------------------------------------------------------------------------


def test_open_webui_finds_models(address: str) -> None:
    with FakeDaemon():
        models = httpx.get(f"http://{address}/v1/audio/models").json()
    assert models == {"models": [{"id": "starter", "name": "starter"}]}


def test_figures_are_there_for_prometheus(address: str) -> None:
    parser = pytest.importorskip("prometheus_client.parser")
    with FakeDaemon():
        text = httpx.get(f"http://{address}/metrics").text
    figures = {family.name: family.samples[0].value for family in parser.text_string_to_metric_families(text)}
    assert figures["fishvoice_up"] == 1
    assert figures["fishvoice_queue_waiting"] == 0
    assert "fishvoice_up 0\n" in httpx.get(f"http://{address}/metrics").text
    assert httpx.get(f"http://{address}/healthz").status_code == 503


def test_the_documentation_names_every_field_and_loads_nothing_from_elsewhere(address: str) -> None:
    document = httpx.get(f"http://{address}/openapi.json").json()
    speech = document["components"]["schemas"]["SpeechRequest"]["properties"]
    page = httpx.get(f"http://{address}/docs")
    text = page.text.replace("<wbr>", "")
    assert all(f"<code>{field}</code>" in text for field in speech)
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert not re.search(r"""(?:src|href)=["'](?!/)""", page.text)


def test_every_route_that_is_described_is_there(address: str) -> None:
    document = httpx.get(f"http://{address}/openapi.json").json()
    with FakeDaemon():
        for path, operations in document["paths"].items():
            for method in operations:
                answer = httpx.request(method, f"http://{address}{path.replace('{name}', 'starter')}", timeout=60)
                assert answer.status_code not in (405, 501), (method, path)
                assert answer.text != "Not Found"
