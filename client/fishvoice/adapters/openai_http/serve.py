"""``fishvoice serve-http``: the endpoint on a loopback port or a Unix socket, until it is told to end."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import secrets
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from fishvoice import paths
from fishvoice.adapters.openai_http.api.body import MAX_BODY_BYTES
from fishvoice.adapters.openai_http.app import application
from fishvoice.adapters.openai_http.auth import LOOPBACK_HOSTS, Guard
from fishvoice.adapters.openai_http.limits import PatientProtocol, RequestLimit
from fishvoice.adapters.shared.announce import announced
from fishvoice.adapters.shared.listen import address_of, listen_tcp, listen_unix
from fishvoice.adapters.shared.log_limit import LogLimit
from fishvoice.aio import AsyncClient
from fishvoice.errors import InvalidRequest, UnusableFolder

PORT = 8766
GOODBYE_SECONDS = 2  # for what is being spoken when the server is told to end


def main(argv: Sequence[str]) -> int:
    """Serves until a signal. Raises CannotListen, InvalidRequest, UnusableFolder."""
    options = _parser().parse_args(argv)
    key = _key(options.key_file)
    if options.lan and key is None:
        key = own_key(paths.data_dir() / "http.key")
    with contextlib.ExitStack() as stack:
        if options.unix is not None:
            path = Path(options.unix) if options.unix else paths.runtime_dir() / "http.sock"
            listener = stack.enter_context(listen_unix(path))
            where = f"Unix socket {address_of(listener)}"
        else:
            host = options.host or ("0.0.0.0" if options.lan else "127.0.0.1")  # noqa: S104 - asked for by --lan
            listener = stack.enter_context(listen_tcp(host, options.port, lan=options.lan))
            where = f"http://{address_of(listener)}/v1"
        if options.lan:
            stack.enter_context(announced("_http._tcp", listener.getsockname()[1], options.host))
            options.allow_host += [socket.gethostname(), f"{socket.gethostname().partition('.')[0]}.local"]
        sys.stderr.write(f"fishvoice: OpenAI's speech endpoint on {where}\n")
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _end)
        asyncio.run(_serve(options, key, listener))
    return 0


def guarded(
    app: ASGIApp, hosts: Sequence[str], origins: Sequence[str], key: str | None, *, any_address: bool = False
) -> ASGIApp:
    """``app`` for these extra hosts, web pages and this key; see :class:`Guard`."""
    guard = Guard(app, LOOPBACK_HOSTS | {host.lower() for host in hosts}, key, frozenset(origins), any_address)
    if not origins:
        return guard
    return CORSMiddleware(guard, allow_origins=origins, allow_methods=["GET", "POST", "DELETE"], allow_headers=["*"])


def server(app: ASGIApp) -> uvicorn.Server:
    """A server for ``app``: plain HTTP/1.1, quiet, and never waiting long for its end."""
    return uvicorn.Server(
        uvicorn.Config(
            RequestLimit(app),
            interface="asgi3",
            loop="asyncio",
            http=PatientProtocol,
            ws="wsproto",
            ws_max_size=MAX_BODY_BYTES,
            lifespan="off",
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GOODBYE_SECONDS,
        )
    )


async def _serve(options: argparse.Namespace, key: str | None, listener: socket.socket) -> None:
    for name in ("uvicorn.error", "fishvoice.http"):
        logging.getLogger(name).addFilter(LogLimit())
    async with AsyncClient(start=not options.no_start, connection_per_request=True) as client:
        app = guarded(application(client), options.allow_host, options.allow_origin, key, any_address=options.lan)
        await server(app).serve(sockets=[listener])


def _end(number: int, frame: FrameType | None) -> None:
    """uvicorn ends its work on a signal and then raises the signal again, so that everything else ends in order."""
    raise SystemExit(0)


def own_key(file: Path) -> str:
    """The key of this user's server, made when it is first needed, told once and kept. Raises UnusableFolder."""
    try:
        return _key(str(file)) or ""
    except InvalidRequest:
        if file.exists():
            raise
    key = secrets.token_urlsafe(24)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(key + "\n")
    except OSError as error:
        raise UnusableFolder(f"cannot write the key to {file}: {error.strerror}; name one with --key-file") from error
    sys.stderr.write(f"fishvoice: other computers need this key, which is kept in {file}: {key}\n")
    return key


def _key(file: str | None) -> str | None:
    """Never from the command line, which every user of the computer can read."""
    if file is None:
        return os.environ.get("FISHVOICE_HTTP_KEY") or None
    try:
        key = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"cannot read the key in {file}: {error}") from error
    if not key:
        raise InvalidRequest(f"there is no key in {file}")
    return key


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fishvoice serve-http",
        description="Serve OpenAI's POST /v1/audio/speech to the programs of this computer.",
    )
    parser.add_argument("--host", help="an address of this computer; default 127.0.0.1, with --lan all of them")
    parser.add_argument(
        "--lan", action="store_true", help="serve other computers too, who need the key; one is made if there is none"
    )
    parser.add_argument("--port", type=int, default=PORT, help=f"default {PORT}; 0 takes a free one")
    parser.add_argument("--unix", nargs="?", const="", metavar="PATH", help="a Unix socket in place of a port")
    parser.add_argument(
        "--key-file", metavar="FILE", help="ask for the API key in FILE (else: FISHVOICE_HTTP_KEY, if set)"
    )
    parser.add_argument("--allow-host", action="append", default=[], metavar="NAME", help="also answer to this name")
    parser.add_argument("--allow-origin", action="append", default=[], metavar="URL", help="let this web page ask")
    parser.add_argument("--no-start", action="store_true", help="do not start a daemon")
    return parser
