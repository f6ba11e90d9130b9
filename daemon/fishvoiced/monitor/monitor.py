"""Monitor: the thread that polls the probes and keeps the advice for the synthesis loop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from fishvoiced.hardware.detect.system_access import SystemAccess
from fishvoiced.monitor.evidence import Policy, is_cool
from fishvoiced.monitor.fanless_mac import AirExpectation, AirReport, AirSample, AirState, observe, report, warning
from fishvoiced.monitor.guard import GuardedProbe, Outcome, Probe
from fishvoiced.monitor.own_share import OwnShare, Share, machine_busy_seconds
from fishvoiced.monitor.probes import discover
from fishvoiced.monitor.reading import Quantity, Reading
from fishvoiced.monitor.records.history import History, HistoryPoint
from fishvoiced.monitor.records.journal import Entry, Journal, Kind
from fishvoiced.monitor.throttle import Advice, Phase, ThrottleState, advise, step
from fishvoiced.monitor.throughput import Throughput

BUSY_SECONDS = 2.0
IDLE_SECONDS = 10.0
# The disk is written so often, and whenever the phase changes.
FLUSH_SECONDS = 20.0
# With a smaller share of the machine's load, other programs explain a lower throughput.
ALONE = 0.8
# Without a poll for so long the monitor counts as dead, and protection ends.
DEAD_SECONDS = 30.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The monitor's view at one poll. ``sources`` pairs each probe's name with its readings or
    the reason for none; °C, W and the throughput ratio are None where nothing tells them."""

    advice: Advice
    sources: tuple[tuple[str, Outcome], ...]
    temperature: float | None
    power: float | None
    throughput: float | None
    air: AirReport | None
    problem: str | None = None
    own_share: float | None = None


@dataclass(frozen=True, slots=True)
class MonitorEvent:
    """A change worth telling: a new phase, or the fanless Mac's warning."""

    phase: Phase
    message: str


