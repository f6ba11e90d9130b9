"""Messages whose end never comes: frames in ZeroMQ's own protocol, one after the other, each with more to follow."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from pathlib import Path

import pytest

from fishvoice.protocol import Status, Synthesize, encode
from tools.harness.daemon_process import Daemon, Wire, chunks, eventually, running

MORE, LONG, COMMAND = 1, 2, 4
FRAME = b"\0" * (1 << 20)
AT_A_TIME = 4  # frames poured without a pause
FLAGS = ("--set", "limits.unfinished_bytes=50000000")
MOST = 1_000_000_000  # of 4,000,000,000: the steps of the guard, and what comes between two looks


def connected(daemon: Daemon) -> socket.socket:
    """A connection that has shaken hands as a DEALER (ZMTP 3.0, https://rfc.zeromq.org/spec/23/)."""
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(20)
    peer.connect(daemon.endpoints.synthesis.removeprefix("ipc://"))
    peer.sendall(b"\xff" + b"\0" * 8 + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + b"\0" * 32)
    kind = b"\x0bSocket-Type" + struct.pack(">I", 6) + b"DEALER"
    ready = b"\x05READY" + kind + b"\x08Identity" + struct.pack(">I", 0)
    peer.sendall(bytes([COMMAND, len(ready)]) + ready)
    peer.recv(64)
    return peer


def send(peer: socket.socket, frame: bytes, flags: int) -> None:
    peer.sendall(bytes([flags | LONG]) + struct.pack(">Q", len(frame)) + frame)


def pour(peer: socket.socket, megabytes: int, beside: Wire) -> int:
    """How many frames of a megabyte it took before it ended the connection. After a few of them ``beside`` has an
    answer, so that a busy machine's daemon has as many turns as an idle one's; idle, it may lose one with its
    connection."""
    for number in range(megabytes):
        if number % AT_A_TIME == 0:
            with suppress(AssertionError):
                beside.ask(Status(), within=1)
        try:
            send(peer, FRAME, MORE)
        except OSError:
            return number
    return megabytes


@pytest.mark.parametrize("idle", [True, False], ids=["an idle daemon", "a speaking daemon"])
def test_who_sends_without_end_is_disconnected_and_nobody_else_loses_anything(home: Path, idle: bool) -> None:
    with running(home, *FLAGS, frame=0.02) as daemon, daemon.client() as client, daemon.client() as resting:
        resting.status()
        before = daemon.memory
        asked = "" if idle else client.speak("word " * 200, credit=1024)
        with connected(daemon) as attacker:
            assert pour(attacker, 4000, client) < 4000
        if asked:
            assert len(chunks(client.until_end(asked))) == 200
        eventually(lambda: "memory grows without a request" in daemon.log())
        assert daemon.most_memory - before < MOST
        for each in (client, resting):
            assert len(chunks(each.until_end(each.speak("one two three")))) == 3


def test_a_request_of_its_own_does_not_protect_it_and_costs_nobody_else_his(home: Path) -> None:
    with running(home, *FLAGS, frame=0.02) as daemon, daemon.client() as client:
        asked = client.speak("word " * 200, credit=1024)
        client.receive()
        before = daemon.memory
        with connected(daemon) as attacker:
            header, *_ = encode(Synthesize(id="a", text="word " * 500, credit=1024))
            send(attacker, header, 0)
            assert pour(attacker, 4000, client) < 4000
        assert daemon.most_memory - before < MOST
        assert len(chunks(client.until_end(asked))) == 200
