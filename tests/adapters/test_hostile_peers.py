"""Peers of both servers that stall, send garbage and never leave: others are served, no answer blames the server."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from fishvoice.adapters.openai_http import limits
from fishvoice.adapters.shared.log_limit import LogLimit
from tools.harness.daemon_process import ROOT, Daemon, environment, eventually, running
from tools.harness.hostile_requests import ASK, HOSTILE_EVENTS, HOSTILE_REQUESTS, post


@pytest.fixture(scope="module")
def spoken() -> Iterator[Daemon]:
    with tempfile.TemporaryDirectory(prefix="fv-", dir="/tmp") as home, running(Path(home), frame=0.001) as daemon:
        yield daemon


@contextmanager
def server(daemon: Daemon, verb: str, **patches: float) -> Iterator[tuple[int, Path]]:
    """The command, and the file it writes its errors to. ``patches``: limits, shorter than a test can wait."""
    log = daemon.home / f"{verb}.log"
    module = "openai_http.limits" if verb == "serve-http" else "wyoming.connection"
    program = f"import fishvoice.adapters.{module} as limits, sys; from fishvoice.cli import main; "
    program += "".join(f"limits.{name} = {value}; " for name, value in patches.items()) + "sys.exit(main())"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", program, verb, "--port", "0", "--no-start"],
            env=environment(daemon.home),
            cwd=ROOT,
            stderr=output,
        )
    try:
        found = eventually(lambda: re.search(r"127\.0\.0\.1:(\d+)", log.read_text()))
        assert isinstance(found, re.Match)
        yield int(found[1]), log
    finally:
        process.terminate()
        process.wait(20)


def http(port: int, **extra: object) -> httpx.Response:
    return httpx.post(f"http://127.0.0.1:{port}/v1/audio/speech", json={**ASK, **extra}, timeout=20)


def answer(port: int, sent: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 20) as peer:
        peer.settimeout(20)
        try:
            peer.sendall(sent)
            return peer.recv(1 << 16)
        except ConnectionError:
            return b""


def test_what_a_peer_sends_wrongly_is_its_own_mistake_and_leaves_no_trace(spoken: Daemon) -> None:
    with server(spoken, "serve-http", HEAD_SECONDS=2.0) as (port, log):
        for sent in HOSTILE_REQUESTS:
            said = answer(port, sent)
            assert not said or re.match(rb"HTTP/1\.1 4\d\d ", said), (sent[:80], said[:200])
            assert http(port).status_code == 200
        assert "Traceback" not in log.read_text()


@pytest.mark.parametrize("body", [b"ZZZ\r\n", b"5\r\nabcdefgh\r\n", b"ffffffffffffffffffffffff\r\n"])
def test_a_body_that_goes_wrong_under_way_is_the_peers_mistake(spoken: Daemon, body: bytes) -> None:
    head = b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with server(spoken, "serve-http") as (port, log), socket.create_connection(("127.0.0.1", port), 20) as peer:
        peer.sendall(head + b"Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n")
        assert b" 100 " in peer.recv(1000), "the application waits for the body now"
        peer.sendall(b"1\r\n{\r\n" + body)
        assert b" 400 " in peer.recv(1000)
        assert http(port).status_code == 200
        assert "Traceback" not in log.read_text()


def test_a_listener_that_stops_reading_holds_up_nobody_and_loses_its_speech(spoken: Daemon) -> None:
    with server(spoken, "serve-http", STALL_SECONDS=2.0) as (port, log), spoken.client() as watcher:
        stalled = socket.create_connection(("127.0.0.1", port))
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stalled.sendall(post(json.dumps({**ASK, "input": "word " * 18_000})))
        assert stalled.recv(100)
        for _ in range(5):
            assert http(port).status_code == 200
        assert watcher.status()["queue"]["active"] == 1
        eventually(lambda: watcher.status()["queue"]["active"] == 0)
        assert "Traceback" not in log.read_text()
        stalled.close()


def test_silent_and_half_connections_keep_nobody_out(spoken: Daemon) -> None:
    with server(spoken, "serve-http", HEAD_SECONDS=3.0) as (port, log):
        peers = [socket.create_connection(("127.0.0.1", port)) for _ in range(400)]
        for peer in peers[::2]:
            try:
                peer.sendall(b"POST /v1/audio/speech HTTP/1.1\r\nHost: loc")
            except ConnectionError:
                continue  # made room for another one
        assert http(port).status_code == 200
        eventually(lambda: all(gone(peer) for peer in peers), within=20)
        assert "Traceback" not in log.read_text()


def gone(peer: socket.socket) -> bool:
    peer.setblocking(False)
    try:
        return peer.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def test_a_flood_of_bad_requests_does_not_fill_the_log(spoken: Daemon) -> None:
    with server(spoken, "serve-http") as (port, log):
        for _ in range(300):
            answer(port, b"garbage\r\n\r\n")
        assert http(port).status_code == 200
        assert len(log.read_text().splitlines()) < 40


def test_beyond_so_many_requests_at_once_a_request_is_told_to_come_again(spoken: Daemon) -> None:
    with server(spoken, "serve-http") as (port, _):
        peers = []
        for _ in range(limits.REQUESTS):
            peers.append(socket.create_connection(("127.0.0.1", port)))
            peers[-1].sendall(post(b"x" * 10)[:-5])
        time.sleep(1)
        refused = http(port)
        assert refused.status_code == 503
        assert refused.headers["retry-after"]
        assert httpx.get(f"http://127.0.0.1:{port}/health", timeout=10).status_code == 200
        for peer in peers:
            peer.close()
        eventually(lambda: http(port).status_code == 200)


# -- Wyoming -----------------------------------------------------------------------------------------------------


def wyoming(port: int) -> bool:
    """Whether an honest peer hears its text to the end."""
    with socket.create_connection(("127.0.0.1", port), 20) as peer:
        peer.settimeout(20)
        peer.sendall(b'{"type": "synthesize", "data": {"text": "one two three"}}\n')
        said = b""
        while b"audio-stop" not in said:
            piece = peer.recv(1 << 16)
            if not piece:
                return False
            said = said[-100:] + piece
    return True


def test_a_hostile_wyoming_peer_hurts_only_itself(spoken: Daemon) -> None:
    with server(spoken, "serve-wyoming") as (port, log):
        for sent in HOSTILE_EVENTS:
            with socket.create_connection(("127.0.0.1", port), 20) as peer:
                try:
                    peer.sendall(sent)
                    peer.shutdown(socket.SHUT_WR)
                    peer.settimeout(10)
                    while peer.recv(1 << 16):
                        continue
                except ConnectionError:
                    pass
            assert wyoming(port), sent[:80]
        assert "Traceback" not in log.read_text()


def test_an_empty_text_is_the_peers_mistake(spoken: Daemon) -> None:
    with server(spoken, "serve-wyoming") as (port, _):
        said = answer(port, b'{"type": "synthesize", "data": {"text": " "}}\n')
        assert b'"type": "error"' in said


def test_a_wyoming_peer_that_stops_reading_holds_up_nobody(spoken: Daemon) -> None:
    with server(spoken, "serve-wyoming", STALL_SECONDS=2.0) as (port, log), spoken.client() as watcher:
        stalled = socket.create_connection(("127.0.0.1", port))
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        text = json.dumps({"type": "synthesize", "data": {"text": "word " * 12_000}})
        stalled.sendall(text.encode() + b"\n")
        assert stalled.recv(100)
        for _ in range(3):
            assert wyoming(port)
        eventually(lambda: watcher.status()["queue"]["active"] == 0)
        assert "Traceback" not in log.read_text()
        stalled.close()


def test_beyond_so_many_connections_the_longest_idle_one_goes(spoken: Daemon) -> None:
    with server(spoken, "serve-wyoming") as (port, _):
        peers = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
        assert wyoming(port)
        for peer in peers:
            peer.close()


# -- other computers ---------------------------------------------------------------------------------------------


def test_one_other_computer_gets_half_of_the_requests_at_most() -> None:
    """Through the limit itself: a test has one address only."""
    over = asyncio.Event()
    refused: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await over.wait()

    async def ask(limit: limits.RequestLimit, host: str) -> None:
        async def send(message: Message) -> None:
            if message.get("status") == 503:
                refused.append(host)

        scope = {"type": "http", "method": "POST", "client": (host, 1), "headers": [], "path": "/"}
        await limit(scope, lambda: asyncio.sleep(0, {"type": "http.request"}), send)

    async def test() -> None:
        limit = limits.RequestLimit(app, at_most=10)
        hosts = ["192.168.1.5"] * 9 + ["192.168.1.6"] * 2 + ["127.0.0.1"] * 3
        asked = [asyncio.create_task(ask(limit, host)) for host in hosts]
        await asyncio.sleep(0)
        over.set()
        await asyncio.gather(*asked)
        assert refused == ["192.168.1.5"] * 4
        await asyncio.gather(ask(limit, "192.168.1.5"))
        assert len(refused) == 4, "what is over is forgotten"

    asyncio.run(test())


# -- the log -----------------------------------------------------------------------------------------------------


def test_of_each_kind_of_line_so_many_a_minute_are_logged_and_the_rest_is_counted() -> None:
    now = [0.0]
    limit = LogLimit(lines=3, clock=lambda: now[0])

    def line(message: str) -> logging.LogRecord:
        return logging.LogRecord("x", logging.WARNING, "", 0, message, None, None)

    assert [limit.filter(line("bad")) for _ in range(5)] == [True, True, True, False, False]
    assert limit.filter(line("other"))
    now[0] = 61.0
    last = line("bad")
    assert limit.filter(last)
    assert "2 more like it" in last.getMessage()
