"""Throughput: frames per CPU-second relative to this process's own baseline; needs no sensor."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from statistics import median

from fishvoiced.monitor.reading import Quantity, Reading

# A window closes when it holds this much: less would measure the scheduler's moods.
WINDOW_FRAMES = 40
WINDOW_CPU_SECONDS = 1.0
# The median of so many windows is the first baseline.
FIRST_WINDOWS = 3
# A ratio older than this says nothing about now.
FRESH_SECONDS = 15.0
# Faster windows pull the baseline up by this share; slower ones never pull it down.
_RISE = 0.2
_MOST_KEYS = 16


@dataclass(slots=True)
class _Window:
    frames: int = 0
    cpu_seconds: float = 0.0


@dataclass(slots=True)
class _Baseline:
    first: list[float]
    rate: float | None = None


class Throughput:
    """Collects (frames, CPU-seconds) from the inference thread; read by the monitor's thread.

    CPU-seconds rather than wall seconds, so that other programs' load is no sign of heat.
    Baselines are kept per configuration (model, precision, threads), for only equals compare.
    """

    name = "throughput"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows: dict[str, _Window] = {}
        self._baselines: dict[str, _Baseline] = {}
        self._latest: tuple[float, float, float] | None = None  # (at, ratio, frames per CPU-second)

    def add(self, key: str, frames: int, cpu_seconds: float, now: float) -> None:
        """Count decoded frames and the CPU-seconds that all inference threads took for them.

        Negative, zero and non-finite CPU times are ignored: a clock that jumped.
        """
        if frames <= 0 or not math.isfinite(cpu_seconds) or cpu_seconds <= 0:
            return
        with self._lock:
            window = self._windows.setdefault(key, _Window())
            window.frames += frames
            window.cpu_seconds += cpu_seconds
            if window.frames >= WINDOW_FRAMES and window.cpu_seconds >= WINDOW_CPU_SECONDS:
                del self._windows[key]
                self._close(key, window.frames / window.cpu_seconds, now)
            while len(self._windows) > _MOST_KEYS:
                del self._windows[next(iter(self._windows))]

    def _close(self, key: str, rate: float, now: float) -> None:
        baseline = self._baselines.setdefault(key, _Baseline([]))
        if baseline.rate is None:
            baseline.first.append(rate)
            if len(baseline.first) < FIRST_WINDOWS:
                return
            baseline.rate = median(baseline.first)
        elif rate > baseline.rate:
            baseline.rate += _RISE * (rate - baseline.rate)
        self._latest = (now, rate / baseline.rate, rate)
        while len(self._baselines) > _MOST_KEYS:
            del self._baselines[next(iter(self._baselines))]

    def readings(self, now: float) -> tuple[Reading, ...]:
        """The latest ratio to the baseline (1 = as ever), or nothing when it is not fresh."""
        latest = self._latest
        if latest is None or not 0 <= now - latest[0] <= FRESH_SECONDS:
            return ()
        return (Reading(self.name, Quantity.THROUGHPUT, min(latest[1], 100.0), latest[0]),)

    def rate(self, now: float) -> float | None:
        """The latest frames per CPU-second, or None when it is not fresh."""
        latest = self._latest
        return latest[2] if latest is not None and 0 <= now - latest[0] <= FRESH_SECONDS else None
