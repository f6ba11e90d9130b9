"""``fishvoice serve-wyoming``: Wyoming on a loopback port or a Unix socket, until it is told to end."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from fishvoice import paths
from fishvoice.adapters.shared.listen import address_of, listen_tcp, listen_unix
from fishvoice.adapters.wyoming.connection import Connection
from fishvoice.adapters.wyoming.events import MAX_LINE_BYTES
from fishvoice.aio import AsyncClient
from fishvoice.errors import RequestFailed

PORT = 10200  # where hubs look for a Wyoming voice
CONNECTIONS = 64


def main(argv: Sequence[str]) -> int:
    """Serves until a signal. Raises CannotListen, UnusableFolder."""
    options = _parser().parse_args(argv)
    with contextlib.ExitStack() as stack:
        if options.unix is not None:
            path = Path(options.unix) if options.unix else paths.runtime_dir() / "wyoming.sock"
            listener = stack.enter_context(listen_unix(path))
            where = f"unix://{address_of(listener)}"
        else:
            listener = stack.enter_context(listen_tcp(options.host, options.port))
            where = f"tcp://{address_of(listener)}"
        sys.stderr.write(f"fishvoice: Wyoming on {where}\n")
        asyncio.run(_until_told(listener, start=not options.no_start))
    return 0


async def serve(listener: socket.socket, client: AsyncClient) -> None:
    """Serve until cancelled; then every connection ends, and what it has open."""
    connections: dict[asyncio.Task[None], Connection] = {}  # in the order in which they came

    def welcome(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(client, reader, writer)
        if len(connections) >= CONNECTIONS:
            longest = next((task for task, other in connections.items() if other.idle), None)
            if longest is None:
                connection.refuse(RequestFailed("busy", f"{CONNECTIONS} connections are speaking"))
                return
            del connections[longest]
            longest.cancel()
        task = asyncio.create_task(connection.run())
        connections[task] = connection
        task.add_done_callback(lambda over: connections.pop(over, None))

    start = asyncio.start_server if listener.family != getattr(socket, "AF_UNIX", None) else asyncio.start_unix_server
    serving = await start(welcome, sock=listener, limit=MAX_LINE_BYTES)
    try:
        await asyncio.Event().wait()
    finally:
        serving.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def _until_told(listener: socket.socket, *, start: bool) -> None:
    async with AsyncClient(start=start) as client:
        serving = asyncio.create_task(serve(listener, client))
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(NotImplementedError):  # Windows: there Ctrl-C raises KeyboardInterrupt
                asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await serving


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fishvoice serve-wyoming",
        description="Serve the Wyoming protocol to the home automation of this computer.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address, default 127.0.0.1")
    parser.add_argument("--port", type=int, default=PORT, help=f"default {PORT}; 0 takes a free one")
    parser.add_argument("--unix", nargs="?", const="", metavar="PATH", help="a Unix socket in place of a port")
    parser.add_argument("--no-start", action="store_true", help="do not start a daemon")
    return parser
