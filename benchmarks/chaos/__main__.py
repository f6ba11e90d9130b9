"""``python -m benchmarks.chaos --requests 10000 --fuzz 1000000 --seed 1``: exit status 1 if a sum is not nought.

With the daemon's own voices by default; ``--tones`` is a speaker of tones, which loads everything but the engine.
Loopback only. Its figures mean something on a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from benchmarks.chaos.clients import LibraryClient, RawClient, references
from benchmarks.chaos.disasters import Disasters, Fuzz, write
from benchmarks.chaos.ledger import Ledger
from tools.harness.daemon_process import Daemon, environment, eventually, running

CLIENTS = 10
KILL_EVERY_SECONDS = 2.0


def main(argv: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    module = "tools.harness.tone_speaker" if options.tones else "fishvoiced"
    flags = ("--log-level", "error", "--set", "limits.stall_seconds=30", "--set", "engine.calibrate=false")
    ledger, killed = Ledger(), Ledger()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fv-", dir="/tmp") as name:
        home = Path(name)
        with running(home, *flags, frame=0.001, ready=False, module=module) as daemon:
            _wait_ready(daemon)
            report = _storm(daemon, ledger, options)
        report |= _kills(home, module, killed, options)
    report |= {
        "ends": dict(ledger.ends),
        "wrong": dict(ledger.wrong),
        "promises": ledger.promises,
        "ends_with_daemon_killed": dict(killed.ends),
        "wrong_with_daemon_killed": dict(killed.wrong),
        "seconds": round(time.monotonic() - began, 1),
    }
    print(json.dumps(report, indent=2))
    if options.out:
        write(options.out, report)
    return 0 if ledger.clean() and killed.clean() else 1


def _storm(daemon: Daemon, ledger: Ledger, options: argparse.Namespace) -> dict[str, Any]:
    """Honest clients among disasters and fuzz; what that did to the daemon's memory and descriptors."""
    sounds = references(daemon)
    process = psutil.Process(daemon.process.pid)
    warm_up = [RawClient(daemon, Ledger(), sounds, 20, seed) for seed in range(CLIENTS)]
    _run(warm_up)
    memory, descriptors = daemon.memory, process.num_fds()
    each = max(1, options.requests * 9 // 10 // CLIENTS)
    honest = [RawClient(daemon, ledger, sounds, each, options.seed * 1000 + number) for number in range(CLIENTS)]
    disasters, fuzz = Disasters(daemon, options.seed), Fuzz(daemon, options.fuzz, options.seed)
    disasters.start()
    fuzz.start()
    _run(honest)
    fuzz.join()
    disasters.end()
    eventually(lambda: _idle(daemon), within=60)
    heard = sorted(ledger.first_audio)
    return {
        "seed": options.seed,
        "fuzz_messages": fuzz.sent,
        "disasters": dict(disasters.count),
        "memory_mb_grown": round((daemon.memory - memory) / 2**20, 1),
        "descriptors_grown": process.num_fds() - descriptors,
        "first_audio_p50": round(heard[len(heard) // 2], 3) if heard else None,
        "first_audio_p99": round(heard[len(heard) * 99 // 100], 3) if heard else None,
        "log": daemon.log()[-2000:],
    }


def _kills(home: Path, module: str, ledger: Ledger, options: argparse.Namespace) -> dict[str, Any]:
    """Programs that use the library, while the daemon is killed every two seconds and started again by them."""
    os.environ.update(environment(home, FISHVOICE_DAEMON=f"{sys.executable} -m {module}", TONE_FRAME="0.001"))
    with running(home, frame=0.001, ready=False, module=module) as daemon:
        _wait_ready(daemon)
        sounds = references(daemon)
    each = max(1, options.requests // 10 // CLIENTS)
    clients = [LibraryClient(ledger, sounds, each, options.seed * 77 + number) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    kills = spoken = 0
    while any(client.is_alive() for client in clients):
        time.sleep(KILL_EVERY_SECONDS)
        if ledger.ends["complete"] > spoken:  # else it has only just been started
            spoken = ledger.ends["complete"]
            kills += _kill(home)
    _kill(home)
    return {"daemon_kills": kills}


def _kill(home: Path) -> int:
    try:
        psutil.Process(int((home / "run" / "daemon.pid").read_text())).kill()
    except (OSError, ValueError, psutil.NoSuchProcess):
        return 0
    return 1


def _run(threads: Sequence[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _wait_ready(daemon: Daemon) -> None:
    def ready() -> bool:
        with daemon.client() as client:
            return bool(client.status()["state"] == "ready")

    eventually(ready, within=120)


def _idle(daemon: Daemon) -> bool:
    with daemon.client() as client:
        queue = client.status()["queue"]
    return bool(queue["waiting"] == queue["active"] == 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000, help="of honest clients (default 10000)")
    parser.add_argument("--fuzz", type=int, default=1_000_000, help="bad messages (default 1000000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tones", action="store_true", help="a speaker of tones in place of the voices")
    parser.add_argument("--out", type=Path, help="also write the ledger here, as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
