"""What befalls: clients killed and stopped, storms, garbage, fuzz, floods, damaged stores, full disks."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fishvoice.protocol import Synthesize, Voices
from tools.harness.daemon_process import Daemon, client_process
from tools.harness.fuzz import PER_CONNECTION, frames, listen, noise

DISK_MEGABYTES = 256
DAMAGED = ["[]", "{", '{"format":1,"files":{"../x":[1,"2"]}}', "\0" * 1000]  # contents of any file


@contextmanager
def small_disk(home: Path) -> Iterator[bool]:
    """``home`` on a disk of its own that can be filled; False where this user may mount none."""
    mounted = sys.platform == "linux" and os.geteuid() == 0
    if mounted:
        command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m,mode=0700", "chaos", str(home)]
        mounted = subprocess.run(command, check=False, capture_output=True).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(home)], check=False)


class Disasters(threading.Thread):
    """One after the other, drawn by ``seed``, until told to end. ``count`` says how many of each there were.

    ``disk``: whether the daemon's home lies on a disk of its own, which may be filled.
    """

    def __init__(self, daemon: Daemon, seed: int, *, disk: bool = False) -> None:
        super().__init__(daemon=True)
        self._daemon, self._disk = daemon, disk
        self._chance = random.Random(seed)
        self._over = threading.Event()
        self.count: Counter[str] = Counter()

    def once_each(self) -> None:
        """What only the first of them costs is paid now."""
        for kind in self._kinds():
            kind()

    def _kinds(self) -> list[Callable[[], None]]:
        kinds: list[Callable[[], None]] = [self._killed, self._stopped, self._storm, self._garbage, self._flood]
        kinds += [self._damaged_store, self._damaged_voice, self._large, *([self._full_disk] if self._disk else [])]
        return kinds

    def run(self) -> None:
        kinds = self._kinds()
        while not self._over.is_set():
            kind = self._chance.choice(kinds)
            kind()
            self.count[kind.__name__.strip("_")] += 1
            self._over.wait(self._chance.random() * 0.2)

    def end(self) -> None:
        self._over.set()
        self.join(60)

    def _killed(self) -> None:
        with client_process(self._daemon, credit=64, then="read") as client:
            client.kill()

    def _stopped(self) -> None:
        with client_process(self._daemon, credit=4, then="read") as client:
            client.send_signal(signal.SIGSTOP)
            time.sleep(0.3)

    def _storm(self) -> None:
        clients = [self._daemon.client() for _ in range(30)]
        for client in clients:
            client.speak("one two three. " * 3, priority="progress")
        for client in clients:
            client.close()

    def _garbage(self) -> None:
        for _ in range(20):
            noise(self._daemon, self._chance)

    def _flood(self) -> None:
        """Connections that say nothing."""
        path = self._daemon.endpoints.control.removeprefix("ipc://")
        silent = [socket.socket(socket.AF_UNIX) for _ in range(100)]
        for one in silent:
            with suppress(OSError):
                one.connect(path)
        for one in silent:
            one.close()

    def _damaged_store(self) -> None:
        """A model folder of garbage comes, and goes."""
        about = self._daemon.home / "cache" / "models" / "hostile" / "about"
        about.mkdir(parents=True, exist_ok=True)
        self._lies_there(about / "manifest.json")

    def _damaged_voice(self) -> None:
        """The same with a saved voice, and with one of Piper's."""
        for name in ("voices/hostile/voice.json", "piper/hostile/hostile.onnx.json"):
            file = self._daemon.home / "data" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            self._lies_there(file)

    def _lies_there(self, file: Path) -> None:
        with suppress(OSError):  # the disk may be full
            file.write_text(self._chance.choice(DAMAGED))
        with self._daemon.client() as client:
            client.status()
            client.ask(Voices())
        file.unlink(missing_ok=True)

    def _full_disk(self) -> None:
        """Nothing can be written, and one sentence is asked for; then there is room again."""
        fill = self._daemon.home / "fill"
        try:
            with fill.open("wb", buffering=0) as file, suppress(OSError):
                while True:
                    file.write(b"\0" * (1 << 20))
            with self._daemon.client() as client:
                client.until_end(client.speak("The disk is full.", priority="important"), within=120)
                client.status()
        finally:
            fill.unlink(missing_ok=True)

    def _large(self) -> None:
        with self._daemon.client() as client:
            client.send(Synthesize(id="large", text="x. " * 30_000, payload=b"\0" * (8 << 20), priority="progress"))


class Fuzz(threading.Thread):
    """``count`` bad messages, half to each socket."""

    def __init__(self, daemon: Daemon, count: int, seed: int) -> None:
        super().__init__(daemon=True)
        self._daemon, self._count = daemon, count
        self._chance = random.Random(seed)
        self.sent = 0
        self.over = threading.Event()

    def run(self) -> None:
        while self.sent < self._count and not self.over.is_set():
            with self._daemon.client() as attacker:
                for _ in range(min(PER_CONNECTION, self._count - self.sent)):
                    attacker_socket = self._chance.choice([attacker.synthesis, attacker.control])
                    attacker_socket.send_multipart(_harmless(frames(self._chance)))
                    listen(attacker, 0)
                    self.sent += 1
                listen(attacker, 5)


def _harmless(message: list[bytes]) -> list[bytes]:
    """A mutated Cancel or Shutdown that happens to be a real one would end what others asked for: not the daemon's
    mistake, and a wrong sum in the ledger."""
    text = b"".join(message)
    return [b"\xc1"] if b"cancel" in text or b"shutdown" in text else message


def write(path: Path, report: object) -> None:
    """The ledger, for the next run to be compared with."""
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