class Monitor:
    """Polls every ``busy_seconds`` (2 s) while busy and every ``idle_seconds`` (10 s) while idle.

    Any thread may call ``set_busy``, ``frames``, ``finished``, ``advice`` and ``snapshot``; they
    never wait for a probe. ``listener`` is called on the monitor's thread.
    """

    def __init__(
        self,
        doors: SystemAccess,
        policy: Policy,
        *,
        history: History | None = None,
        journal: Journal | None = None,
        listener: Callable[[MonitorEvent], None] | None = None,
        probes: Sequence[Probe] | None = None,
        share: Share | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        busy_seconds: float = BUSY_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._policy = policy
        self._clock, self._wall = clock, wall
        self._busy_seconds, self._idle_seconds = busy_seconds, idle_seconds
        self._listener = listener
        self.history = history or History()
        self.journal = journal or Journal()
        self._untold: str | None = None  # a warning that no listener has heard yet
        self.throughput = Throughput()
        self._guards = tuple(GuardedProbe(probe) for probe in (discover(doors) if probes is None else probes))
        self._state = ThrottleState()
        self._air: AirState | None = AirState() if policy.fanless else None
        self._expected = AirExpectation()
        self._busy = self._was_busy = False
        self._queue = 0
        self._share = share or OwnShare(machine_busy_seconds(doors))
        self.own_share: float | None = None
        """This process's part of the machine's load, 0-1; None: not known."""
        self._rtf: float | None = None
        self._problem: str | None = None
        self._flushed_at = clock()
        self._polled_at = clock()
        self._snapshot = Snapshot(advise(self._state, policy), (), None, None, None, None)
        self._wake = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None

    # -- called from any thread -------------------------------------------------------------------

    def start(self) -> None:
        """Start polling on a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="fishvoice-monitor", daemon=True)
        self._thread.start()

    @property
    def threads(self) -> int:
        """The threads that inference has when nothing is wrong: what `Advice.threads` is a part of."""
        return self._policy.threads

    def stop(self, timeout_seconds: float = 3.0) -> None:
        """Stop polling and write the history; waits for a poll in progress."""
        self._stopping = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout_seconds)
        self._flush()

    def set_busy(self, busy: bool, queue: int = 0) -> None:
        """Say whether inference runs and how many requests wait."""
        woken = busy and not self._busy
        self._busy, self._queue = busy, queue
        if woken:
            self._wake.set()

    def frames(self, key: str, frames: int, cpu_seconds: float) -> None:
        """Count decoded frames and the CPU-seconds they took, all inference threads together.

        ``key`` names what may be compared: model, precision and number of threads.
        """
        self.throughput.add(key, frames, cpu_seconds, self._clock())

    def finished(self, rtf: float, voice: str = "", sound_seconds: float = 0.0) -> str | None:
        """Note a finished utterance. On a Mac without a fan, what to tell its listener: the warning if one is due, and
        how the Mac fares."""
        self._rtf = rtf
        self.journal.add(Entry(self._wall(), "utterance", voice, round(rtf, 3), round(sound_seconds, 2)))
        if self._air is None:
            return None
        warned, self._untold = self._untold, None
        return " ".join(filter(None, (warned, report(self._air, self._expected).text)))

    def advice(self) -> Advice:
        """What to do now. Ages with the clock between polls; a dead monitor holds nothing up."""
        now = self._clock()
        if self._thread is not None and now - self._polled_at > DEAD_SECONDS:
            reasons = ("the monitor has stopped: no protection against heat",)
            return Advice(Phase.BLIND, max(1, self._policy.threads), 0.0, 1.0, 0.0, reasons)
        state = self._state
        return advise(replace(state, now=max(state.now, now)), self._policy)

    def snapshot(self) -> Snapshot:
        """The view at the last poll, with the advice of this moment."""
        return replace(self._snapshot, advice=self.advice())

    # -- the monitor's thread ---------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._stopping:
                self.poll()
                self._wake.wait(self._busy_seconds if self._busy else self._idle_seconds)
                self._wake.clear()
        except Exception:  # noqa: BLE001 - whatever it was: protection ends, service goes on: advice() tells of the silence
            _log.exception("the monitor has stopped; synthesis goes on without protection against heat")

    def poll(self) -> Snapshot:
        """Ask what is due, step the state machine, remember. Called by the thread (and by tests)."""
        now = self._clock()
        sources = [(guard.probe.name, guard.poll(now)) for guard in self._guards]
        own = self.throughput.readings(now)
        if own:
            sources.append((self.throughput.name, own))
        readings = [reading for _, outcome in sources if isinstance(outcome, tuple) for reading in outcome]
        self.own_share = self._share.sample(now)
        before = self._state
        self._state = step(before, self._evidence(readings), now, self._policy)
        self._polled_at = now
        power = _highest(readings, Quantity.POWER)
        self._watch_air(readings, power, now)
        snapshot = Snapshot(
            advise(self._state, self._policy),
            tuple(sources),
            _highest(readings, Quantity.TEMPERATURE),
            power,
            _highest(readings, Quantity.THROUGHPUT),
            report(self._air, self._expected) if self._air is not None else None,
            self._problem,
            self.own_share,
        )
        self._snapshot = snapshot
        self._remember(snapshot)
        changed = before.started and self._state.phase is not before.phase
        if changed:
            why = "; ".join(self._state.reasons)
            self._publish("phase", f"{before.phase.value} → {self._state.phase.value}" + (f": {why}" if why else ""))
        if changed or now - self._flushed_at >= FLUSH_SECONDS or now < self._flushed_at:
            self._flushed_at = now
            self._flush()
        return snapshot

    def _evidence(self, readings: Sequence[Reading]) -> Sequence[Reading]:
        """A lower throughput is no sign of heat beside busy neighbours, who crowd caches and share cores, nor on a
        machine whose sensors say that it is cool."""
        alone = self.own_share is None or self.own_share >= ALONE
        if alone and not is_cool(readings, self._policy):
            return readings
        return [reading for reading in readings if reading.quantity is not Quantity.THROUGHPUT]

    def _watch_air(self, readings: Sequence[Reading], power: float | None, now: float) -> None:
        if self._air is None:
            return
        # The time since the last poll was spent as that poll found it; a request that begins
        # wakes the monitor, so that idle time is never counted as load.
        busy, self._was_busy = self._was_busy, self._busy
        pressure = _highest(readings, Quantity.PRESSURE)
        sample = AirSample(
            now, busy, power, _highest(readings, Quantity.THROUGHPUT), None if pressure is None else int(pressure)
        )
        self._air = observe(self._air, sample, self._expected)
        self._air, message = warning(self._air, self._expected)
        if message is not None:
            self._untold = message
            self._publish("warning", message)

    def _remember(self, snapshot: Snapshot) -> None:
        self.history.add(
            HistoryPoint(
                self._wall(),
                snapshot.advice.phase,
                snapshot.advice.threads,
                snapshot.temperature,
                snapshot.power,
                snapshot.throughput,
                self._rtf,
                self._queue,
            )
        )

    def _flush(self) -> None:
        try:
            self.history.flush()
            self.journal.flush()
        except OSError as error:
            if self._problem is None:  # once, not every minute
                _log.warning("the monitor's history cannot be written: %s", error)
            self._problem = f"history cannot be written: {error}"
        else:
            self._problem = None

    def _publish(self, kind: Kind, message: str) -> None:
        self.journal.add(Entry(self._wall(), kind, message))
        if self._listener is not None:
            self._listener(MonitorEvent(self._state.phase, message))


def _highest(readings: Sequence[Reading], quantity: Quantity) -> float | None:
    return max((r.value for r in readings if r.quantity is quantity), default=None)
