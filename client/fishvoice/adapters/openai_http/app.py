"""The local daemon over HTTP: all routes and their errors, as an application without a server around it."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse

from fishvoice.adapters.openai_http.api.cloned_voices import ClonedVoices
from fishvoice.adapters.openai_http.api.fish import FishApi
from fishvoice.adapters.openai_http.api.fish_models import FishModels
from fishvoice.adapters.openai_http.api.live import LiveApi
from fishvoice.adapters.openai_http.api.monitor import MonitorApi
from fishvoice.adapters.openai_http.api.page import PageApi
from fishvoice.adapters.openai_http.api.speech import SpeechApi
from fishvoice.adapters.openai_http.api.voices import VoicesApi
from fishvoice.adapters.openai_http.errors import Refusal, refusal, refusal_response
from fishvoice.aio import AsyncClient
from fishvoice.errors import FishvoiceError


def application(client: AsyncClient) -> Starlette:
    """What only a server knows (hosts, keys) is :mod:`fishvoice.adapters.openai_http.auth`'s."""
    voices = ClonedVoices()
    apis = (
        SpeechApi(client),
        VoicesApi(client, voices),
        FishApi(client),
        FishModels(client, voices),
        LiveApi(client),
        MonitorApi(client),
        PageApi(),
    )
    return Starlette(
        routes=[route for api in apis for route in api.routes],
        exception_handlers={
            Refusal: _refused,
            FishvoiceError: _refused,
            HTTPException: _refused,
            ClientDisconnect: _left,
            Exception: _refused,
        },
    )


async def _refused(request: Request, error: Exception) -> JSONResponse:
    return refusal_response(refusal(error))


async def _left(request: Request, error: Exception) -> JSONResponse:
    """The client has gone in the middle of its request: this answer goes nowhere."""
    return refusal_response(Refusal(499, "the client has left"))
