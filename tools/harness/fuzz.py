"""Random and mutated frames on both sockets. As a program: ``python -m tools.harness.fuzz 100000``."""

from __future__ import annotations

import random
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgpack
import psutil

from fishvoice.protocol import AudioEnd, Cancel, Credit, Sampling, Status, Synthesize, Voices, encode
from tools.harness.daemon_process import Daemon, Wire, running

PER_CONNECTION = 250
SEEDS = [
    encode(Synthesize(id="f", text="a b c", seed=1, sampling=Sampling(0.5, 0.9, 1.1), first_audio_within=1.0)),
    encode(Synthesize(id="g", text="a", payload=b"RIFF1234", reference_text="x", credit=3, keep_alive=1.0)),
    encode(Credit(id="f", chunks=3)),
    encode(Cancel(id="nothing")),
    encode(Status()),
    encode(Voices()),
]


def frames(chance: random.Random) -> list[bytes]:
    """One message: random bytes, a mutated message, or a map with wrong values."""
    kind = chance.random()
    if kind < 0.2:
        return [chance.randbytes(chance.choice([0, 1, 7, 100, 3000])) for _ in range(chance.randint(0, 4))] or [b""]
    message = list(chance.choice(SEEDS))
    if kind < 0.6:
        position = chance.randrange(len(message))
        message[position] = _mutated(message[position], chance)
    elif kind < 0.9:
        fields: dict[Any, Any] = msgpack.unpackb(message[0])
        for _ in range(chance.randint(1, 3)):
            fields[chance.choice([*fields, "id", "voice", "type", "v", chance.randbytes(2).hex()])] = _value(chance, 0)
        message[0] = msgpack.packb(fields)
    else:
        chance.shuffle(message)
        message += [chance.randbytes(chance.randint(0, 9)) for _ in range(chance.randint(0, 3))]
    return message


def _mutated(frame: bytes, chance: random.Random) -> bytes:
    changed = bytearray(frame)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(changed) + 1)
        match chance.randrange(4):
            case 0 if at < len(changed):
                changed[at] = chance.randrange(256)
            case 1:
                changed[at:at] = chance.randbytes(chance.randint(1, 5))
            case 2:
                del changed[at : at + chance.randint(1, 8)]
            case _:
                changed[at:] = b""
    return bytes(changed)


def _value(chance: random.Random, depth: int) -> Any:
    if depth < 20 and chance.random() < 0.2:
        return [_value(chance, depth + 1)] * chance.randint(0, 3)
    if depth < 20 and chance.random() < 0.1:
        return {"k": _value(chance, depth + 1)}
    return chance.choice(
        [None, True, -1, 0, 2**63, 1e308, float("nan"), float("inf"), "", "../x", "\0", "x" * 5000, b"\xff" * 50]
    )


def attack(daemon: Daemon, count: int, seed: int = 0) -> None:
    """Send ``count`` bad messages, half to each socket, speaking properly in between. Raises if that is disturbed."""
    chance = random.Random(seed)
    with daemon.client() as honest:
        speak_properly(honest)
        for start in range(0, count, PER_CONNECTION):
            with daemon.client() as attacker:
                for _ in range(min(PER_CONNECTION, count - start)):
                    to = chance.choice([attacker.synthesis, attacker.control])
                    to.send_multipart(frames(chance))
                    listen(attacker, 0)
                listen(attacker, 10)  # so that all of it arrives before the connection ends
            noise(daemon, chance)
            assert honest.status()["pid"] == daemon.process.pid
            speak_properly(honest)


def listen(attacker: Wire, milliseconds: int) -> None:
    for dealer in (attacker.synthesis, attacker.control):
        while dealer.poll(milliseconds):
            dealer.recv_multipart()


def noise(daemon: Daemon, chance: random.Random) -> None:
    """Bytes that are not even ZeroMQ's own protocol."""
    for address in (daemon.endpoints.synthesis, daemon.endpoints.control):
        with socket.socket(socket.AF_UNIX) as raw:
            raw.connect(address.removeprefix("ipc://"))
            raw.sendall(chance.randbytes(chance.randint(1, 200)))


def speak_properly(honest: Wire) -> None:
    # A mutated Cancel may by chance mean everything; but even then a request ends properly.
    end = honest.until_end(honest.speak("one two three", priority="important"), within=30)[-1]
    assert isinstance(end, AudioEnd), end


def main(count: int) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="fv-", dir="/tmp") as home,
        running(Path(home), "--log-level", "error", frame=0.0, ready=False) as daemon,
    ):
        process = psutil.Process(daemon.process.pid)
        attack(daemon, min(count, 5000), seed=1)
        memory, fds, began = daemon.memory, process.num_fds(), time.monotonic()
        attack(daemon, count, seed=2)
        with daemon.client() as client:
            counters = client.status()["counters"]
        seconds, grown = time.monotonic() - began, (daemon.memory - memory) / 2**20
        bad, refused = counters["bad_messages"], counters["refused"]
        print(f"{count} messages in {seconds:.0f} s: {bad} were none at all, {refused} were refused")
        print(f"memory {grown:+.1f} MB, descriptors {process.num_fds() - fds:+d}, log: {daemon.log()!r}")


if __name__ == "__main__":
    main(int(sys.argv[1]))
