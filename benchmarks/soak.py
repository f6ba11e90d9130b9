"""A daemon under mixed load for a while: does memory, threads or descriptors grow, and how late is the first sound?

``python -m benchmarks.soak --minutes 20`` drives the installed voices; ``--tones`` a speaker of tones, which loads
everything but the engine. Loopback only. Exit status 1 if a limit is broken.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import psutil

from fishvoice.protocol import AudioChunk, AudioEnd, Cancel, Credit, Error, Priority
from tools.harness.daemon_process import Daemon, Wire, environment, eventually

ROOT = Path(__file__).resolve().parents[1]

MAX_SLOPE_MB_PER_MINUTE = 1.0
WARM_UP_SECONDS = 15.0
PATIENCE_SECONDS = 600.0  # on a starved machine a progress report waits long behind everybody else's requests
PRIORITIES: tuple[Priority, ...] = ("important", "message", "text", "notification", "progress")
SENTENCES = (
    "Battery low.",
    "The quick brown fox jumps over the lazy dog.",
    "Three new messages have arrived. The first is from your sister.",
    "It was a bright cold day in April, and the clocks were striking thirteen; nobody in the street looked up.",
)


@dataclass(frozen=True)
class Sample:
    """The daemon at one moment."""

    seconds: float
    rss_mb: float
    threads: int
    descriptors: int


@dataclass
class Tally:
    """What the clients saw, all together; written under ``lock``."""

    requests: int = 0
    ends: dict[str, int] = field(default_factory=dict)
    first_audio: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def end(self, outcome: str) -> None:
        with self.lock:
            self.ends[outcome] = self.ends.get(outcome, 0) + 1


@dataclass(frozen=True)
class Report:
    """The result. The slope is that of a straight line through the samples after the warm-up."""

    minutes: float
    requests: int
    ends: dict[str, int]
    first_audio_p50: float | None
    first_audio_p99: float | None
    first_audio_max: float | None
    rss_mb_first: float
    rss_mb_last: float
    slope_mb_per_minute: float
    threads: tuple[int, int]
    descriptors: tuple[int, int]
    rtf: float | None
    passed: bool


def converse(daemon: Daemon, seed: int, until: float, tally: Tally) -> None:
    """One client's life: speak, cancel, read slowly, go away without a word, come back."""
    chance = random.Random(seed)
    while time.monotonic() < until:
        with daemon.client() as client:
            for _ in range(chance.randint(1, 20)):
                if time.monotonic() >= until:
                    return
                speak(client, chance, tally)
                time.sleep(chance.expovariate(2.0))
            if chance.random() < 0.3:  # vanish in the middle of a word
                client.speak(SENTENCES[-1])
                with tally.lock:
                    tally.requests += 1
                tally.end("abandoned")


def speak(client: Wire, chance: random.Random, tally: Tally) -> None:
    began = time.monotonic()
    name = client.speak(
        chance.choice(SENTENCES),
        id=secrets.token_hex(8),
        priority=chance.choice(PRIORITIES),
        interrupted=chance.choice(["drop", "resume"]),
        credit=chance.choice([2, 8, 64]),
    )
    with tally.lock:
        tally.requests += 1
    patience = chance.randint(0, 20) if chance.random() < 0.3 else None
    heard = 0
    while True:
        message = client.receive(PATIENCE_SECONDS)
        if isinstance(message, AudioChunk):
            if not heard:
                with tally.lock:
                    tally.first_audio.append(time.monotonic() - began)
            heard += 1
            client.send(Credit(id=name, chunks=1))
            if patience is not None and heard > patience:
                client.send(Cancel(id=name))
                patience = None
        elif isinstance(message, AudioEnd):
            tally.end(message.finish_reason)
            return
        elif isinstance(message, Error):
            tally.end(message.code)
            return


