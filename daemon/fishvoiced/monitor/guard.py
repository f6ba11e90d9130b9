"""GuardedProbe: the one wrapper around every probe: time limit, plausibility, staleness, back-off."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Protocol

from fishvoiced.monitor.reading import Reading, Unavailable, plausible

# A probe that takes longer has hung; the facts of all sensors come within milliseconds.
TIME_LIMIT_SECONDS = 1.0
FAILURES_UNTIL_STALE = 3
FIRST_BACKOFF_SECONDS = 2.0
LONGEST_BACKOFF_SECONDS = 60.0


class ProbeError(Exception):
    """A probe has no reading now. ``absent``: nothing of the kind exists here, so ask rarely."""

    def __init__(self, reason: str, hint: str = "", *, absent: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.hint, self.absent = reason, hint, absent


class Probe(Protocol):
    """One source. ``interval_seconds`` is the least time between two reads (0: every poll)."""

    @property
    def name(self) -> str: ...

    @property
    def interval_seconds(self) -> float: ...

    def read(self, now: float) -> tuple[Reading, ...]:
        """The readings of this moment; none when a first sample is still needed.

        Raises ProbeError or OSError when there is nothing to read.
        """
        ...


Outcome = tuple[Reading, ...] | Unavailable


class GuardedProbe:
    """Polls one probe so that a sensor that hangs, fails or returns nonsense does no harm."""

    def __init__(self, probe: Probe, *, time_limit_seconds: float = TIME_LIMIT_SECONDS) -> None:
        self.probe = probe
        self._limit = time_limit_seconds
        self._worker: _Worker | None = None
        self._failures = 0
        self._last: Outcome = Unavailable(probe.name, "not read yet")
        self._next_at: float | None = None

    @property
    def outcome(self) -> Outcome:
        """What the last poll returned."""
        return self._last

    def poll(self, now: float) -> Outcome:
        """Readings or the reason for none; asks the probe only when it is due."""
        wait = 0.0 if self._next_at is None else self._next_at - now
        # A clock that jumped back must not silence a probe for longer than a back-off.
        if 0 < wait <= max(LONGEST_BACKOFF_SECONDS, self.probe.interval_seconds):
            return self._last
        try:
            readings = self._read(now)
        except ProbeError as error:
            return self._failed(error, now)
        except (OSError, ValueError, RecursionError) as error:  # the last two: a source in another format
            return self._failed(ProbeError(f"{type(error).__name__}: {error}"), now)
        self._failures = 0
        self._next_at = now + self.probe.interval_seconds
        self._last = readings
        return readings

    def _read(self, now: float) -> tuple[Reading, ...]:
        if self._worker is None:
            self._worker = _Worker(self.probe.name)
        found = self._worker.call(lambda: self.probe.read(now), self._limit)
        good = tuple(reading for reading in found if plausible(reading))
        if found and not good:
            values = ", ".join(f"{reading.value:g}" for reading in found)
            raise ProbeError(f"implausible: {values}")
        return good

    def _failed(self, error: ProbeError, now: float) -> Outcome:
        self._failures += 1
        if error.absent:
            self._next_at = now + LONGEST_BACKOFF_SECONDS
        elif self._failures >= FAILURES_UNTIL_STALE:
            doublings = min(self._failures - FAILURES_UNTIL_STALE, 6)
            self._next_at = now + min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2**doublings)
        elif isinstance(self._last, tuple) and self._last:
            return self._last  # a hiccup: the reading of a moment ago still stands
        self._last = Unavailable(self.probe.name, error.reason, error.hint)
        return self._last


class _Worker:
    """A thread of its own for one probe: a read that hangs is left behind, not waited for."""

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[Callable[[], tuple[Reading, ...]]] = SimpleQueue()
        self._results: SimpleQueue[tuple[Reading, ...] | Exception] = SimpleQueue()
        self._hung = False
        threading.Thread(target=self._serve, name=f"fishvoice-{name}", daemon=True).start()

    def call(self, job: Callable[[], tuple[Reading, ...]], limit_seconds: float) -> tuple[Reading, ...]:
        if self._hung:  # at most one read hangs, so a dead sensor costs one thread
            try:
                self._results.get_nowait()
            except Empty as error:
                raise ProbeError("still hangs in an earlier read") from error
            self._hung = False
        self._jobs.put(job)
        try:
            result = self._results.get(timeout=limit_seconds)
        except Empty as error:
            self._hung = True
            raise ProbeError(f"no answer within {limit_seconds:g} s") from error
        if isinstance(result, Exception):
            raise result
        return result

    def _serve(self) -> None:
        while True:
            job = self._jobs.get()
            try:
                self._results.put(job())
            except Exception as error:  # noqa: BLE001 - handed over and raised by the caller
                self._results.put(error)
