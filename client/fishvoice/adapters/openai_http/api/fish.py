"""Fish Speech's own HTTP API, which its SDK and plugins speak, over the local daemon."""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from fishvoice.adapters.openai_http.api.body import JSON, MSGPACK, decode, kind_of, read
from fishvoice.adapters.openai_http.api.recordings import one_of
from fishvoice.adapters.openai_http.api.speech_request import check_format, choose_voice
from fishvoice.adapters.openai_http.forms import Plain
from fishvoice.adapters.openai_http.response import SpeechResponse
from fishvoice.aio import AsyncClient
from fishvoice.request import SpeechOptions

PCM_RATE = 44100  # what Fish's clients take sound without a header to have
MOST_DECIBELS = 6.0  # twice as loud is the most that the daemon makes


class Reference(msgspec.Struct, frozen=True):
    """A recording, as bytes (msgpack) or base64 (JSON), and its words."""

    audio: bytes
    text: str = ""


class Prosody(msgspec.Struct, frozen=True):
    """``volume`` in decibels; above 6 it is 6."""

    speed: Annotated[float, msgspec.Meta(ge=0.25, le=4)] = 1.0
    volume: Annotated[float, msgspec.Meta(ge=-20, le=20)] = 0.0


class TtsRequest(msgspec.Struct, frozen=True):
    """The body of ``POST /v1/tts``. ``chunk_length``, ``latency``, bit rates and ``normalize`` have no effect here:
    sound is always sent while it is made, and text always read as written."""

    text: str
    references: tuple[Reference, ...] = ()
    reference_id: str | None = None
    format: str = "mp3"
    sample_rate: Annotated[int, msgspec.Meta(ge=8000, le=48000)] | None = None
    streaming: bool = True
    prosody: Prosody = Prosody()
    temperature: float | None = None
    top_p: float | None = None
    repetition_penalty: float | None = None
    seed: int | None = None


class FishApi:
    """Routes over one client of the daemon."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self.routes = [
            Route("/v1/tts", self.tts, methods=["POST"]),
            Route("/v1/health", self.health, methods=["GET", "POST"]),
        ]

    async def tts(self, request: Request) -> ASGIApp:
        """Speak ``text``, JSON or msgpack, as a reference or the voice ``reference_id``."""
        asked = decode(await read(request, JSON, MSGPACK), kind_of(request), TtsRequest)
        options = await options_of(asked, self._client)
        return SpeechResponse(self._client, asked.text, options, asked.format, Plain(asked.format), rate_of(asked))

    async def health(self, request: Request) -> Response:
        """Whether this server answers; ``/health`` asks the daemon, too."""
        return JSONResponse({"status": "ok"})


async def options_of(asked: TtsRequest, client: AsyncClient) -> SpeechOptions:
    """The daemon's options for ``asked``. Raises Refusal."""
    check_format(asked.format, "format")
    recordings = [(each.audio, each.text) for each in asked.references]
    recording, words = await one_of(recordings, "references") if recordings else (None, None)
    clones = recording is not None
    return {
        "voice": await choose_voice(client, None if clones else asked.reference_id, None, clones=clones),
        "seed": asked.seed,
        "speed": asked.prosody.speed,
        "volume": 10 ** (min(asked.prosody.volume, MOST_DECIBELS) / 20),
        "temperature": asked.temperature,
        "top_p": asked.top_p,
        "repetition_penalty": asked.repetition_penalty,
        "reference": recording,
        "reference_text": words,
    }


def rate_of(asked: TtsRequest) -> int | None:
    """Hz to send; None for the voice's own."""
    return asked.sample_rate or (PCM_RATE if asked.format == "pcm" else None)
