"""``fishvoice mcp``: tools that speak, for assistants, on standard input and output. The door to the package mcp."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import msgspec
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from fishvoice.client import Client
from fishvoice.errors import FishvoiceError
from fishvoice.playback.say import say
from fishvoice.protocol import MAX_TEXT_CHARACTERS


def main(argv: Sequence[str]) -> int:
    """Serves until its standard input ends; then what it is saying ends, too."""
    parser = argparse.ArgumentParser(
        prog="fishvoice mcp", description="Offer speech to assistants: a Model Context Protocol server on stdio."
    )
    parser.add_argument("--no-start", action="store_true", help="do not start a daemon")
    options = parser.parse_args(argv)
    with Client(start=not options.no_start) as client:
        server(client).run("stdio")
    return 0


def server(client: Client) -> MCPServer[Any]:
    """The tools over ``client``."""
    made: MCPServer[Any] = MCPServer(
        "fishvoice", instructions="Speak to the person at this computer. Speech is heard aloud: keep it short."
    )
    speaking = threading.Lock()  # one loudspeaker: what is asked for meanwhile is said afterwards

    def aloud(text: str, voice: str | None, speed: float, out: str | None) -> str:
        with speaking, _told():
            report = say(text, out=out, client=client, voice=voice, speed=speed, priority="message")
        return f"{report.finish_reason}: {report.audio_seconds:.1f} s of speech" + (f" in {out}" if out else "")

    @made.tool()
    async def speak(
        text: Annotated[str, Field(description="what to say", min_length=1, max_length=MAX_TEXT_CHARACTERS)],
        voice: Annotated[str | None, Field(description="a name from voices; none is the default voice")] = None,
        speed: Annotated[float, Field(description="1 is the voice's own", ge=0.25, le=4)] = 1.0,
    ) -> str:
        """Say a text aloud on the person's computer. Returns when it has been heard."""
        return await asyncio.to_thread(aloud, text, voice, speed, None)

    @made.tool()
    async def stop() -> str:
        """Silence: stop everything that is being spoken."""
        with _told():
            return f"stopped {await asyncio.to_thread(client.cancel)}"

    @made.tool()
    async def voices() -> list[dict[str, Any]]:
        """The voices there are."""
        with _told():
            found: list[dict[str, Any]] = msgspec.to_builtins(await asyncio.to_thread(client.voices))
        return found

    return made


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """What goes wrong is the assistant's to read, and no mistake of this server."""
    try:
        yield
    except FishvoiceError as error:
        raise ToolError(str(error)) from error
