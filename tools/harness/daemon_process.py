"""A real daemon process with a speaker of tones, and a client that speaks the wire protocol and nothing more."""

from __future__ import annotations

import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import psutil
import zmq

from fishvoice.paths import Curve, Endpoints
from fishvoice.protocol import (
    AnyMessage,
    AudioChunk,
    AudioEnd,
    Error,
    Status,
    StatusReply,
    Synthesize,
    Waiting,
    decode,
    encode,
)

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 40.0  # seconds; a starved machine takes its time
FRAME_BYTES = 2 * 2048  # of the fake speaker, as s16le

T = TypeVar("T")


def environment(home: Path, **extra: str) -> dict[str, str]:
    """Variables for a process of this test: its own home, and nothing of ours that could disturb it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FISHVOICE_", "TONE_"))}
    path = os.pathsep.join([str(ROOT / "daemon"), str(ROOT / "client"), str(ROOT)])
    return kept | {"PYTHONPATH": path, "FISHVOICE_HOME": str(home)} | extra


def eventually(question: Callable[[], T | bool | None], within: float = PATIENCE) -> T | bool:
    """The first answer that is not falsy. Fails after ``within`` seconds."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if answer := question():
            return answer
        time.sleep(0.005)
    raise AssertionError(f"not within {within} s: {question}")


class Wire:
    """One client: a DEALER for synthesis and one for control."""

    def __init__(self, where: Endpoints, name: str | None = None) -> None:
        self.name = name or f"test-{secrets.token_hex(6)}"
        self.waited: deque[AnyMessage] = deque()
        self._read: deque[AnyMessage] = deque()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.synthesis = self._connect(where.synthesis, where.curve)
        self.control = self._connect(where.control, where.curve)

    def _connect(self, address: str, curve: Curve | None) -> zmq.Socket[bytes]:
        dealer: zmq.Socket[bytes] = self._context.socket(zmq.DEALER)
        dealer.set(zmq.LINGER, 0)
        dealer.set_string(zmq.IDENTITY, self.name, "ascii")
        if curve:
            dealer.set_string(zmq.CURVE_SERVERKEY, curve.server_public, "ascii")
            dealer.set_string(zmq.CURVE_PUBLICKEY, curve.client_public, "ascii")
            dealer.set_string(zmq.CURVE_SECRETKEY, curve.client_secret, "ascii")
        dealer.connect(address)
        return dealer

    def send(self, message: AnyMessage) -> None:
        self.synthesis.send_multipart(encode(message))

    def speak(self, text: str, id: str | None = None, **fields: Any) -> str:  # noqa: A002
        request = Synthesize(id=id or secrets.token_hex(8), text=text, **fields)
        self.send(request)
        return request.id

    def receive(self, within: float = PATIENCE) -> AnyMessage:
        """The next message that is no mere sign of life; ``waited`` collects those."""
        assert not self.silent(within), "the daemon says nothing"
        return self._read.popleft()

    def silent(self, seconds: float) -> bool:
        """Whether nothing but signs of life comes for so long."""
        deadline = time.monotonic() + seconds
        while not self._read:
            if not self.synthesis.poll(max(0, int((deadline - time.monotonic()) * 1000))):
                return True
            message = decode(self.synthesis.recv_multipart())
            (self.waited if isinstance(message, Waiting) else self._read).append(message)
        return False

    def until_end(self, id: str, within: float = PATIENCE) -> list[AnyMessage]:  # noqa: A002
        """All messages of this request up to its end; others are an error of the test."""
        messages: list[AnyMessage] = []
        while not messages or not isinstance(messages[-1], AudioEnd | Error):
            messages.append(self.receive(within))
            assert messages[-1].id == id, messages[-1]  # type: ignore[union-attr]
        return messages

    def ask(self, message: AnyMessage, within: float = PATIENCE) -> AnyMessage:
        self.control.send_multipart(encode(message))
        assert self.control.poll(int(within * 1000)), "the daemon does not answer"
        return decode(self.control.recv_multipart())

    def status(self) -> dict[str, Any]:
        reply = self.ask(Status())
        assert isinstance(reply, StatusReply)
        return reply.status

    def close(self) -> None:
        self.synthesis.close(0)
        self.control.close(0)
        self._context.term()

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def chunks(messages: list[AnyMessage]) -> list[AudioChunk]:
    return [message for message in messages if isinstance(message, AudioChunk)]


class Daemon:
    """A running daemon process."""

    def __init__(self, home: Path, process: subprocess.Popen[bytes], log: Path) -> None:
        self.home = home
        self.process = process
        self._log = log

    @property
    def endpoints(self) -> Endpoints:
        published = self.home / "run" / "endpoints.json"
        if published.exists():
            import msgspec

            return msgspec.json.decode(published.read_bytes(), type=Endpoints)
        run = self.home / "run"
        return Endpoints(f"ipc://{run / 'synthesis.sock'}", f"ipc://{run / 'control.sock'}")

    def client(self, name: str | None = None) -> Wire:
        return Wire(self.endpoints, name)

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, within: float = PATIENCE) -> int:
        return self.process.wait(within)

    @property
    def memory(self) -> int:
        return int(psutil.Process(self.process.pid).memory_info().rss)

    @property
    def most_memory(self) -> int:
        """The most that it has ever held; Linux."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024  # type: ignore[index]


class Manager:
    """The receiving end of sd_notify."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(15)

    def until(self, wanted: str) -> list[str]:
        heard: list[str] = []
        while not heard or wanted not in heard[-1]:
            heard.append(self.socket.recv(4096).decode())
        return heard


@contextmanager
def running(
    home: Path,
    *flags: str,
    env: Mapping[str, str] | None = None,
    frame: float = 0.005,
    ready: bool = True,
    command: tuple[str, ...] = (),
    module: str = "tools.harness.tone_speaker",
) -> Iterator[Daemon]:
    """A daemon whose voice needs ``frame`` seconds per frame; killed at the end if it still runs.

    ``command`` comes before the daemon's own; ``module`` ``fishvoiced`` is one with the real voices.
    """
    home.mkdir(parents=True, exist_ok=True)
    log = home / f"log-{secrets.token_hex(4)}"
    variables = environment(home, TONE_FRAME=str(frame), **(env or {}))
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, sys.executable, "-m", module, *flags],
            env=variables,
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    daemon = Daemon(home, process, log)
    try:
        if ready:
            eventually(lambda: "loaded tone" in daemon.log() or process.poll() is not None)
            assert process.poll() is None, daemon.log()
        yield daemon
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE)


CLIENT = """
import sys, zmq
from fishvoice.protocol import Synthesize, decode, encode
dealer = zmq.Context().socket(zmq.DEALER)
dealer.connect(sys.argv[1])
for number in range(3):
    dealer.send_multipart(encode(Synthesize(id=str(number), text="w " * 2000, credit=int(sys.argv[2]))))
dealer.recv_multipart(); dealer.recv_multipart()
print("speaking", flush=True)
if sys.argv[3] == "read":
    while True: dealer.recv_multipart()
sys.stdin.read()
"""


@contextmanager
def client_process(daemon: Daemon, credit: int, then: str) -> Iterator[subprocess.Popen[bytes]]:
    """A client of its own process that asks for three long texts, has heard the first sound, and reads or stalls."""
    process = subprocess.Popen(
        [sys.executable, "-c", CLIENT, daemon.endpoints.synthesis, str(credit), then],
        env=environment(daemon.home),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == b"speaking\n"
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
