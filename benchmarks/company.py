"""Requests side by side through a daemon: ``python -m benchmarks.company [MODEL_FOLDER]``, by default S1-mini in random
weights.

Two daemons, one after the other: "one row", in which nothing is shared (``engine.streams = 1``), and "shared". Frames a
second of one request and of four clients at once; the first sound of an urgent request on an idle daemon and among the
four; from a cancel to the last sample and to its acknowledgement, alone and among the four; resident memory while four
speak. Medians; some three minutes, with nothing else running.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import platformdirs

from benchmarks.s1_engine import SENTENCE
from fishvoice.protocol import AudioChunk, AudioEnd, AudioStart, Cancel, Error
from fishvoiced.backends.fish.store.models import ConvertedModel
from tools.harness.daemon_process import Daemon, Wire, eventually, running

OTHERS = 4
CREDIT = 1024
SETTLING = 2.0
"""Seconds until all have begun."""
URGENT = "A short and urgent word."
WAYS = {"one row": "1", "shared": "4"}


@contextmanager
def daemon(model: ConvertedModel, streams: str) -> Iterator[Daemon]:
    """One of its own with this model alone, warm."""
    with tempfile.TemporaryDirectory(prefix="fvc", dir="/tmp") as folder:
        home = Path(folder)
        shutil.copytree(model.folder, home / "cache" / "models" / model.folder.name, copy_function=_linked)
        settings = (f"voice={model.name}", f"engine.streams={streams}", "engine.calibrate=false")
        flags = [flag for setting in settings for flag in ("--set", setting)]
        with running(home, *flags, ready=False, module="fishvoiced") as process:
            eventually(lambda: (home / "run" / "control.sock").exists(), within=60)
            with process.client() as client:
                eventually(lambda: client.status()["state"] == "ready", within=60)
                first_sound(client)
            yield process


def _linked(source: str, target: str) -> None:
    """A gigabyte need not be copied, if it lies in the same file system."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def first_sound(client: Wire, **fields: object) -> float:
    """Seconds from a request to its first sound; it is cancelled then, and has ended."""
    asked = time.perf_counter()
    name = client.speak(URGENT, priority="important", credit=CREDIT, **fields)
    until(client, name, AudioChunk)
    taken = time.perf_counter() - asked
    client.send(Cancel(id=name))
    until(client, name, AudioEnd)
    return taken


def until(client: Wire, name: str, kind: type[AudioChunk | AudioEnd]) -> None:
    while True:
        message = client.receive()
        if isinstance(message, Error):
            raise SystemExit(message.message)
        if isinstance(message, kind) and message.id == name:
            return


def sound_in(clients: list[Wire], seconds: float) -> float:
    """Samples a second that all of these get."""
    samples, began = 0, time.perf_counter()
    while (now := time.perf_counter()) < began + seconds:
        for client in clients:
            while not client.silent(0.002):
                message = client.receive()
                if isinstance(message, AudioChunk):
                    samples += len(message.payload or b"") // 2
                elif not isinstance(message, AudioStart):
                    raise SystemExit("a request has ended before it was measured; a longer text is needed")
    return samples / (now - began)


def cancelled(client: Wire, name: str) -> tuple[float, float]:
    """Milliseconds from a cancel until the last sample came, and its end."""
    client.silent(0.0)
    client.send(Cancel(id=name))
    at = last = time.perf_counter()
    while True:
        message, now = client.receive(), time.perf_counter()
        if isinstance(message, AudioChunk):
            last = now
        elif isinstance(message, AudioEnd):
            return (last - at) * 1e3, (now - at) * 1e3


def measure(process: Daemon, frame_samples: int, seconds: float, rounds: int) -> dict[str, float]:
    found: dict[str, float] = {}
    with ExitStack() as stack:
        listener = stack.enter_context(process.client("urgent"))
        clients = [stack.enter_context(process.client(f"other-{i}")) for i in range(OTHERS)]
        found["first sound, idle, s"] = statistics.median(first_sound(listener, seed=i) for i in range(rounds))
        for count in (1, OTHERS):
            names = [client.speak(SENTENCE, credit=CREDIT, seed=i) for i, client in enumerate(clients[:count])]
            until(clients[0], names[0], AudioChunk)
            sound_in(clients[:count], SETTLING)  # without sharing the others wait for its end
            found[f"frames/s of {count}"] = sound_in(clients[:count], seconds) / frame_samples
            if count > 1:
                found[f"first sound among {count}, s"] = statistics.median(
                    first_sound(listener, seed=i) for i in range(rounds)
                )
                found["resident GB"] = process.memory / 1e9
            for client, name in zip(clients, names, strict=False):
                last, end = cancelled(client, name)
                suffix = f"of {count}, ms"
                found.setdefault(f"cancel to last sample {suffix}", last)
                found.setdefault(f"cancel to end {suffix}", end)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    home = platformdirs.user_cache_path("fishvoice-benchmark") / "cache" / "models"
    parser.add_argument("model", nargs="?", type=Path, default=next(iter(sorted(home.glob("s1-mini-random-*"))), None))
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    if options.model is None:
        parser.error("there is no model; python -m benchmarks.s1_mini makes one")
    model, found = ConvertedModel.open(options.model), {}
    for way, streams in WAYS.items():
        with daemon(model, streams) as process:
            found[way] = measure(process, model.config.codec.frame_samples, options.seconds, options.rounds)
    print("| | " + " | ".join(found) + " |\n|---|" + "---|" * len(found))
    for name in next(iter(found.values())):
        print(f"| {name} | " + " | ".join(f"{figures[name]:.3g}" for figures in found.values()) + " |")


if __name__ == "__main__":
    main()
