"""OpenAI's speech endpoint, and what its imitations have besides: captions, lists of voices and models."""

from __future__ import annotations

import base64

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from fishvoice.adapters.openai_http.api.body import read_json
from fishvoice.adapters.openai_http.api.speech_request import CaptionedRequest, SpeechRequest, options_of
from fishvoice.adapters.openai_http.audio import MEDIA_TYPES
from fishvoice.adapters.openai_http.errors import Refusal
from fishvoice.adapters.openai_http.forms import Captioned, Events, Plain, timestamps
from fishvoice.adapters.openai_http.response import SpeechResponse
from fishvoice.adapters.shared.outcome import why_unspoken
from fishvoice.aio import AsyncClient
from fishvoice.captions.words import TimedWord, WordCollector
from fishvoice.encoding.formats import encoded
from fishvoice.protocol import VoiceInfo


class SpeechApi:
    """Routes over one client of the daemon."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self.routes = [
            Route("/v1/audio/speech", self.speech, methods=["POST"]),
            Route("/dev/captioned_speech", self.captioned, methods=["POST"]),
            Route("/v1/audio/voices", self.voices),
            Route("/v1/audio/models", self.audio_models),
            Route("/v1/models", self.models),
            Route("/v1/models/{name:path}", self.model),
        ]

    async def speech(self, request: Request) -> ASGIApp:
        """Speak ``input``; the sound is sent while it is made."""
        asked = await read_json(request, SpeechRequest)
        options = await options_of(asked, self._client)
        form = Events(asked.input) if asked.stream_format == "sse" else Plain(asked.response_format)
        return SpeechResponse(self._client, asked.input, options, asked.response_format, form)

    async def captioned(self, request: Request) -> ASGIApp:
        """Speak ``input``, and tell when each word begins and ends, in seconds."""
        asked = await read_json(request, CaptionedRequest)
        options = await options_of(asked, self._client)
        if asked.stream:
            form = Captioned(asked.input, asked.response_format, times=asked.return_timestamps)
            return SpeechResponse(self._client, asked.input, options, asked.response_format, form)
        words = WordCollector()
        words.begin(asked.input)
        found: list[TimedWord] = []
        sound, rate = bytearray(), 0
        async with await self._client.synthesize(asked.input, **options) as speech:
            async for chunk in speech:
                sound += chunk.pcm
                rate = chunk.sample_rate
                found += words.chunk(chunk)
            if speech.finish_reason != "complete" or not sound:
                raise why_unspoken(speech)
        body = {
            "audio": base64.b64encode(encoded(asked.response_format, rate, bytes(sound))).decode(),
            "audio_format": MEDIA_TYPES[asked.response_format],
            "timestamps": timestamps(found + words.finish()) if asked.return_timestamps else None,
        }
        return JSONResponse(body)

    async def voices(self, request: Request) -> Response:
        """The voices: not OpenAI's, but what chat programs ask its imitations for."""
        found = await self._client.voices()
        return JSONResponse({"voices": [{"id": each.name, **msgspec.to_builtins(each)} for each in found]})

    async def audio_models(self, request: Request) -> Response:
        """The models, as Open WebUI asks for them."""
        return JSONResponse({"models": [{"id": name, "name": name} for name in await self._model_names()]})

    async def models(self, request: Request) -> Response:
        """The models behind the voices."""
        return JSONResponse({"object": "list", "data": [_model(name) for name in await self._model_names()]})

    async def model(self, request: Request) -> Response:
        """One model."""
        name = request.path_params["name"]
        if name not in await self._model_names():
            raise Refusal(404, f"there is no model {name!r}", code="model_not_found", param="model")
        return JSONResponse(_model(name))

    async def _model_names(self) -> list[str]:
        def model(voice: VoiceInfo) -> str:
            return voice.model or voice.name

        return sorted({model(voice) for voice in await self._client.voices()})


def _model(name: str) -> dict[str, str | int]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "fishvoice"}  # a model's age is not known
