"""From nothing to the large model: what `models pull` and the first sentence take, in time, memory and disk.

``python -m benchmarks.pull CHECKPOINT [--limit BYTES] [--home FOLDER]`` plays the hub on the loopback with a checkpoint
of ``tools.random_checkpoint --s1-mini``, pulls it as a person does, in an empty home, and lets it speak. ``--limit``
puts both into a control group with so much memory (Linux, as root). Three to five minutes; nothing else should run.

``--kills 10`` kills the pull at so many random moments first, and starts it again each time. The exit status is 1 if
anything half made was listed or spoken, or if it did not finish. Some twenty minutes; other things may run.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.harness.hub import Hub, serving

VOICE = "large-fish"
REPO = f"someone/{VOICE}"
TEXT = "The large model speaks from this machine now, and nothing was missing on the way."
GROUPS = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/memory"))
"""Of the second and of the first version."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--limit", type=int, help="bytes of memory, page cache included")
    parser.add_argument("--home", type=Path, help="where to put it all; by default a temporary folder")
    parser.add_argument("--precision", default="int4")
    parser.add_argument("--kills", type=int, default=0, help="at random moments, before it is let finish")
    parser.add_argument("--within", type=float, default=180, help="seconds of a pull in which a kill falls")
    parser.add_argument("--seed", type=int, default=1, help="of those moments")
    options = parser.parse_args()
    hub = Hub.of(REPO, options.checkpoint)
    for file in hub.files:
        hub.digest(file)  # the hub's own work, done beforehand
    with tempfile.TemporaryDirectory(dir=options.home) as name, limited(options.limit) as group, serving(hub):
        person = Person(Path(name), hub.address, group)
        moments = random.Random(options.seed)
        for number in range(options.kills):
            kill(person, options.precision, number, moments.uniform(0, options.within))
        run(person, options.precision)


class Person:
    """Somebody with an empty home, whose processes are in ``group``, where there is one."""

    def __init__(self, home: Path, hub: str, group: Path | None) -> None:
        self.home, self._group = home, group
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("HF_", "FISHVOICE_"))},
            "FISHVOICE_HOME": str(home / "fishvoice"),
            "HF_HOME": str(home / "hub"),
            "HF_ENDPOINT": hub,
            "HF_HUB_DISABLE_XET": "1",
        }

    def does(self, *arguments: str, program: str = "fishvoice") -> None:
        """A command, and a line of what it took: its own memory's peak, not that of the daemon it may start."""
        command = ["/usr/bin/time", "-f", "%e s, %U s of CPU and %S s of the system's, peak %M KB"]
        if self._group is not None:
            command[:0] = ["/bin/sh", "-c", 'echo $$ > "$0/cgroup.procs"; exec "$@"', str(self._group)]
        subprocess.run([*command, sys.executable, "-m", program, *arguments], env=self._environment, check=True)

    def begins(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A command that is not waited for, and says nothing."""
        command = [sys.executable, "-m", "fishvoice", *arguments]
        quiet = subprocess.DEVNULL
        return subprocess.Popen(command, env=self._environment, stdout=quiet, stderr=quiet)

    def asks(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command that may fail."""
        command = [sys.executable, "-m", "fishvoice", *arguments]
        return subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)

    def status(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.asks("status", "--json").stdout)
        return found


def pulling(precision: str) -> tuple[str, ...]:
    return ("models", "pull", REPO, "--precision", precision, "--codec-precision", "int8")


def kill(person: Person, precision: str, number: int, seconds: float) -> None:
    """Start a pull, kill it after so long, and look for anything half made. One that ends before that is removed, so
    that the next one has something to do."""
    pull = person.begins(*pulling(precision))
    try:
        pull.wait(seconds)
    except subprocess.TimeoutExpired:
        pull.kill()
        pull.wait()
        listed, said = person.asks("models", "list"), person.asks("say", "--voice", VOICE, TEXT, "--out", os.devnull)
        if VOICE in listed.stdout or "damaged" in listed.stdout + listed.stderr or said.returncode == 0:
            sys.exit(f"half of a model is there after {seconds:.1f} s:\n{listed.stdout}{listed.stderr}{said.stderr}")
        parts = [path.name for path in sorted((person.home / "fishvoice/cache/models").glob("*/*"))]
        print(f"kill {number + 1} after {seconds:.1f} s; kept: {', '.join(parts) or 'nothing yet'}", flush=True)
    else:
        print(
            f"kill {number + 1}: it had ended with {pull.returncode} before its {seconds:.1f} s; begun anew", flush=True
        )
        person.asks("models", "remove", VOICE)
    finally:
        person.asks("shutdown")


def run(person: Person, precision: str) -> None:
    with watching(person.home) as most:
        person.does(*pulling(precision))
    hub, own = (taken(person.home / name) / 1e9 for name in ("hub", "fishvoice"))
    print(f"disk: {hub:.2f} GB in the hub's cache, {own:.2f} GB for good, {most[0] / 1e9:.2f} GB at most")
    person.does("models", "verify")
    person.does("models", "show", VOICE)  # with what it is predicted to cost
    try:
        for _ in range(2):  # the first starts the daemon and loads the model
            person.does("say", "--voice", VOICE, TEXT, "--out", str(person.home / "said.wav"))
        status = person.status()
        print(json.dumps({key: status.get(key) for key in ("models", "memory", "rtf")}, indent=1))
    finally:
        person.does("shutdown")
    (folder,) = (person.home / "fishvoice" / "cache" / "models").glob(f"{VOICE}-*")
    person.does("calibrate", str(folder), program="fishvoiced")
    person.does("models", "show", VOICE)  # with what it was measured to cost


@contextmanager
def watching(folder: Path) -> Iterator[list[int]]:
    """The most that was in ``folder`` meanwhile, as the one item of a list, looked at twice a second."""
    most, ended = [0], threading.Event()

    def look() -> None:
        while not ended.wait(0.5):
            most[0] = max(most[0], taken(folder))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield most
    finally:
        ended.set()
        watcher.join()


def taken(folder: Path) -> int:
    """Bytes on the disk below ``folder``."""
    found = subprocess.run(["du", "-s", "--block-size=1", str(folder)], capture_output=True, text=True, check=False)
    return int(found.stdout.split()[0])


@contextmanager
def limited(limit: int | None) -> Iterator[Path | None]:
    """A control group with so much memory; afterwards what it took at most is told."""
    if limit is None:
        yield None
        return
    second = (GROUPS[0] / "cgroup.controllers").exists()
    group = GROUPS[0 if second else 1] / f"fishvoice-{os.getpid()}"
    group.mkdir()
    (group / ("memory.max" if second else "memory.limit_in_bytes")).write_text(str(limit))
    try:
        yield group
        most = int((group / ("memory.peak" if second else "memory.max_usage_in_bytes")).read_text())
        print(f"the group took {most / 1e9:.2f} of {limit / 1e9:.2f} GB at most, pages of files included")
    finally:
        deadline = time.monotonic() + 20
        while (group / "cgroup.procs").read_text() and time.monotonic() < deadline:
            time.sleep(0.1)
        group.rmdir()


if __name__ == "__main__":
    main()
