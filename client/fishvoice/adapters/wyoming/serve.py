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
from fishvoice.adapters.shared.announce import announced
from fishvoice.adapters.shared.listen import address_of, listen_tcp, listen_unix
from fishvoice.adapters.shared.peers import Peers
from fishvoice.adapters.wyoming.connection import PRIORITIES, Connection
from fishvoice.adapters.wyoming.events import MAX_LINE_BYTES
from fishvoice.aio import AsyncClient
from fishvoice.errors import InvalidRequest, RequestFailed
from fishvoice.protocol import Priority

PORT = 10200  # where hubs look for a Wyoming voice
CONNECTIONS = 64
ONLY_HERE = Peers()


def main(argv: Sequence[str]) -> int:
    """Serves until a signal. Raises CannotListen, UnusableFolder."""
    options = _parser().parse_args(argv)
    with contextlib.ExitStack() as stack:
        if options.unix is not None:
            path = Path(options.unix) if options.unix else paths.runtime_dir() / "wyoming.sock"
            listener = stack.enter_context(listen_unix(path))
            where = f"unix://{address_of(listener)}"
        else:
            host = options.host or ("0.0.0.0" if options.lan else "127.0.0.1")  # noqa: S104 - asked for by --lan
            listener = stack.enter_context(listen_tcp(host, options.port, lan=options.lan))
            where = f"tcp://{address_of(listener)}"
        peers = Peers.named(options.allow_peer)
        if options.lan:
            if not peers.networks:
                raise InvalidRequest("Wyoming knows no passwords: say who may ask, as in --allow-peer 192.168.1.20")
            stack.enter_context(announced("_wyoming._tcp", listener.getsockname()[1], options.host))
        sys.stderr.write(f"fishvoice: Wyoming on {where}\n")
        asyncio.run(_until_told(listener, peers, options.priority, start=not options.no_start))
    return 0


async def serve(
    listener: socket.socket, client: AsyncClient, peers: Peers = ONLY_HERE, priority: Priority = "text"
) -> None:
    """Serve ``peers`` until cancelled; then every connection ends, and what it has open."""
    connections: dict[asyncio.Task[None], Connection] = {}  # in the order in which they came

    def welcome(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not peers.may_ask(writer.get_extra_info("peername")):
            writer.close()
            return
        connection = Connection(client, reader, writer, priority)
        computer = connection.computer
        if computer and sum(other.computer == computer for other in connections.values()) >= CONNECTIONS // 2:
            connection.refuse(RequestFailed("busy", f"{computer} has {CONNECTIONS // 2} connections already"))
            return
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


async def _until_told(listener: socket.socket, peers: Peers, priority: Priority, *, start: bool) -> None:
    async with AsyncClient(start=start) as client:
        serving = asyncio.create_task(serve(listener, client, peers, priority))
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
    parser.add_argument("--host", help="an address of this computer; default 127.0.0.1, with --lan all of them")
    parser.add_argument("--lan", action="store_true", help="serve other computers too: those of --allow-peer")
    parser.add_argument(
        "--allow-peer", action="append", default=[], metavar="ADDRESS", help="an address or network that may ask"
    )
    parser.add_argument("--port", type=int, default=PORT, help=f"default {PORT}; 0 takes a free one")
    parser.add_argument("--unix", nargs="?", const="", metavar="PATH", help="a Unix socket in place of a port")
    parser.add_argument(
        "--priority", choices=PRIORITIES, default="text", help="of texts that name none themselves; default text"
    )
    parser.add_argument("--no-start", action="store_true", help="do not start a daemon")
    return parser
