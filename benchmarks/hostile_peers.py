"""Does anybody notice hostile peers? ``python -m benchmarks.hostile_peers``: one honest program of each server beside
one hostile peer after the other. Exit status 1 if its first sound comes more than 100 ms later than alone (medians).
"""

from __future__ import annotations

import http.client
import json
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from benchmarks.chaos.adapters import servers
from tools.harness.daemon_process import Daemon, eventually, running
from tools.harness.hostile_requests import HOSTILE_EVENTS, HOSTILE_REQUESTS, STALLS

TEXT = "Battery low."
ALONE, BESIDE = 20, 5  # measurements
STALLED = 5  # peers at once
PACE_SECONDS = 0.1  # from one hostile connection to the next
LIMIT = 0.1  # seconds


def by_http(port: int) -> float:
    """Seconds to the first sound."""
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    body = json.dumps({"input": TEXT, "response_format": "pcm"})
    connection.request("POST", "/v1/audio/speech", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    assert response.status == 200, response.status
    response.read(100)
    first = time.monotonic() - began
    response.read()
    connection.close()
    return first


def by_wyoming(port: int) -> float:
    """Seconds to the first sound."""
    began, first = time.monotonic(), 0.0
    with socket.create_connection(("127.0.0.1", port), 60) as peer:
        peer.sendall(json.dumps({"type": "synthesize", "data": {"text": TEXT}}).encode() + b"\n")
        said = b""
        while b"audio-stop" not in said:
            piece = peer.recv(1 << 16)
            assert piece, "cut off"
            if not first and b"audio-chunk" in said + piece:
                first = time.monotonic() - began
            said = said[-100:] + piece
    return first


def attack(port: int, sent: bytes, over: threading.Event) -> None:
    """The same thing again and again, on connections that are kept open."""
    peers: list[socket.socket] = []
    while not over.is_set():
        with suppress(OSError):
            peers.append(socket.create_connection(("127.0.0.1", port), 5))
            peers[-1].settimeout(0.05)
            peers[-1].sendall(sent)
            peers[-1].recv(100)
        for peer in peers[:-20]:
            peer.close()
        del peers[:-20]
        over.wait(PACE_SECONDS)
    for peer in peers:
        peer.close()


def beside_stalled(daemon: Daemon, ask: Callable[[int], float], port: int, sent: bytes) -> float:
    """Beside peers that have stopped, once the daemon has stopped working for them."""
    with ExitStack() as stack, daemon.client() as client:
        for _ in range(STALLED):
            peer = stack.enter_context(socket.create_connection(("127.0.0.1", port), 5))
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.sendall(sent)
        eventually(lambda: client.status()["queue"]["current"] is None, within=120)
        return statistics.median(ask(port) for _ in range(BESIDE))


def beside(ask: Callable[[int], float], port: int, sent: bytes) -> float:
    over = threading.Event()
    attacker = threading.Thread(target=attack, args=(port, sent, over))
    attacker.start()
    try:
        return statistics.median(ask(port) for _ in range(BESIDE))
    finally:
        over.set()
        attacker.join()


def main() -> int:
    flags = ("--log-level", "error", "--set", "engine.calibrate=false")
    worst: dict[str, dict[str, Any]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="fv-", dir="/tmp") as name,
        running(Path(name), *flags, ready=False, module="fishvoiced") as daemon,
        servers(daemon) as where,
    ):
        with daemon.client() as client:
            eventually(lambda: client.status()["state"] == "ready", within=120)
        kinds = (
            ("http", by_http, where.http, HOSTILE_REQUESTS),
            ("wyoming", by_wyoming, where.wyoming, HOSTILE_EVENTS),
        )
        for kind, ask, port, hostile in kinds:
            ask(port)
            alone = statistics.median(ask(port) for _ in range(ALONE))
            heard = [beside(ask, port, sent) for sent in hostile]
            heard += [beside_stalled(daemon, ask, port, sent) for sent in STALLS[kind]]
            later = sorted(((each - alone, number) for number, each in enumerate(heard)), reverse=True)
            worst[kind] = {
                "alone": round(alone, 4),
                "peers": len(heard),
                "later_at_most": round(later[0][0], 4),
                "latest": [(number, round(seconds, 4)) for seconds, number in later[:5]],
            }
        problems = where.problems()
    print(json.dumps(worst | {"problems": problems}, indent=2))
    return 1 if problems or any(each["later_at_most"] > LIMIT for each in worst.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
