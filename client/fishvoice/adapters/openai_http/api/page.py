"""The page at ``/`` for trying the voices, and the description of the interface at ``/docs``.

Everything comes from here: no script, style, font or picture of another server is named, and the browser is told to
load none.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from fishvoice.adapters.openai_http.api.openapi import as_html, description

FILES: Mapping[str, str] = {
    "style.css": "text/css",
    "page.js": "text/javascript",
    "player.js": "text/javascript",
    "request.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
PUBLIC_PATHS = frozenset({"/", "/docs", "/openapi.json", *(f"/page/{name}" for name in FILES)})
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "media-src blob:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


class PageApi:
    """Routes that need no key: what lies there is the same everywhere."""

    def __init__(self) -> None:
        self.routes = [
            Route("/", self.page),
            Route("/page/{name}", self.file),
            Route("/docs", self.docs),
            Route("/openapi.json", self.openapi),
        ]

    async def page(self, request: Request) -> Response:
        """The page."""
        return Response(_read("index.html"), media_type="text/html", headers=HEADERS)

    async def file(self, request: Request) -> Response:
        """What the page is made of."""
        name = request.path_params["name"]
        if name not in FILES:
            return Response("there is no such file", 404, HEADERS, "text/plain")
        return Response(_read(name), media_type=FILES[name], headers=HEADERS)

    async def docs(self, request: Request) -> Response:
        """The interface, for people."""
        return HTMLResponse(as_html(description()), headers=HEADERS)

    async def openapi(self, request: Request) -> Response:
        """The interface, for programs."""
        return JSONResponse(description(), headers=HEADERS)


def _read(name: str) -> bytes:
    return (resources.files("fishvoice.adapters.openai_http") / "page" / name).read_bytes()
