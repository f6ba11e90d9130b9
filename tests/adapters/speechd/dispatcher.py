"""speech-dispatcher's side of its protocol: a real module process, driven through its pipes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Event:
    """A whole reply or event: its code, the lines before the last, and when it came."""

    code: int
    lines: tuple[bytes, ...]
    at: float

    @property
    def pcm(self) -> bytes:
        escaped = self.lines[-1].removeprefix(b"AUDIO\0")
        return escaped.replace(b"\x7d\x2a", b"\n").replace(b"\x7d\x5d", b"\x7d")


@dataclass
class Dispatcher:
    """Starts the module, with ``configuration`` for its file, and greets it; ``events`` are all it has said since."""

    configuration: Path | None = None
    events: list[Event] = field(default_factory=list)

    def __enter__(self) -> Dispatcher:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("client", "daemon"))}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fishvoice.adapters.speechd", *([self.configuration] if self.configuration else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        self.ask("INIT\n", 299)
        self.ask("AUDIO\naudio_output_method=server\n.\n", 203)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._thread.join(5)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()

    def send(self, text: str | bytes) -> float:
        """Write to the module; returns when."""
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode() if isinstance(text, str) else text)
        self.process.stdin.flush()
        return time.monotonic()

    def ask(self, text: str | bytes, code: int) -> Event:
        """Send ``text`` and wait for the reply or event ``code``."""
        since = len(self.events)
        self.send(text)
        return self.wait(code, since)

    def speak(self, text: str = "<speak>Hello there.</speak>", kind: str = "SPEAK") -> int:
        """Have ``text`` spoken; returns how many events there were before."""
        since = len(self.events)
        self.ask(f"{kind}\n{text}\n.\n", 200)
        return since

    def wait(self, code: int, since: int = 0, within: float = 10.0) -> Event:
        """The first event ``code`` after the first ``since`` ones."""
        found: list[Event] = []

        def there() -> bool:
            found[:] = [event for event in self.events[since:] if event.code == code]
            return bool(found)

        self.until(there, within, f"{code} does not come: {[event.code for event in self.events[since:]]}")
        return found[0]

    def codes(self, since: int) -> list[int]:
        """Event codes, sound only once."""
        codes = [event.code for event in self.events[since:] if event.code >= 700]
        return [code for code, before in zip(codes, [0, *codes], strict=False) if code != before]

    def until(self, question: Callable[[], bool], within: float, why: str) -> None:
        deadline = time.monotonic() + within
        while not question():
            assert time.monotonic() < deadline, why
            time.sleep(0.002)

    def _read(self) -> None:
        assert self.process.stdout is not None
        lines: list[bytes] = []
        for line in iter(self.process.stdout.readline, b""):
            line = line.removesuffix(b"\n")
            if line[3:4] == b"-":
                lines.append(line[4:])
            else:
                self.events.append(Event(int(line[:3]), tuple(lines), time.monotonic()))
                lines = []
