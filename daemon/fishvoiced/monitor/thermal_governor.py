"""The governor of a real machine: a monitor of its heat, and each request's pacing by the monitor's advice."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fishvoice.protocol import Priority
from fishvoiced import config
from fishvoiced.hardware.detect.collect import collect
from fishvoiced.hardware.detect.system_access import system_access
from fishvoiced.hardware.threads import thread_budget
from fishvoiced.inference.governor import Delay, StepCost
from fishvoiced.monitor.evidence import Policy
from fishvoiced.monitor.monitor import BUSY_SECONDS, IDLE_SECONDS, Monitor, MonitorEvent
from fishvoiced.monitor.pacing import Pacing
from fishvoiced.monitor.records.history import History
from fishvoiced.monitor.records.journal import Journal
from fishvoiced.monitor.status import thermal_status

log = logging.getLogger(__name__)

CHARACTERS_PER_SECOND = 15.0
"""How fast people speak."""


class ThermalGovernor:
    """Implements `fishvoiced.inference.governor.Governor`. Until the monitor is there, nothing is slowed down."""

    def __init__(self, make: Callable[[], Monitor]) -> None:
        self._make = make
        self._monitor: Monitor | None = None
        self._begun: dict[int, tuple[Priority, float | None]] = {}
        self._pacings: dict[int, Pacing] = {}
        self._starter = threading.Thread(target=self._start, name="monitor-start", daemon=True)
        self._starter.start()  # looking at the machine takes a while, and nobody has to wait for it

    def began(self, key: int, priority: Priority, rtf: float | None) -> None:
        self._begun[key] = (priority, rtf)
        if key in self._pacings:
            self._pacings[key].goes_on(rtf)

    def wants_lighter(self, key: int, characters: int) -> bool:
        pacing = self._pacing(key)
        return pacing is not None and pacing.would_rest(characters / CHARACTERS_PER_SECOND)

    def rest(self, key: int) -> Delay:
        pacing = self._pacing(key)
        if pacing is None:
            return Delay()
        expected = pacing.expected_rest()
        seconds = pacing.rest()
        return Delay(seconds, pacing.throttle_state(), expected, pacing.left_seconds)

    def step_done(self, key: int, step: StepCost) -> None:
        pacing = self._pacing(key)
        if pacing is not None:
            pacing.step_done(step.work_seconds, step.sound_seconds, step.cpu_seconds, segment_ended=step.ends_segment)

    def busy(self, working: bool, waiting: int = 0) -> None:
        if self._monitor is not None:
            self._monitor.set_busy(working, waiting)

    def worked(self, model: str, frames: int, cpu_seconds: float) -> None:
        # Precision and threads are the model's for as long as this process lives: its name alone tells equals.
        if self._monitor is not None:
            self._monitor.frames(model, frames, cpu_seconds)

    def spoken(self, voice: str, rtf: float | None, sound_seconds: float) -> str | None:
        if self._monitor is None or rtf is None:
            return None
        return self._monitor.finished(rtf, voice, sound_seconds)

    def finished(self, key: int) -> None:
        self._begun.pop(key, None)
        self._pacings.pop(key, None)

    def report(self) -> Mapping[str, Any] | None:
        if self._monitor is None:
            return None
        return thermal_status(self._monitor.snapshot(), self._monitor.history.points())

    def stop(self) -> None:
        self._starter.join()
        if self._monitor is not None:
            self._monitor.stop()

    def _pacing(self, key: int) -> Pacing | None:
        """The request's; one that began before the monitor was there gets its own when it is."""
        if key not in self._pacings and key in self._begun and self._monitor is not None:
            watch, (priority, rtf) = self._monitor, self._begun[key]
            self._pacings[key] = Pacing(watch.advice, watch.threads, priority, rtf, lambda: watch.own_share)
        return self._pacings.get(key)

    def _start(self) -> None:
        try:
            monitor = self._make()
            monitor.start()
        except Exception:
            log.exception("nothing watches the heat of this machine; synthesis goes on without protection")
        else:
            self._monitor = monitor


def installed(settings: config.Config, history: History, journal: Journal) -> ThermalGovernor:
    """The governor of this machine, with its sensors and the user's settings."""

    def make() -> Monitor:
        facts = collect()
        threads = settings.engine.threads or thread_budget(facts).threads
        watched = settings.monitor
        return Monitor(
            system_access(Path(watched.root or "/")),
            scaled(Policy(threads=threads, fanless=bool(facts.fanless)), watched.time_scale),
            history=history,
            journal=journal,
            listener=log_event,
            busy_seconds=BUSY_SECONDS * watched.time_scale,
            idle_seconds=IDLE_SECONDS * watched.time_scale,
        )

    return ThermalGovernor(make)


def scaled(policy: Policy, scale: float) -> Policy:
    """The policy with all its durations times ``scale``."""
    return replace(
        policy,
        clear_seconds=policy.clear_seconds * scale,
        escalate_seconds=policy.escalate_seconds * scale,
        cooldown_seconds=policy.cooldown_seconds * scale,
        cooldown_window_seconds=policy.cooldown_window_seconds * scale,
        step_seconds=policy.step_seconds * scale,
        forget_seconds=policy.forget_seconds * scale,
    )


def log_event(event: MonitorEvent) -> None:
    """Log a change of phase or a warning."""
    log.warning("heat: %s", event.message)
