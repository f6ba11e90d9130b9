"""Are promises kept, and shares equal? ``python -m benchmarks.promises``: honest clients only, the default voice.

Exit status 1 if more than one of a hundred accepted ``first_audio_within`` is late, Jain's index over ten clients is
below 0.95, or a sentence beside a text of 80,000 characters begins later than two of its segments took.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.chaos.clients import TEXTS
from fishvoice.protocol import AudioChunk, AudioEnd, Cancel, Credit, Error, Priority
from tools.harness.daemon_process import Daemon, Wire, eventually, running

WITHIN = (0.25, 0.5, 1.0, 2.0, 5.0)  # seconds that are asked for
LOAD: tuple[Priority, ...] = ("important", "message", "text", "text", "notification", "progress")
SENTENCE = "It was a bright cold day in April, and the clocks were striking thirteen. "
LONG_CHARACTERS = 80_000
LATE_SHARE, JAIN, SEGMENTS = 0.01, 0.95, 2


@dataclass
class Kept:
    """What became of requests with ``first_audio_within``; ``late``: what was asked, and by how much it was missed."""

    accepted: int = 0
    late: list[tuple[float, float]] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)


def asker(daemon: Daemon, kept: Kept, until: float, seed: int) -> None:
    """Asks for promises, one after the other."""
    chance = random.Random(seed)
    with daemon.client() as client:
        while time.monotonic() < until:
            within, began = chance.choice(WITHIN), time.monotonic()
            asked = client.speak(chance.choice(TEXTS), first_audio_within=within, credit=1024)
            first = None
            for message in heard(client, asked):
                if isinstance(message, AudioChunk) and first is None:
                    first = time.monotonic() - began
                elif isinstance(message, Error):
                    with kept.lock:
                        kept.refused[message.code] += 1
            if first is not None:
                with kept.lock:
                    kept.accepted += 1
                    if first > within:
                        kept.late.append((within, round(first - within, 3)))
            time.sleep(chance.random() * 0.2)


def loader(daemon: Daemon, until: float, seed: int) -> None:
    """Speaks whatever, with every priority."""
    chance = random.Random(seed)
    with daemon.client() as client:
        while time.monotonic() < until:
            texts = " ".join(chance.choices(TEXTS, k=chance.randint(1, 6)))
            asked = client.speak(texts, priority=chance.choice(LOAD), credit=1024)
            for _ in heard(client, asked):
                continue
            time.sleep(chance.random() * 0.3)


def heard(client: Wire, asked: str) -> Iterator[AudioChunk | AudioEnd | Error]:
    """The messages of a request, up to its end."""
    while True:
        message = client.receive(300)
        if isinstance(message, AudioChunk | AudioEnd | Error) and message.id == asked:
            yield message
            if not isinstance(message, AudioChunk):
                return


def promises(daemon: Daemon, seconds: float) -> dict[str, Any]:
    kept, until = Kept(), time.monotonic() + seconds
    threads = [threading.Thread(target=asker, args=(daemon, kept, until, seed)) for seed in range(3)]
    threads += [threading.Thread(target=loader, args=(daemon, until, 100 + seed)) for seed in range(7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"accepted": kept.accepted, "refused": dict(kept.refused), "late": len(kept.late), "late_by": kept.late}


def shares(daemon: Daemon, seconds: float) -> float:
    """Jain's index of the sound that ten clients get, all of which want more than there is."""
    got, until = [0] * 10, time.monotonic() + seconds

    def listen(number: int) -> None:
        with daemon.client() as client:
            asked = client.speak(SENTENCE * (40 + 20 * number), credit=1024)
            for message in heard(client, asked):
                if isinstance(message, AudioChunk):
                    got[number] += len(message.payload or b"")
                    client.send(Credit(id=asked, chunks=1))
                if time.monotonic() > until:
                    client.send(Cancel(id=asked))

    threads = [threading.Thread(target=listen, args=(number,)) for number in range(len(got))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(got) ** 2 / (len(got) * sum(each**2 for each in got))


def beside_a_book(daemon: Daemon) -> tuple[float, float]:
    """Seconds until another client's sentence begins, the longest of ten; and two of the book's segments."""
    with daemon.client() as reader, daemon.client() as other:
        book = reader.speak((SENTENCE * (LONG_CHARACTERS // len(SENTENCE) + 1))[:LONG_CHARACTERS], credit=1024)
        ends: list[float] = []
        waits: list[float] = []
        segment = 0
        over = threading.Event()

        def read() -> None:
            nonlocal segment
            for message in heard(reader, book):
                if isinstance(message, AudioChunk):
                    reader.send(Credit(id=book, chunks=1))
                    if message.segment != segment:
                        segment = message.segment
                        ends.append(time.monotonic())
                if over.is_set():
                    reader.send(Cancel(id=book))

        reading = threading.Thread(target=read)
        reading.start()
        eventually(lambda: len(ends) > 5, within=120)
        alone = [after - before for before, after in pairwise(ends)]
        for _ in range(10):
            began = time.monotonic()
            asked = other.speak("Battery low.", credit=1024)
            first = None
            for message in heard(other, asked):
                if isinstance(message, AudioChunk) and first is None:
                    first = time.monotonic() - began
            waits.append(first or float("inf"))
        over.set()
        reading.join()
    return max(waits), SEGMENTS * max(alone)


@contextmanager
def started() -> Iterator[Daemon]:
    flags = ("--log-level", "error", "--set", "engine.calibrate=false")
    with (
        tempfile.TemporaryDirectory(prefix="fv-", dir="/tmp") as name,
        running(Path(name), *flags, ready=False, module="fishvoiced") as daemon,
        daemon.client() as client,
    ):
        eventually(lambda: client.status()["state"] == "ready", within=120)
        for _ in range(5):  # what a voice costs is measured by its first utterances
            client.until_end(client.speak(TEXTS[1], credit=1024))
        yield daemon


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.promises", description=__doc__)
    parser.add_argument("--seconds", type=float, default=90.0, help="of mixed load (default 90)")
    options = parser.parse_args(argv)
    with started() as daemon:
        wait, segments = beside_a_book(daemon)
        index = shares(daemon, options.seconds / 3)
        kept = promises(daemon, options.seconds)
    report = kept | {
        "jain": round(index, 4),
        "beside_a_book_seconds": round(wait, 3),
        "two_segments_seconds": round(segments, 3),
    }
    print(json.dumps(report, indent=2))
    broken = kept["late"] > LATE_SHARE * kept["accepted"]
    return 1 if broken or index < JAIN or wait > segments else 0


if __name__ == "__main__":
    sys.exit(main())
