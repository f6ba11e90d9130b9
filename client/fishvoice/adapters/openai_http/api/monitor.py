"""How the daemon is, for programs that watch it: health for supervisors, figures for Prometheus."""

from __future__ import annotations

import re
from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from fishvoice.aio import AsyncClient
from fishvoice.errors import DaemonUnavailable


class MonitorApi:
    """Routes that start no daemon."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self.routes = [
            Route("/health", self.health),
            Route("/healthz", self.health),
            Route("/metrics", self.metrics),
        ]

    async def health(self, request: Request) -> Response:
        """200 when the daemon answers, 503 when it does not; it is not started for this."""
        try:
            status = await self._client.status()
        except DaemonUnavailable as error:
            return JSONResponse({"status": "unavailable", "message": str(error)}, 503)
        return JSONResponse({"status": "ok", "daemon": {"version": status.get("version")}})

    async def metrics(self, request: Request) -> Response:
        """The daemon's figures in Prometheus' text format; ``fishvoice_up`` 0 when it does not answer."""
        try:
            figures = dict(numbers(await self._client.status()))
        except DaemonUnavailable:
            return _text({"fishvoice_up": 0})
        return _text({"fishvoice_up": 1, **figures})


def numbers(status: object, name: str = "fishvoice") -> Iterator[tuple[str, float]]:
    """Every number in ``status`` by its path; what is in lists has no lasting name, and is left out."""
    if isinstance(status, dict):
        for key, value in status.items():
            yield from numbers(value, f"{name}_{re.sub(r'[^A-Za-z0-9]+', '_', str(key))}")
    elif isinstance(status, bool | int | float):
        yield name, float(status)


def _text(figures: dict[str, float]) -> Response:
    lines = (f"# TYPE {name} gauge\n{name} {value:.17g}\n" for name, value in figures.items())
    return PlainTextResponse("".join(lines), media_type="text/plain; version=0.0.4")
