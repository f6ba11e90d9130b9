"""Who may ask: the Host header against web pages that rename themselves, the Origin header against all other foreign
pages, and the API key where one is set."""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from fishvoice.adapters.openai_http.api.page import PUBLIC_PATHS
from fishvoice.adapters.openai_http.errors import Refusal, refusal_response

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
OPEN_PATHS = PUBLIC_PATHS | {"/health", "/healthz"}


@dataclass(frozen=True)
class Guard:
    """Stands before ``app``.

    A web page can make its own name resolve to 127.0.0.1 and then ask this server as if it were its own (DNS
    rebinding); it cannot forge the Host header. On a Unix socket, which no page reaches, any Host is good.
    Addresses in digits (``any_address``, for other hosts) are no names that a page could have renamed.
    A page also cannot forge the Origin header, which comes with everything that it sends unasked, such as forms.
    ``key``: what ``Authorization: Bearer`` must carry, except for OPEN_PATHS.
    """

    app: ASGIApp
    hosts: frozenset[str] = LOOPBACK_HOSTS
    key: str | None = None
    origins: frozenset[str] = frozenset()
    any_address: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._check(scope) if scope["type"] in ("http", "websocket") else None
        if refused is None:
            await self.app(scope, receive, send)
        else:
            await refusal_response(refused)(scope, receive, send)

    def _check(self, scope: Scope) -> Refusal | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if _over_tcp(scope) and not self._served(_name(host)):
            return Refusal(403, "this Host is not served: ask for localhost, or allow it with --allow-host")
        if not self._welcome(headers.get("origin"), host):
            return Refusal(403, "a web page of another origin may not ask: allow it with --allow-origin")
        if self.key is None or scope["path"] in OPEN_PATHS:
            return None
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode("latin-1"), self.key.encode()):
            return None
        return Refusal(401, "the API key is missing or wrong", code="invalid_api_key")

    def _served(self, name: str) -> bool:
        return name in self.hosts or (self.any_address and _is_address(name))

    def _welcome(self, origin: str | None, host: str) -> bool:
        return origin is None or origin == f"http://{host}" or origin in self.origins or "*" in self.origins


def _over_tcp(scope: Scope) -> bool:
    """ASGI names a Unix socket as a path without a port."""
    server = scope.get("server")
    return server is None or server[1] is not None


def _name(host: str) -> str:
    """The name in a Host header, without the port."""
    name, _, port = host.rpartition(":")
    return (name if name and port.isdigit() else host).lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True
