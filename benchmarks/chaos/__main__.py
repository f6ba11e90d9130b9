"""``python -m benchmarks.chaos --requests 10000 --fuzz 1000000 --seed 1``: exit status 1 if a sum is not nought.

With the daemon's own voices by default; ``--tones`` is a speaker of tones, which loads everything but the engine.
Loopback only. Its figures mean something on a quiet machine. As root, the daemon's home is a
small disk, which gets full.
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

from benchmarks.chaos.adapters import HostilePeers, HttpClient, Servers, WyomingClient, http_references, servers
from benchmarks.chaos.clients import TEXTS, LibraryClient, RawClient, references
from benchmarks.chaos.disasters import Disasters, Fuzz, small_disk, write
from benchmarks.chaos.ledger import Ledger
from tools.harness.daemon_process import Daemon, environment, eventually, running

CLIENTS = 10
SERVED_CLIENTS = 2  # of each server
SAMPLE_SECONDS = 3.0
KILL_EVERY_SECONDS = 2.0


def main(argv: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    module = "tools.harness.tone_speaker" if options.tones else "fishvoiced"
    flags = ("--log-level", "error", "--set", "limits.stall_seconds=30", "--set", "engine.calibrate=false")
    ledger, killed = Ledger(), Ledger()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fv-", dir="/tmp") as name, small_disk(Path(name)) as disk:
        home = Path(name)
        with running(home, *flags, frame=0.001, ready=False, module=module) as daemon, servers(daemon) as adapters:
            _wait_ready(daemon)
            report = _storm(daemon, adapters, ledger, options, disk=disk)
        report["left_behind"] = _left_behind(home)
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
    clean = not (report["servers"] or report["server_errors"] or report["left_behind"])
    return 0 if clean and ledger.clean() and killed.clean() else 1


def _storm(
    daemon: Daemon, adapters: Servers, ledger: Ledger, options: argparse.Namespace, *, disk: bool
) -> dict[str, Any]:
    """Honest clients among disasters and fuzz; what that did to the daemon's memory and descriptors."""
    sounds, seed = references(daemon), options.seed * 1000
    over_http = http_references(adapters.http, TEXTS)
    process = psutil.Process(daemon.process.pid)
    disasters = Disasters(daemon, options.seed, disk=disk)
    _run([RawClient(daemon, Ledger(), sounds, 20, number) for number in range(CLIENTS)])
    disasters.once_each()
    eventually(lambda: _idle(daemon), within=60)
    memory, descriptors = [daemon.memory], process.num_fds()
    raw, through = options.requests * 7 // 10 // CLIENTS, options.requests // 10 // SERVED_CLIENTS
    honest: list[threading.Thread] = [
        RawClient(daemon, ledger, sounds, max(1, raw), seed + number) for number in range(CLIENTS)
    ]
    for number in range(SERVED_CLIENTS):
        honest.append(HttpClient(adapters.http, ledger, over_http, max(1, through), seed + 100 + number))
        honest.append(WyomingClient(adapters.wyoming, ledger, TEXTS, max(1, through), seed + 200 + number))
    fuzz = Fuzz(daemon, options.fuzz - options.fuzz // 100, options.seed)
    hostile = HostilePeers(adapters, options.fuzz // 100, options.seed)
    for thread in (disasters, fuzz, hostile):
        thread.start()
    ended = threading.Thread(target=_run, args=([*honest],))
    ended.start()
    deadline = time.monotonic() + options.minutes * 60 if options.minutes else float("inf")
    while ended.is_alive() or fuzz.is_alive() or hostile.is_alive():
        if time.monotonic() > deadline:
            ledger.closed = True
            fuzz.over.set()
            hostile.over.set()
        for thread in (ended, fuzz, hostile):
            thread.join(SAMPLE_SECONDS / 3)
        memory.append(daemon.memory)
    disasters.end()
    eventually(lambda: _idle(daemon), within=60)
    heard, quarters = sorted(ledger.first_audio), [memory[len(memory) * quarter // 4] for quarter in range(4)]
    return {
        "seed": options.seed,
        "fuzz_messages": fuzz.sent + hostile.sent,
        "disasters": dict(disasters.count),
        "memory_mb": [round(each / 2**20, 1) for each in (*quarters, daemon.memory)],
        "descriptors_grown": process.num_fds() - descriptors,
        "first_audio_p50": round(heard[len(heard) // 2], 3) if heard else None,
        "first_audio_p99": round(heard[len(heard) * 99 // 100], 3) if heard else None,
        "servers": adapters.problems(),
        "server_errors": hostile.blamed_server,
        "log": daemon.log()[-2000:],
    }


def _left_behind(home: Path) -> list[str]:
    """Files of half a write that nobody will finish."""
    return [str(path.relative_to(home)) for path in home.rglob("*") if ".tmp" in path.name or path.name[:4] == ".new"]


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
    deadline = time.monotonic() + options.minutes * 12 if options.minutes else float("inf")
    while any(client.is_alive() for client in clients):
        time.sleep(KILL_EVERY_SECONDS)
        ledger.closed = time.monotonic() > deadline
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
    parser.add_argument("--minutes", type=float, help="of the storm at most; the report says how much was done in it")
    parser.add_argument("--tones", action="store_true", help="a speaker of tones in place of the voices")
    parser.add_argument("--out", type=Path, help="also write the ledger here, as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
