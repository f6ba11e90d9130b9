"""OpenAI's speech endpoint over HTTP, spoken by the local daemon: the application, without a server around it."""

from __future__ import annotations

import asyncio
import re
from typing import Literal

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from fishvoice.adapters.openai_http.audio import MEDIA_TYPES
from fishvoice.adapters.openai_http.errors import Refusal, refusal, refusal_response
from fishvoice.adapters.openai_http.response import SpeechResponse
from fishvoice.aio import AsyncClient
from fishvoice.errors import DaemonUnavailable, FishvoiceError
from fishvoice.protocol import Markup, VoiceInfo
from fishvoice.request import SpeechOptions

MAX_BODY_BYTES = 1 << 20  # the longest text there may be, every character of it escaped
BODY_SECONDS = 30.0

# Programs that know OpenAI's voices only send one of these: they get the default voice.
OPENAI_VOICES = frozenset(
    "alloy ash ballad cedar coral echo fable marin nova onyx sage shimmer verse".split()  # noqa: SIM905
)


class VoiceId(msgspec.Struct, frozen=True):
    """The form in which OpenAI names a voice of one's own."""

    id: str


class SpeechRequest(msgspec.Struct, frozen=True):
    """The body of ``POST /v1/audio/speech``. The voice decides the model; ``instructions`` have no effect here.

    ``seed`` and ``markup`` are ours: the same seed gives the same sound; how ``input`` is marked up.
    """

    input: str
    model: str | None = None
    voice: str | VoiceId | None = None
    instructions: str | None = None
    response_format: str = "mp3"
    speed: float = 1.0
    stream_format: Literal["audio", "sse"] = "audio"
    seed: int | None = None
    markup: Markup = "auto"


class Endpoint:
    """The routes, over one client of the daemon."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def speech(self, request: Request) -> SpeechResponse:
        """``POST /v1/audio/speech``."""
        asked = _parse(await _body(request))
        if asked.response_format not in MEDIA_TYPES:
            formats = ", ".join(MEDIA_TYPES)
            raise Refusal(
                400,
                f"there is no response_format {asked.response_format!r} here: use {formats}",
                param="response_format",
            )
        if not 0.5 <= asked.speed <= 2:
            raise Refusal(400, f"a speed of {asked.speed:g} is outside 0.5 … 2", param="speed")
        options: SpeechOptions = {"voice": await self._voice(asked.voice), "speed": asked.speed, "seed": asked.seed}
        options["markup"] = asked.markup
        return SpeechResponse(self._client, asked.input, options, asked.response_format, asked.stream_format)

    async def voices(self, request: Request) -> JSONResponse:
        """``GET /v1/audio/voices``: not OpenAI's, but what chat programs ask its imitations for."""
        found = await self._client.voices()
        return JSONResponse({"voices": [{"id": each.name, **msgspec.to_builtins(each)} for each in found]})

    async def models(self, request: Request) -> JSONResponse:
        """``GET /v1/models``."""
        return JSONResponse({"object": "list", "data": [_model(name) for name in await self._model_names()]})

    async def model(self, request: Request) -> JSONResponse:
        """``GET /v1/models/NAME``."""
        name = request.path_params["name"]
        if name not in await self._model_names():
            raise Refusal(404, f"there is no model {name!r}", code="model_not_found", param="model")
        return JSONResponse(_model(name))

    async def health(self, request: Request) -> JSONResponse:
        """``GET /health``: 200 when the daemon answers, 503 when it does not; it is not started for this."""
        try:
            status = await self._client.status()
        except DaemonUnavailable as error:
            return JSONResponse({"status": "unavailable", "message": str(error)}, 503)
        return JSONResponse({"status": "ok", "daemon": {"version": status.get("version")}})

    async def _voice(self, asked: str | VoiceId | None) -> str | None:
        name = asked.id if isinstance(asked, VoiceId) else asked
        if name in OPENAI_VOICES and name not in {each.name for each in await self._client.voices()}:
            return None
        return name or None

    async def _model_names(self) -> list[str]:
        def model(voice: VoiceInfo) -> str:
            return voice.model or voice.name

        return sorted({model(voice) for voice in await self._client.voices()})


def application(client: AsyncClient) -> Starlette:
    """The routes and their errors. What only a server knows (hosts, keys) is :mod:`openai_http_guard`'s."""
    endpoint = Endpoint(client)
    return Starlette(
        routes=[
            Route("/v1/audio/speech", endpoint.speech, methods=["POST"]),
            Route("/v1/audio/voices", endpoint.voices),
            Route("/v1/models", endpoint.models),
            Route("/v1/models/{name:path}", endpoint.model),
            Route("/health", endpoint.health),
        ],
        exception_handlers={
            Refusal: _refused,
            FishvoiceError: _refused,
            HTTPException: _refused,
            ClientDisconnect: _left,
            Exception: _refused,
        },
    )


async def _body(request: Request) -> bytes:
    """The whole body, unless it is too much or comes too slowly."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":  # also: the one kind that a foreign web page cannot send unasked
        raise Refusal(415, "send Content-Type: application/json")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > MAX_BODY_BYTES:
                    raise Refusal(413, f"the request has more than {MAX_BODY_BYTES} bytes")
    except TimeoutError as error:
        raise Refusal(408, f"the request was not complete after {BODY_SECONDS:g} s") from error
    return bytes(body)


def _parse(body: bytes) -> SpeechRequest:
    try:
        return msgspec.json.decode(body, type=SpeechRequest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # msgspec ends its message with where: "Expected `str`, got `int` - at `$.input`".
        where = re.search(r"`\$\.(\w+)", str(error)) or re.search(r"required field `(\w+)`", str(error))
        raise Refusal(400, f"the request is not valid: {error}", param=where[1] if where else None) from error


def _model(name: str) -> dict[str, str | int]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "fishvoice"}  # a model's age is not known


async def _refused(request: Request, error: Exception) -> JSONResponse:
    return refusal_response(refusal(error))


async def _left(request: Request, error: Exception) -> JSONResponse:
    """The client has gone in the middle of its request: this answer goes nowhere."""
    return refusal_response(Refusal(499, "the client has left"))
