"""The local daemon over HTTP: all routes and their errors, as an application without a server around it."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse

from fishvoice.adapters.openai_http.errors import Refusal, refusal, refusal_response
from fishvoice.adapters.openai_http.fish_api import FishApi
from fishvoice.adapters.openai_http.monitor_api import MonitorApi
from fishvoice.adapters.openai_http.page_api import PageApi
from fishvoice.adapters.openai_http.speech_api import SpeechApi
from fishvoice.adapters.openai_http.voices_api import VoicesApi
from fishvoice.aio import AsyncClient
from fishvoice.errors import FishvoiceError


def application(client: AsyncClient) -> Starlette:
    """What only a server knows (hosts, keys) is :mod:`fishvoice.adapters.openai_http.auth`'s."""
    apis = (SpeechApi(client), VoicesApi(client), FishApi(client), MonitorApi(client), PageApi())
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
