"""Who may ask: the Host header against web pages that rename themselves, and the API key where one is set."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from fishvoice.adapters.openai_http.errors import Refusal, refusal_response

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})


@dataclass(frozen=True)
class Guard:
    """Stands before ``app``.

    A web page can make its own name resolve to 127.0.0.1 and then ask this server as if it were its own (DNS
    rebinding); it cannot forge the Host header. On a Unix socket, which no page reaches, any Host is good.
    ``key``: what ``Authorization: Bearer`` must carry, except for ``/health``.
    """

    app: ASGIApp
    hosts: frozenset[str] = LOOPBACK_HOSTS
    key: str | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._check(scope) if scope["type"] == "http" else None
        if refused is None:
            await self.app(scope, receive, send)
        else:
            await refusal_response(refused)(scope, receive, send)

    def _check(self, scope: Scope) -> Refusal | None:
        headers = Headers(scope=scope)
        if _over_tcp(scope) and _name(headers.get("host", "")) not in self.hosts:
            return Refusal(403, "this Host is not served: ask for localhost, or allow it with --allow-host")
        if self.key is None or scope["path"] == "/health":
            return None
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode("latin-1"), self.key.encode()):
            return None
        return Refusal(401, "the API key is missing or wrong", code="invalid_api_key")


def _over_tcp(scope: Scope) -> bool:
    """ASGI names a Unix socket as a path without a port."""
    server = scope.get("server")
    return server is None or server[1] is not None


def _name(host: str) -> str:
    """The name in a Host header, without the port."""
    name, _, port = host.rpartition(":")
    return (name if name and port.isdigit() else host).lower()
