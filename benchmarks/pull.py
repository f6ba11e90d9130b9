"""From nothing to the large model: what `models pull` and the first sentence take, in time, memory and disk.

``python -m benchmarks.pull CHECKPOINT [--limit BYTES] [--home FOLDER]`` plays the hub on the loopback with a checkpoint
of ``tools.random_checkpoint --s1-mini``, pulls it as a person does, in an empty home, and lets it speak. ``--limit``
puts both into a control group with so much memory (Linux, as root). Two to three minutes; nothing else should run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.harness.hub import Hub, serving

REPO = "someone/large-fish"
TEXT = "The large model speaks from this machine now, and nothing was missing on the way."
GROUPS = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/memory"))
"""Of the second and of the first version."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--limit", type=int, help="bytes of memory, page cache included")
    parser.add_argument("--home", type=Path, help="where to put it all; by default a temporary folder")
    parser.add_argument("--precision", default="int4")
    options = parser.parse_args()
    hub = Hub.of(REPO, options.checkpoint)
    for file in hub.files:
        hub.digest(file)  # the hub's own work, done beforehand
    with tempfile.TemporaryDirectory(dir=options.home) as name, limited(options.limit) as group, serving(hub):
        run(Person(Path(name), hub.address, group), options.precision)


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

    def does(self, *arguments: str) -> None:
        """A command, and a line of what it took: its own memory's peak, not that of the daemon it may start."""
        command = ["/usr/bin/time", "-f", "%e s, %U s of CPU and %S s of the system's, peak %M KB"]
        if self._group is not None:
            command[:0] = ["/bin/sh", "-c", 'echo $$ > "$0/cgroup.procs"; exec "$@"', str(self._group)]
        subprocess.run([*command, sys.executable, "-m", "fishvoice", *arguments], env=self._environment, check=True)

    def status(self) -> dict[str, object]:
        command = [sys.executable, "-m", "fishvoice", "status", "--json"]
        answer = subprocess.run(command, env=self._environment, capture_output=True, check=True)
        found: dict[str, object] = json.loads(answer.stdout)
        return found


def run(person: Person, precision: str) -> None:
    with watching(person.home) as most:
        person.does("models", "pull", REPO, "--precision", precision, "--codec-precision", "int8")
    hub, own = (taken(person.home / name) / 1e9 for name in ("hub", "fishvoice"))
    print(f"disk: {hub:.2f} GB in the hub's cache, {own:.2f} GB for good, {most[0] / 1e9:.2f} GB at most")
    try:
        for _ in range(2):  # the first starts the daemon and loads the model
            person.does("say", "--voice", "large-fish", TEXT, "--out", str(person.home / "said.wav"))
        status = person.status()
        print(json.dumps({key: status.get(key) for key in ("models", "memory", "rtf")}, indent=1))
    finally:
        person.does("shutdown")


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
