"""How the daemon is: counters, figures and the `status` map."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

import psutil

from fishvoice.protocol import VERSION as PROTOCOL
from fishvoiced.server.latency import LatencyEstimator
from fishvoiced.version import __version__
from fishvoiced.voices.base import Loaded

State: TypeAlias = Literal["loading", "ready", "degraded", "draining"]
Outcome: TypeAlias = Literal["complete", "cancelled", "error", "refused", "vanished"]
Thermal: TypeAlias = Callable[[], Mapping[str, Any] | None]


@dataclass(frozen=True)
class LoopState:
    """What the loop is busy with at this moment."""

    state: State
    problem: str | None
    voice: str | None
    loaded: Sequence[Loaded]
    voices: int
    damaged: Mapping[str, str]
    clients: int
    waiting: int
    active: int
    limit: int
    current: str | None
    expires: Mapping[str, float | None] = field(default_factory=dict)
    """Seconds until a loaded model goes; None: it stays."""


@dataclass
class Counters:
    """Since the start."""

    requests: int = 0
    complete: int = 0
    cancelled: int = 0
    error: int = 0
    refused: int = 0
    vanished: int = 0
    bad_messages: int = 0
    underruns: int = 0
    rebuilds: int = 0
    frames: int = 0
    audio_seconds: float = 0.0


@dataclass
class StatusReport:
    """Figures that the loop writes and that `status` and the metrics endpoint read."""

    config_path: str
    wake: Callable[[], None]
    thermal: Thermal
    counters: Counters = field(default_factory=Counters)
    pace: LatencyEstimator = field(default_factory=LatencyEstimator)
    _born: float = field(default_factory=time.monotonic)
    _process: psutil.Process = field(default_factory=psutil.Process)
    _asked: threading.Event = field(default_factory=threading.Event)
    _answered: threading.Event = field(default_factory=threading.Event)
    _answer: dict[str, Any] = field(default_factory=dict)

    def ended(self, outcome: Outcome) -> None:
        """Count the end of a request."""
        setattr(self.counters, outcome, getattr(self.counters, outcome) + 1)

    def report(self, doing: LoopState) -> dict[str, Any]:
        """The `status` map; its fields are described in ``docs/operations.md``."""
        memory = self._process.memory_info()
        first = doing.loaded[0] if doing.loaded else None
        status: dict[str, Any] = {
            "version": __version__,
            "protocol": PROTOCOL,
            "pid": os.getpid(),
            "uptime_seconds": round(time.monotonic() - self._born, 3),
            "state": doing.state,
            "problem": doing.problem,
            "voice": doing.voice,
            "model": first.model if first else None,
            "engine": first.engine if first else None,
            "precision": first.precision if first else None,
            "models": [
                asdict(loaded) | {"expires_seconds": doing.expires.get(loaded.model)} for loaded in doing.loaded
            ],
            "voices": doing.voices,
            "damaged": dict(doing.damaged),
            "clients": doing.clients,
            "queue": {"waiting": doing.waiting, "active": doing.active, "limit": doing.limit, "current": doing.current},
            "counters": asdict(self.counters),
            "rtf": self.pace.rtf,
            "first_audio_seconds": self.pace.first_audio_percentiles(),
            "memory": {"rss_bytes": memory.rss},
            "threads": self._process.num_threads(),
            "thermal": self.thermal(),
            "config": self.config_path,
        }
        return status

    def resident(self) -> int:
        """Bytes of memory that the process holds."""
        return int(self._process.memory_info().rss)

    def ask(self) -> dict[str, Any]:
        """A fresh report for another thread; empty if the loop does not come round within a second."""
        self._answered.clear()
        self._asked.set()
        self.wake()
        return self._answer if self._answered.wait(1.0) else {}

    def answer(self, report: Callable[[], dict[str, Any]]) -> None:
        """Called once per loop iteration: answer a pending `ask` with a fresh report."""
        if self._asked.is_set():
            self._asked.clear()
            self._answer = report()
            self._answered.set()
