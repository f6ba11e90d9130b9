"""The HTTP and the Wyoming server in the storm: honest programs that use them, and hostile peers that do not."""

from __future__ import annotations

import http.client
import json
import random
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.chaos.clients import SEED
from benchmarks.chaos.ledger import Account, Ledger
from fishvoice.protocol import AudioChunk, AudioEnd, Error
from tools.harness.daemon_process import ROOT, Daemon, environment, eventually
from tools.harness.hostile_requests import HOSTILE_EVENTS, HOSTILE_REQUESTS

PATIENCE_SECONDS = 120.0
READ_BYTES = 1 << 14
SHOWN_CHARACTERS = 6000  # of a problem in a log


@dataclass(frozen=True)
class Servers:
    """Where both listen, and their processes and logs."""

    http: int
    wyoming: int
    processes: tuple[subprocess.Popen[bytes], ...]
    logs: tuple[Path, ...]

    def problems(self) -> list[str]:
        """What must not be: a server that has ended, a traceback, a task that nobody awaited."""
        codes = [process.poll() for process in self.processes]
        ended = [f"a server ended with {code}" for code in codes if code is not None]
        texts = [log.read_text(errors="replace") for log in self.logs]
        words = ("Traceback", "Task was destroyed")
        return ended + [text[text.index(word) :][:SHOWN_CHARACTERS] for text in texts for word in words if word in text]


@contextmanager
def servers(daemon: Daemon) -> Iterator[Servers]:
    """Both, for this daemon, on free ports of this computer."""
    with ExitStack() as stack:
        started = [stack.enter_context(_server(daemon, verb)) for verb in ("serve-http", "serve-wyoming")]
        ports, processes, logs = zip(*started, strict=True)
        yield Servers(*ports, processes, logs)


@contextmanager
def _server(daemon: Daemon, verb: str) -> Iterator[tuple[int, subprocess.Popen[bytes], Path]]:
    log = daemon.home.with_name(f"{daemon.home.name}-{verb}.log")  # beside it, where the disk does not get full
    with log.open("wb") as output:
        command = [sys.executable, "-m", "fishvoice", verb, "--port", "0", "--no-start"]
        process = subprocess.Popen(command, env=environment(daemon.home), cwd=ROOT, stderr=output, stdout=output)
    try:
        found = eventually(lambda: re.search(r"127\.0\.0\.1:(\d+)", log.read_text()))
        assert isinstance(found, re.Match)
        yield int(found[1]), process, log
    finally:
        process.terminate()
        process.wait(20)
        log.unlink()


def http_references(port: int, texts: Iterable[str]) -> Mapping[str, str]:
    """The digest of each text's sound over HTTP, where it has another sample rate, when it is spoken alone."""
    ledger, found = Ledger(), {}
    for text in texts:
        account = Account(None)
        HttpClient(port, ledger, {}, 0, 0).post(text, account)
        found[text] = account.sound.hexdigest()
    return found


class HttpClient(threading.Thread):
    """A program that posts texts, one after the other."""

    def __init__(self, port: int, ledger: Ledger, sounds: Mapping[str, str], requests: int, seed: int) -> None:
        super().__init__(daemon=True)
        self._port, self._ledger, self._sounds, self._requests = port, ledger, sounds, requests
        self._chance = random.Random(seed)

    def run(self) -> None:
        for _ in range(self._requests):
            if self._ledger.closed:
                return
            text = self._chance.choice(list(self._sounds))
            account = Account(self._sounds[text], began=time.monotonic())
            try:
                self.post(text, account)
            except OSError as error:
                self._ledger.end(account, f"http_{type(error).__name__}")
            except http.client.HTTPException:
                self._ledger.end(account, "http_cut_off")

    def post(self, text: str, account: Account) -> None:
        """Ask, and write down what comes. Raises OSError, HTTPException."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_SECONDS)
        try:
            body = json.dumps({"input": text, "response_format": "pcm", "seed": SEED})
            connection.request("POST", "/v1/audio/speech", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            if response.status != 200:
                said = json.loads(response.read())["error"]
                self._ledger.receive(account, Error(f"http_{response.status}_{said.get('code')}", ""), time.monotonic())
                return
            number = 0
            while piece := response.read(READ_BYTES):
                chunk = AudioChunk("http", number, 0, 0, 0, payload=piece)
                self._ledger.receive(account, chunk, time.monotonic())
                number += 1
            self._ledger.receive(account, AudioEnd("http", "complete"), time.monotonic())
        finally:
            connection.close()


class WyomingClient(threading.Thread):
    """A hub that has texts spoken, each on a connection of its own. Wyoming knows no seed: sounds are not compared."""

    def __init__(self, port: int, ledger: Ledger, texts: tuple[str, ...], requests: int, seed: int) -> None:
        super().__init__(daemon=True)
        self._port, self._ledger, self._texts, self._requests = port, ledger, texts, requests
        self._chance = random.Random(seed)

    def run(self) -> None:
        for _ in range(self._requests):
            if self._ledger.closed:
                return
            account = Account(None, began=time.monotonic())
            try:
                self._ledger.end(account, self._speak(self._chance.choice(self._texts)))
            except OSError as error:
                self._ledger.end(account, f"wyoming_{type(error).__name__}")

    def _speak(self, text: str) -> str:
        """How it ended."""
        with socket.create_connection(("127.0.0.1", self._port), PATIENCE_SECONDS) as peer, peer.makefile("rb") as said:
            peer.sendall(json.dumps({"type": "synthesize", "data": {"text": text}}).encode() + b"\n")
            while line := said.readline():
                event = json.loads(line)
                more = said.read(event.get("data_length") or 0)
                said.read(event.get("payload_length") or 0)
                if event["type"] == "audio-stop":
                    return "complete"
                if event["type"] == "error":
                    return f"wyoming_{(event.get('data') or json.loads(more)).get('code')}"
        return "wyoming_cut_off"


class HostilePeers(threading.Thread):
    """Sends ``count`` bad requests and events, some of them mutated, some left half; never listens for long."""

    def __init__(self, where: Servers, count: int, seed: int) -> None:
        super().__init__(daemon=True)
        self._where, self._count = where, count
        self._chance = random.Random(seed)
        self.sent = 0
        self.over = threading.Event()
        self.blamed_server = 0
        """Answers of 5xx but 503 (which means: busy)."""

    def run(self) -> None:
        kinds: list[Callable[[], None]] = [self._http, self._wyoming]
        while self.sent < self._count and not self.over.is_set():
            with suppress(OSError):
                self._chance.choice(kinds)()
            self.sent += 1

    def _http(self) -> None:
        with socket.create_connection(("127.0.0.1", self._where.http), 5) as peer:
            peer.settimeout(0.05)
            peer.sendall(self._changed(self._chance.choice(HOSTILE_REQUESTS)))
            answer = peer.recv(64)
            if re.match(rb"HTTP/1\.1 5(?!03)", answer):
                self.blamed_server += 1

    def _wyoming(self) -> None:
        with socket.create_connection(("127.0.0.1", self._where.wyoming), 5) as peer:
            peer.sendall(self._changed(self._chance.choice(HOSTILE_EVENTS)))

    def _changed(self, message: bytes) -> bytes:
        changed = bytearray(message[:4096])  # of the long ones the beginning: it is the number that counts here
        for _ in range(self._chance.randint(0, 4)):
            changed[self._chance.randrange(len(changed))] = self._chance.randrange(256)
        return bytes(changed[: self._chance.choice([len(changed), self._chance.randint(1, len(changed))])])
