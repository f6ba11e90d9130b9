"""A remote voice against a real server on the loopback, well and badly behaved."""

from __future__ import annotations

import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fishvoice.protocol import Synthesize
from fishvoiced.backends.remote import renderer as renderers
from fishvoiced.backends.remote.backend import RemoteBackend, full_url, to_request
from fishvoiced.backends.remote.renderer import RemoteRenderer
from fishvoiced.backends.remote.sound import RemoteVoiceError
from fishvoiced.config import Voice
from fishvoiced.errors import BadReference, VoiceUnavailable
from fishvoiced.synthesis.audio import Samples
from fishvoiced.synthesis.base import Waiting
from fishvoiced.text.lines import Line
from tools.harness.speech_server import RATE, TONE, Seen, speech_server

EXPECTED = np.frombuffer(TONE, "<i2") / 32768
KEY = "sk-very-secret"


@pytest.fixture
def server() -> Iterator[tuple[str, Seen]]:
    with speech_server() as running:
        yield running


def settings(url: str, **more: object) -> Voice:
    return Voice(**{"url": url, "model": "m", "voice": "v", "answer_seconds": 0.3, "gap_seconds": 0.3, **more})  # type: ignore[arg-type]


def remote(url: str, **more: object) -> RemoteRenderer:
    voice = settings(url, **more)
    return RemoteRenderer(lambda text: to_request("big", voice, text), voice.sample_rate)


def spoken(voice: RemoteRenderer, text: str = "Hello.") -> Samples:
    """All the sound of one segment; whoever waits sleeps, as the inference thread would."""
    sounds = [np.zeros(0, np.float32)]
    for step in voice.render(0, Line.of(text)):
        if isinstance(step, Waiting):
            assert 0 < step.seconds <= 0.1
            time.sleep(step.seconds)
        elif isinstance(step, np.ndarray):
            sounds.append(step)
    return np.concatenate(sounds)


@pytest.mark.parametrize("mode", ["good", "wav", "once"])
def test_the_servers_sound_comes_sample_for_sample(server: tuple[str, Seen], mode: str) -> None:
    url, _ = server
    np.testing.assert_allclose(spoken(remote(f"{url}/{mode}")), EXPECTED, atol=1e-6)


def test_sound_is_passed_on_before_the_answer_is_over(server: tuple[str, Seen]) -> None:
    url, seen = server
    steps = remote(f"{url}/slow", gap_seconds=30).render(0, Line.of("Hello."))
    first = next(step for step in steps if isinstance(step, np.ndarray))
    assert len(first)
    assert not seen.go_on.is_set()
    seen.go_on.set()
    assert any(isinstance(step, np.ndarray) for step in steps)


def test_the_request_is_what_the_settings_say_and_nothing_else(server: tuple[str, Seen]) -> None:
    url, seen = server
    spoken(remote(f"{url}/good"), "Grüße.")
    spoken(remote(f"{url}/good/v1", stream=True))
    spoken(remote(f"{url}/wav", api="fish", voice="anna"))
    (path, headers, body), (_, _, streamed), (fish_path, _, fish) = seen.requests
    assert path == "/good/v1/audio/speech"
    assert body == {"model": "m", "input": "Grüße.", "voice": "v", "response_format": "pcm"}
    assert "Authorization" not in headers
    assert streamed["stream"] is True
    assert fish_path == "/wav/v1/tts"
    assert fish == {"text": "Hello.", "format": "wav", "streaming": True, "reference_id": "anna"}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("https://host", "https://host/v1/audio/speech"),
        ("https://host/", "https://host/v1/audio/speech"),
        ("https://host/v1", "https://host/v1/audio/speech"),
        ("https://host/api/v1/audio/speech", "https://host/api/v1/audio/speech"),
    ],
)
def test_a_url_is_completed(written: str, meant: str) -> None:
    assert full_url(settings(written)) == meant


@pytest.mark.parametrize(
    ("mode", "said", "asked"),
    [
        ("401", "HTTP 401, it refuses the key: .*this is error 401", 1),
        ("404", "HTTP 404, it has no such address", 1),
        ("400", "HTTP 400, .*this is error 400", 1),
        ("429", "HTTP 429, too many requests", 3),
        ("500", "HTTP 500", 3),
        ("302", "sends elsewhere", 1),
        ("html", "answers with text/html, not with sound", 1),
        ("mp3", "sends audio/mpeg where raw PCM was asked for", 1),
        ("empty", "sent no sound", 1),
        ("wav44", "at 44100 Hz, not at 24000 Hz: write sample_rate = 44100", 1),
        ("stalled", "does not answer", 1),
        ("mute", "has sent no sound for 0.3 s", 1),
    ],
)
def test_what_fails_before_the_first_sound_is_one_clear_sentence(
    server: tuple[str, Seen], mode: str, said: str, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renderers, "PAUSES", (0.01, 0.01))
    url, seen = server
    with pytest.raises(VoiceUnavailable, match=said):
        spoken(remote(f"{url}/{mode}"))
    assert seen.modes() == [mode] * asked