@contextmanager
def started(tones: bool) -> Iterator[Daemon]:
    """A daemon of our own: with tones in a home of its own, else with this user's voices but its own sockets."""
    with tempfile.TemporaryDirectory(prefix="fv-", dir="/tmp") as folder:
        home = Path(folder)
        variables = environment(home, TONE_FRAME="0.02")
        if not tones:
            del variables["FISHVOICE_HOME"]
            variables |= {name: value for name, value in os.environ.items() if name.startswith("FISHVOICE_")}
            variables["FISHVOICE_RUNTIME_DIR"] = str(home / "run")
        module = "tools.harness.tone_speaker" if tones else "fishvoiced"
        log = home / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", module, "--log-level", "warning"], env=variables, cwd=ROOT, stderr=output
            )
        daemon = Daemon(home, process, log)
        try:
            with daemon.client() as client:
                state = eventually(lambda: (s := client.status()["state"]) != "loading" and s, within=600)
            if state != "ready":
                raise SystemExit(f"the daemon is not ready:\n{daemon.log()}")
            yield daemon
        finally:
            process.terminate()
            process.wait(30)


def watch(daemon: Daemon, until: float, every: float) -> list[Sample]:
    process, began, samples = psutil.Process(daemon.process.pid), time.monotonic(), []
    while time.monotonic() < until:
        samples.append(sample(process, began))
        time.sleep(every)
    return samples


def sample(process: psutil.Process, began: float) -> Sample:
    rss = process.memory_info().rss / 2**20
    return Sample(time.monotonic() - began, rss, process.num_threads(), process.num_fds())


def drive(daemon: Daemon, tally: Tally, clients: int, seconds: float) -> list[Sample]:
    """Let clients talk to the daemon for so long, and until each has heard its last answer."""
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=converse, args=(daemon, seed, until, tally)) for seed in range(clients)]
    for thread in threads:
        thread.start()
    samples = watch(daemon, until, every=max(0.2, seconds / 600))
    for thread in threads:
        thread.join(2 * PATIENCE_SECONDS)
    return samples


def at_rest(daemon: Daemon) -> Sample:
    """The daemon when nobody is connected any more, and what the last ones held has been given back."""
    with daemon.client() as client:
        eventually(lambda: client.status()["clients"] == 0, within=10)
    time.sleep(1.0)
    return sample(psutil.Process(daemon.process.pid), time.monotonic())


def soak(daemon: Daemon, minutes: float, clients: int) -> Report:
    """Load the daemon and measure. The first fifth of the time is warm-up.

    Threads and descriptors are compared at rest, after the first few requests and after the last: while clients
    come and go, both go up and down with them.
    """
    drive(daemon, Tally(), clients, seconds=WARM_UP_SECONDS)
    rest = at_rest(daemon)
    tally = Tally()
    samples = drive(daemon, tally, clients, seconds=60 * minutes)
    after = at_rest(daemon)
    with daemon.client() as client:
        rtf = client.status()["rtf"]
    warm = samples[len(samples) // 5 :]
    slope = 60 * float(np.polyfit([s.seconds for s in warm], [s.rss_mb for s in warm], 1)[0])
    heard = sorted(tally.first_audio)
    grown = after.threads > rest.threads or after.descriptors > rest.descriptors
    return Report(
        minutes=minutes,
        requests=tally.requests,
        ends=tally.ends,
        first_audio_p50=heard[len(heard) // 2] if heard else None,
        first_audio_p99=heard[len(heard) * 99 // 100] if heard else None,
        first_audio_max=heard[-1] if heard else None,
        rss_mb_first=warm[0].rss_mb,
        rss_mb_last=warm[-1].rss_mb,
        slope_mb_per_minute=slope,
        threads=(rest.threads, after.threads),
        descriptors=(rest.descriptors, after.descriptors),
        rtf=rtf,
        passed=slope <= MAX_SLOPE_MB_PER_MINUTE and not grown and sum(tally.ends.values()) == tally.requests,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--tones", action="store_true", help="a speaker of tones instead of the installed voices")
    options = parser.parse_args()
    with started(options.tones) as daemon:
        report = soak(daemon, options.minutes, options.clients)
    print(json.dumps(asdict(report), indent=2))
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
