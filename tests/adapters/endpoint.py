"""The OpenAI endpoint in a thread of this process, and how to ask it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import openai

from fishvoice.adapters.openai_http.app import application
from fishvoice.adapters.openai_http.serve import guarded, server
from fishvoice.adapters.shared.listen import address_of, listen_tcp, listen_unix
from fishvoice.aio import AsyncClient
from tests.adapters.blocked_daemon import eventually
from tests.client.conftest import Spawn, fishvoice, home  # noqa: F401


@contextmanager
def serving(
    *,
    key: str | None = None,
    hosts: tuple[str, ...] = (),
    origins: tuple[str, ...] = (),
    unix: Path | None = None,
    any_address: bool = False,
) -> Iterator[str]:
    """The endpoint in a thread of this process; yields its address."""
    with ExitStack() as stack:
        listener = stack.enter_context(listen_unix(unix)) if unix else listen_tcp("127.0.0.1", 0)
        client = AsyncClient(start=False, start_timeout=5, connection_per_request=True)
        running = server(guarded(application(client), hosts, origins, key, any_address=any_address))
        stack.callback(asyncio.run, client.close())
        thread = threading.Thread(target=asyncio.run, args=(running.serve(sockets=[listener]),))
        thread.start()
        eventually(lambda: running.started or not thread.is_alive())
        try:
            yield address_of(listener)
        finally:
            running.should_exit = True
            thread.join(10)
            assert not thread.is_alive()


def talker(address: str, **options: object) -> openai.OpenAI:
    given = {"base_url": f"http://{address}/v1", "api_key": "none", "max_retries": 0, "timeout": 20, **options}
    return openai.OpenAI(**given)  # type: ignore[arg-type]


def post(address: str, body: object = None, **options: object) -> httpx.Response:
    given = {"timeout": 20, **({} if "content" in options else {"json": body}), **options}
    return httpx.post(f"http://{address}/v1/audio/speech", **given)  # type: ignore[arg-type]
