"""The package's own client drives ``fishvoice mcp`` as an assistant does: over its standard input and output."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.client.conftest import home  # noqa: F401
from tests.fakes.daemon import Behaviour, FakeDaemon

mcp = pytest.importorskip("mcp")
stdio = pytest.importorskip("mcp.client.stdio")

# A player that takes the sound and keeps it, in place of a loudspeaker.
PLAYER = '#!/bin/sh\nexec cat >>"$FISHVOICE_TEST_HEARD"\n'


@pytest.fixture
def heard(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: F811
    player = home / "bin" / "paplay"
    player.parent.mkdir()
    player.write_text(PLAYER)
    player.chmod(0o755)
    (home / "sounddevice.py").write_text("raise ImportError('not in this test')\n")
    monkeypatch.setenv("PATH", f"{player.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", f"{home}:{os.environ['PYTHONPATH']}")
    monkeypatch.setenv("FISHVOICE_TEST_HEARD", str(home / "heard"))
    return home / "heard"


def with_session(work: Callable[[Any], Awaitable[None]]) -> None:
    async def run() -> None:
        command = [sys.executable, "-m", "fishvoice", "mcp", "--no-start"]
        server = mcp.StdioServerParameters(command=command[0], args=command[1:], env=dict(os.environ))
        async with stdio.stdio_client(server) as (read, write), mcp.ClientSession(read, write) as session:
            await session.initialize()
            await work(session)

    asyncio.run(run())


def text_of(result: Any) -> str:
    return " ".join(each.text for each in result.content)


def test_an_assistant_speaks_aloud(heard: Path) -> None:
    async def work(session: Any) -> None:
        tools = await session.list_tools()
        assert {tool.name for tool in tools.tools} == {"speak", "stop", "voices"}
        said = await session.call_tool("speak", {"text": "The build is green.", "speed": 1.5})
        assert text_of(said) == "complete: 0.0 s of speech"
        assert "starter" in text_of(await session.call_tool("voices", {}))

    with FakeDaemon(Behaviour(chunks=4, samples=441)) as daemon:
        with_session(work)
        asked = daemon.requests[0]
    assert (asked.text, asked.speed, asked.priority) == ("The build is green.", 1.5, "message")
    assert len(heard.read_bytes()) == 4 * 441 * 2


def test_an_assistant_stops_what_is_spoken(heard: Path) -> None:
    async def work(session: Any) -> None:
        speaking = asyncio.create_task(session.call_tool("speak", {"text": "A long story."}))
        while not heard.exists():
            await asyncio.sleep(0.01)
        assert text_of(await session.call_tool("stop", {})) == "stopped 1"
        assert text_of(await speaking).startswith("cancelled")

    with FakeDaemon(Behaviour(chunks=500, samples=4410, delay=0.05)):
        with_session(work)


def test_what_cannot_be_done_is_told_to_the_assistant(heard: Path) -> None:
    async def work(session: Any) -> None:
        refused = await session.call_tool("speak", {"text": "Hi."})
        assert refused.is_error
        assert "say something else" in text_of(refused)

    with FakeDaemon(Behaviour(error="unknown_voice")):
        with_session(work)