@pytest.mark.parametrize("mode", ["cut", "short", "stallslater"])
def test_sound_that_breaks_off_is_kept_and_told_and_never_asked_for_again(server: tuple[str, Seen], mode: str) -> None:
    url, seen = server
    heard: list[Samples] = []
    with pytest.raises(RemoteVoiceError, match=r"127\.0\.0\.1"):
        steps = remote(f"{url}/{mode}").render(0, Line.of("Hello."))
        heard.extend(step for step in steps if isinstance(step, np.ndarray))
    assert sum(map(len, heard)) == RATE // 4  # what was sent before: that many bytes, two a sample
    assert seen.modes() == [mode]


def test_sound_without_end_is_cut_off(server: tuple[str, Seen], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renderers, "SPARE_SECONDS", 1.0)
    url, seen = server
    with pytest.raises(RemoteVoiceError, match="does not stop"):
        spoken(remote(f"{url}/endless"))
    assert seen.abandoned.wait(5)


@pytest.mark.parametrize("mode", ["endless", "stalled", "mute"])
def test_a_cancelled_request_closes_its_connection(server: tuple[str, Seen], mode: str) -> None:
    url, seen = server
    steps = remote(f"{url}/{mode}", answer_seconds=60, gap_seconds=60).render(0, Line.of("Hello."))
    for step in steps:
        if isinstance(step, np.ndarray) or seen.requests:
            break
        assert isinstance(step, Waiting)
        time.sleep(step.seconds)
    assert not seen.abandoned.is_set()
    steps.close()
    assert seen.abandoned.wait(5)


def test_a_server_that_is_not_there_is_named(server: tuple[str, Seen], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renderers, "PAUSES", (0.01, 0.01))
    with pytest.raises(VoiceUnavailable, match=r"127\.0\.0\.1:1 cannot be reached: Connection refused"):
        spoken(remote("http://127.0.0.1:1"))


def test_a_certificate_of_nobody_is_not_trusted(tmp_path: Path) -> None:
    with speech_server(tls=self_signed(tmp_path)) as (url, seen), pytest.raises(VoiceUnavailable, match="not trusted"):
        spoken(remote(f"{url}/good", answer_seconds=5))
    assert not seen.requests


def test_a_key_is_sent_and_never_told(
    server: tuple[str, Seen], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renderers, "PAUSES", (0.01, 0.01))
    url, seen = server
    file = tmp_path / "key"
    file.write_text(KEY + "\n")
    spoken(remote(f"{url}/good", key_file=str(file)))
    for mode in ("401", "500", "html"):
        with pytest.raises(VoiceUnavailable) as raised:
            spoken(remote(f"{url}/{mode}", key_file=str(file)))
        assert KEY not in f"{raised.value!r} {raised.value.__cause__!r}"
    voice = settings(url, key_file=str(file))
    assert KEY not in repr(to_request("big", voice, "x"))
    assert KEY not in repr(RemoteBackend({"big": voice}).voices())
    assert {headers["Authorization"] for _, headers, _ in seen.requests} == {f"Bearer {KEY}"}
    file.write_text("another")  # a key may change while the daemon runs
    assert to_request("big", voice, "x").headers["Authorization"] == "Bearer another"


def test_a_key_that_is_missing_or_would_go_in_the_clear_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with pytest.raises(VoiceUnavailable, match="NO_SUCH_KEY, the key of voice 'big', is not set"):
        to_request("big", settings("https://host", key_env="NO_SUCH_KEY"), "x")
    with pytest.raises(VoiceUnavailable, match="cannot be read from its key_file: No such file"):
        to_request("big", settings("https://host", key_file=str(tmp_path / "none")), "x")
    monkeypatch.setenv("SOME_KEY", KEY)
    with pytest.raises(VoiceUnavailable, match="only sent over https"):
        to_request("big", settings("http://example.invalid", key_env="SOME_KEY"), "x")
    assert to_request("big", settings("http://localhost:1", key_env="SOME_KEY"), "x").headers["Authorization"]


def test_a_broken_key_is_refused_without_being_quoted(
    server: tuple[str, Seen], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_KEY", "two\nlines")
    with pytest.raises(VoiceUnavailable, match="characters that no HTTP header can carry") as raised:
        spoken(remote(f"{server[0]}/good", key_env="SOME_KEY"))
    assert "lines" not in str(raised.value)


def test_only_voices_with_a_url_are_remote_ones() -> None:
    backend = RemoteBackend({"big": settings("https://host/v1", language="en"), "heart": Voice(first_audio_within=0.3)})
    assert [(info.name, info.kind, info.language, info.sample_rate) for info in backend.voices()] == [
        ("big", "remote", "en", 24_000)
    ]
    assert backend.model_of("heart") is None
    with pytest.raises(BadReference):
        backend.load("big").renderer(Synthesize(id="1", text="x", voice="big", payload=b"RIFF"))


def self_signed(folder: Path) -> ssl.SSLContext:
    """A server's context with a certificate that nobody has signed."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    subprocess.run([*command, "-keyout", key, "-out", certificate, *names], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
