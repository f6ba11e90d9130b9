"""The governor of a real machine: the monitor's advice about heat, turned into rests between frames."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from fishvoiced.config import Config
from fishvoiced.governor import Rest
from fishvoiced.hardware.collect import collect
from fishvoiced.hardware.doors import live_doors
from fishvoiced.hardware.threads import thread_budget
from fishvoiced.monitor.evidence import Policy
from fishvoiced.monitor.history import History
from fishvoiced.monitor.monitor import Monitor, MonitorEvent
from fishvoiced.monitor.throttle import Phase, WaitBudget

log = logging.getLogger(__name__)

# The advice speaks of a pause between segments. It is spread over the frames of a typical one: no gap is heard.
SEGMENT_SECONDS = 4.0
CALM = frozenset({Phase.NORMAL, Phase.BLIND})
SERIES = 60  # how many temperatures and RTFs the report shows


class Thermostat:
    """Implements `fishvoiced.governor.Governor`. Until the monitor is there, nothing is slowed down."""

    def __init__(self, make: Callable[[], Monitor]) -> None:
        self._make = make
        self._monitor: Monitor | None = None
        self._budgets: dict[int, WaitBudget] = {}
        self._starter = threading.Thread(target=self._start, name="monitor-start", daemon=True)
        self._starter.start()  # looking at the machine takes a while, and nobody has to wait for it

    def rest(self, key: int, frame_seconds: float) -> Rest:
        if self._monitor is None:
            return Rest()
        advice = self._monitor.advice()
        wanted = advice.wait_s or advice.pause_s * frame_seconds / SEGMENT_SECONDS
        state = None if advice.phase in CALM else advice.phase.value
        if wanted <= 0:
            return Rest(0.0, state)
        return Rest(self._budgets.setdefault(key, WaitBudget()).grant(wanted), state)

    def busy(self, working: bool) -> None:
        if self._monitor is not None:
            self._monitor.set_busy(working)

    def worked(self, model: str, frames: int, cpu_seconds: float) -> None:
        if self._monitor is not None:
            self._monitor.frames(model, frames, cpu_seconds)

    def finished(self, key: int, rtf: float | None) -> None:
        self._budgets.pop(key, None)
        if self._monitor is not None and rtf is not None:
            told = self._monitor.finished(rtf)
            if told is not None:
                log.info("%s", told.text)

    def report(self) -> Mapping[str, Any] | None:
        """Keys as `fishvoiced.monitor.top` reads them; °C, W, and shares of the usual throughput."""
        if self._monitor is None:
            return None
        seen = self._monitor.snapshot()
        points = self._monitor.history.points()[-SERIES:]
        return {
            "phase": seen.advice.phase.value,
            "reasons": list(seen.advice.reasons),
            "threads": seen.advice.threads,
            "temperature": seen.temperature,
            "power": seen.power,
            "throughput": seen.throughput,
            "problem": seen.problem,
            "air": None if seen.air is None else seen.air.text,
            "temperatures": [point.temperature for point in points if point.temperature is not None],
            "rtfs": [point.rtf for point in points if point.rtf is not None],
        }

    def stop(self) -> None:
        self._starter.join()
        if self._monitor is not None:
            self._monitor.stop()

    def _start(self) -> None:
        try:
            monitor = self._make()
            monitor.start()
        except Exception:
            log.exception("nothing watches the heat of this machine; synthesis goes on without protection")
        else:
            self._monitor = monitor


def installed(settings: Config, history: History) -> Thermostat:
    """The thermostat of this machine."""

    def make() -> Monitor:
        facts = collect()
        threads = settings.engine.threads or thread_budget(facts).threads
        policy = Policy(threads=threads, fanless=bool(facts.fanless))
        return Monitor(live_doors(), policy, history=history, listener=tell)

    return Thermostat(make)


def tell(event: MonitorEvent) -> None:
    """A new phase, into the log."""
    log.warning("heat: %s", event.message)
