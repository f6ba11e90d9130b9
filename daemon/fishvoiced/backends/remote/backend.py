"""The kind "remote": voices of the settings, each a server's address and what to ask it for."""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from fishvoice.protocol import Synthesize, VoiceInfo
from fishvoiced.backends.remote.download import Request
from fishvoiced.backends.remote.renderer import RemoteRenderer
from fishvoiced.config import Voice
from fishvoiced.errors import BadReference, UnknownVoice, VoiceUnavailable
from fishvoiced.synthesis.base import Renderer
from fishvoiced.voices.base import LighterWay, LoadedModel, Streams
from fishvoiced.voices.speed import Speed

_PATHS = {"openai": "/v1/audio/speech", "fish": "/v1/tts"}


class RemoteModel:
    """See :class:`fishvoiced.voices.base.LoadedModel`. Nothing is in memory."""

    precision = "unknown"
    notice: str | None = None
    streams = Streams()

    def __init__(self, name: str, settings: Voice) -> None:
        self.name = f"remote/{name}"
        self.engine = "http"
        self._voice, self._settings = name, settings
        self._observed: float | None = None
        self._utterances = 0

    def speed(self) -> Speed | None:
        return Speed(None, self._observed, self._utterances, None)

    def prepare(self, voice: str) -> None:
        """There is nothing to compute ahead."""

    def renderer(self, request: Synthesize) -> RemoteRenderer:
        if request.payload is not None:
            raise BadReference(f"voice {self._voice!r} cannot imitate a recording sent along; see: fishvoice voices")
        settings = self._settings
        ask = partial(to_request, self._voice, settings)
        return RemoteRenderer(ask, settings.sample_rate, settings.language or "en")

    def lighter(self, request: Synthesize, renderer: Renderer) -> LighterWay | None:
        return None

    def observe(self, rtf: float) -> None:
        self._observed, self._utterances = rtf, self._utterances + 1

    def close(self) -> None:
        """There is nothing to give back."""


class RemoteBackend:
    """See :class:`fishvoiced.voices.base.Backend`. ``voices``: of the settings; those without a URL are not ours."""

    kind = "remote"

    def __init__(self, voices: Mapping[str, Voice]) -> None:
        self._voices = {name: settings for name, settings in voices.items() if settings.url is not None}

    def default_voice(self) -> str | None:
        return None

    def voices(self) -> Sequence[VoiceInfo]:
        return [self._info(name, settings) for name, settings in self._voices.items()]

    def model_of(self, voice: str) -> str | None:
        return f"remote/{voice}" if voice in self._voices else None

    def load(self, voice: str) -> RemoteModel:
        if voice not in self._voices:
            raise UnknownVoice(f"there is no [voices.{voice}] with a url in the settings")
        return RemoteModel(voice, self._voices[voice])

    def busy(self, models: Sequence[LoadedModel]) -> None:
        """There is no work in the background."""

    def idle(self, models: Sequence[LoadedModel]) -> None:
        """There is no work in the background."""

    def _info(self, name: str, settings: Voice) -> VoiceInfo:
        host = urlsplit(settings.url or "").hostname or "?"
        what = " ".join(part for part in (settings.model, settings.voice) if part)
        return VoiceInfo(
            name=name,
            language=settings.language,
            model=f"remote/{name}",
            sample_rate=settings.sample_rate,
            description=f"{what} at {host}".strip(),
            kind=self.kind,
            license="the server's terms",
            loaded=True,
        )


def to_request(name: str, settings: Voice, text: str) -> Request:
    """Raises VoiceUnavailable where the key cannot be read, or must not be sent."""
    headers = {"Content-Type": "application/json", "Accept": "audio/pcm, audio/*;q=0.5, */*;q=0.1"}
    url = full_url(settings)
    key = read_key(name, settings)
    if key:
        _guard(name, url)
        headers["Authorization"] = f"Bearer {key}"
    body = json.dumps(_body(settings, text)).encode()
    return Request(url, body, headers, settings.connect_seconds, settings.answer_seconds, settings.gap_seconds)


def full_url(settings: Voice) -> str:
    """The address to post to: ``/v1/audio/speech`` (``/v1/tts``) is completed where the settings stop before it."""
    url, path = (settings.url or "").rstrip("/"), _PATHS[settings.api]
    if url.endswith(path.removeprefix("/v1")):
        return url
    return url + (path.removeprefix("/v1") if url.endswith("/v1") else path)


def read_key(name: str, settings: Voice) -> str | None:
    """The key, read anew for every request, so that it can be changed. Raises VoiceUnavailable."""
    if settings.key_file is not None:
        try:
            return Path(settings.key_file).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise VoiceUnavailable(f"the key of voice {name!r} cannot be read from its key_file: {reason}") from error
    if settings.key_env is not None:
        key = os.environ.get(settings.key_env)
        if not key:
            raise VoiceUnavailable(f"the variable {settings.key_env}, the key of voice {name!r}, is not set")
        return key
    return None


def _guard(name: str, url: str) -> None:
    """A key goes over the network encrypted, or not at all."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not _is_loopback(parts.hostname or ""):
        raise VoiceUnavailable(f"voice {name!r}: a key is only sent over https, or to this computer")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _body(settings: Voice, text: str) -> dict[str, object]:
    if settings.api == "fish":
        asked = {"text": text, "format": "wav", "streaming": True, "reference_id": settings.voice}
    else:
        asked = {
            "model": settings.model,
            "input": text,
            "voice": settings.voice,
            "response_format": "pcm",
            "stream": settings.stream,
        }
    return {key: value for key, value in asked.items() if value is not None}
