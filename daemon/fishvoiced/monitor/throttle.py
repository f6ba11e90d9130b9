"""The throttle state machine: step(state, readings, now, policy) → state; pure, reads no clock."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from fishvoiced.monitor.evidence import Evidence, Policy, Severity, judge
from fishvoiced.monitor.reading import Reading, Unavailable

# No request is ever held up longer than this in all, whatever the sensors say.
LONGEST_WAIT_SECONDS = 180.0


class Phase(StrEnum):
    """What the machine's heat asks of synthesis."""

    NORMAL = "normal"
    WARM = "warm"
    THROTTLED = "throttled"
    COOLDOWN = "cooldown"
    RECOVERING = "recovering"
    BLIND = "blind"
    DEGRADED = "degraded"


@dataclass(frozen=True, slots=True)
class ThrottleState:
    """What the state machine remembers; bounded: ``cooldowns`` never holds more than the policy's
    number of start times. ``removed`` counts threads taken away. Times are monotonic seconds."""

    phase: Phase = Phase.BLIND
    started: bool = False
    now: float = 0.0
    since: float = 0.0
    removed: int = 0
    hits: int = 0
    last_hit_at: float | None = None
    clear_since: float | None = None
    cool_since: float | None = None
    stepped_at: float = 0.0
    deadline: float | None = None
    cooldowns: tuple[float, ...] = ()
    failures: int = 0
    missed: int = 0
    seen_sensor: bool = False
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Advice:
    """What the synthesis loop should do now.

    ``threads`` to infer with, ``pause_seconds`` to rest between segments, ``lead_scale`` of the usual
    lead over playback (0–1), ``wait_seconds`` to hold the request up (never more than what remains of
    the one deadline; 0 outside of COOLDOWN). Spend waits through a WaitBudget.
    """

    phase: Phase
    threads: int
    pause_seconds: float
    lead_scale: float
    wait_seconds: float
    reasons: tuple[str, ...]


# Phase → (pause between segments in s, share of the usual lead).
_MANNERS = {
    Phase.NORMAL: (0.0, 1.0),
    Phase.WARM: (0.2, 0.5),
    Phase.THROTTLED: (0.5, 0.5),
    Phase.COOLDOWN: (0.5, 0.25),
    Phase.RECOVERING: (0.5, 0.5),
    Phase.BLIND: (0.0, 1.0),
    Phase.DEGRADED: (0.5, 0.25),
}


def advise(state: ThrottleState, policy: Policy) -> Advice:
    """The advice that belongs to a state."""
    pause, lead = _MANNERS[state.phase]
    if state.phase is Phase.BLIND and state.removed:
        pause, lead = _MANNERS[Phase.THROTTLED]
    wait = 0.0
    if state.phase is Phase.COOLDOWN and state.deadline is not None:
        wait = min(max(0.0, state.deadline - state.now), policy.cooldown_seconds, LONGEST_WAIT_SECONDS)
    threads = max(1, policy.threads - state.removed)
    return Advice(state.phase, threads, pause, lead, wait, state.reasons)


def step(state: ThrottleState, readings: Iterable[Reading | Unavailable], now: float, policy: Policy) -> ThrottleState:
    """The state after one more poll. Never raises: any readings and any clock give a state.

    A clock that goes back, or is not a number, counts as one that stood still.
    """
    moment = now if math.isfinite(now) else state.now
    if state.started and moment < state.now:
        state = _shifted(state, moment - state.now)
    evidence = judge(readings, moment, policy)
    state = _remember(state, evidence, moment, policy)
    if not evidence.sensors and (not state.seen_sensor or state.missed >= policy.hits):
        return _blind(state, evidence, policy)
    if state.phase is Phase.BLIND and evidence.sensors:
        # An episode goes on where the sensors left it: its deadline still stands.
        unfinished = state.removed or state.deadline is not None
        state = _enter(state, Phase.RECOVERING if unfinished else Phase.NORMAL, "a sensor answers")
    match state.phase:
        case Phase.NORMAL | Phase.WARM:
            return _free(state, evidence, policy)
        case Phase.THROTTLED:
            return _throttled(state, evidence, policy)
        case Phase.COOLDOWN:
            return _cooldown(state, evidence, policy)
        case Phase.RECOVERING:
            return _recovering(state, evidence, policy)
        case Phase.DEGRADED:
            return _degraded(state, evidence, policy)
        case Phase.BLIND:  # sensors missed for a poll or two
            return state


def _shifted(state: ThrottleState, by: float) -> ThrottleState:
    """The same state on a clock that was set back: every span stays as long as it was."""

    def moved(time: float | None) -> float | None:
        return None if time is None else time + by

    return replace(
        state,
        since=state.since + by,
        stepped_at=state.stepped_at + by,
        last_hit_at=moved(state.last_hit_at),
        clear_since=moved(state.clear_since),
        cool_since=moved(state.cool_since),
        deadline=moved(state.deadline),
        cooldowns=tuple(start + by for start in state.cooldowns),
    )


def _remember(state: ThrottleState, evidence: Evidence, now: float, policy: Policy) -> ThrottleState:
    hits, last = state.hits, state.last_hit_at
    if evidence.hit_at is None:
        hits = 0
    elif last is None or evidence.hit_at > last:  # the same reading twice is one hit
        hits, last = min(hits + 1, policy.hits), evidence.hit_at
    clear = (state.clear_since if state.clear_since is not None else now) if evidence.hit_at is None else None
    cool = (state.cool_since if state.cool_since is not None else now) if evidence.cool else None
    healthy = clear is not None and now - clear >= policy.forget_seconds
    recent = tuple(start for start in state.cooldowns if now - start < policy.cooldown_window_seconds)
    return replace(
        state,
        started=True,
        now=now,
        hits=hits,
        last_hit_at=last,
        clear_since=clear,
        cool_since=cool,
        cooldowns=() if healthy else recent,
        failures=0 if healthy else state.failures,
        missed=0 if evidence.sensors else min(state.missed + 1, policy.hits),
        seen_sensor=state.seen_sensor or evidence.sensors,
        reasons=evidence.reasons or (() if state.phase is Phase.NORMAL else state.reasons),
    )


def _enter(state: ThrottleState, phase: Phase, why: str = "") -> ThrottleState:
    calm = phase in (Phase.NORMAL, Phase.WARM)
    return replace(
        state,
        phase=phase,
        since=state.now,
        stepped_at=state.now,
        hits=0,
        # The episode is over only here: until then its deadline stands.
        deadline=None if calm else state.deadline,
        reasons=(why,) if why else () if phase is Phase.NORMAL else state.reasons,
    )


def _slower(state: ThrottleState, policy: Policy) -> ThrottleState:
    """Halve the threads that are left."""
    left = max(1, policy.threads - state.removed)
    return replace(state, removed=max(policy.threads, 1) - max(1, left // 2))


def _clear_for(state: ThrottleState, seconds: float, *, cool: bool = False) -> bool:
    starts = [state.clear_since, state.cool_since] if cool else [state.clear_since]
    return all(start is not None and state.now - start >= seconds for start in starts)


def _blind(state: ThrottleState, evidence: Evidence, policy: Policy) -> ThrottleState:
    """Protection without sensors: nothing is held up, throughput alone may take threads away."""
    if state.phase is not Phase.BLIND:
        state = _enter(state, Phase.BLIND, "all sensors are gone")
    elif not state.seen_sensor and not evidence.reasons:
        state = replace(state, reasons=("no temperature or throttle sensor",))
    if state.hits >= policy.hits:
        return replace(_slower(state, policy), hits=0, stepped_at=state.now)
    return _step_back(state, policy)


def _free(state: ThrottleState, evidence: Evidence, policy: Policy) -> ThrottleState:
    if state.hits >= policy.hits:
        return _throttle(state, evidence, policy)
    if state.phase is Phase.NORMAL and evidence.hot:
        return _enter(state, Phase.WARM)
    if (
        state.phase is Phase.WARM
        and state.cool_since is not None
        and state.now - state.cool_since >= policy.clear_seconds
    ):
        return _enter(state, Phase.NORMAL)
    return state


def _throttle(state: ThrottleState, evidence: Evidence, policy: Policy) -> ThrottleState:
    state = _enter(_slower(state, policy), Phase.THROTTLED)
    return _begin_cooldown(state, policy) if evidence.severity is Severity.PAUSE else state


def _throttled(state: ThrottleState, evidence: Evidence, policy: Policy) -> ThrottleState:
    if _clear_for(state, policy.clear_seconds):
        return _enter(state, Phase.RECOVERING, f"clear for {policy.clear_seconds:g} s")
    if state.hits < policy.hits:
        return state
    waited = state.now - state.since >= policy.escalate_seconds
    if evidence.severity is Severity.PAUSE or (evidence.severity is Severity.COOL_DOWN and waited):
        return _begin_cooldown(state, policy)
    return state


def _begin_cooldown(state: ThrottleState, policy: Policy) -> ThrottleState:
    """One deadline per episode: a second request gets the same one, or is refused."""
    deadline = state.deadline if state.deadline is not None else state.now + policy.cooldown_seconds
    if state.now >= deadline or len(state.cooldowns) >= policy.cooldowns:
        return _give_up(state, policy)
    state = replace(state, deadline=deadline, cooldowns=(*state.cooldowns, state.now))
    return replace(_enter(state, Phase.COOLDOWN), clear_since=None, cool_since=None)


def _cooldown(state: ThrottleState, evidence: Evidence, policy: Policy) -> ThrottleState:
    if _clear_for(state, policy.clear_seconds, cool=True):
        return _enter(state, Phase.RECOVERING, f"clear for {policy.clear_seconds:g} s")
    if state.deadline is None or state.now >= state.deadline:
        return _give_up(state, policy)
    return state


def _give_up(state: ThrottleState, policy: Policy) -> ThrottleState:
    """Cooling did not help: serve on, slowly, and hold nothing up any more."""
    state = replace(_slower(state, policy), failures=min(state.failures + 1, 1000))
    return _enter(state, Phase.DEGRADED, "cooling down did not help")


def _step_back(state: ThrottleState, policy: Policy) -> ThrottleState:
    """Give one thread back per minute without a sign of throttling."""
    due = state.now - state.stepped_at >= policy.step_seconds and _clear_for(state, policy.step_seconds)
    if state.removed and due:
        return replace(state, removed=state.removed - 1, stepped_at=state.now)
    return state


def _recovering(state: ThrottleState, evidence: Evidence, policy: Policy) -> ThrottleState:
    if state.hits >= policy.hits:
        return _throttle(state, evidence, policy)
    state = _step_back(state, policy)
    if state.removed == 0 and _clear_for(state, policy.step_seconds):
        return _enter(state, Phase.WARM if evidence.hot else Phase.NORMAL)
    return state


def _degraded(state: ThrottleState, evidence: Evidence, policy: Policy) -> ThrottleState:
    if state.hits >= policy.hits:
        return replace(_slower(state, policy), hits=0, stepped_at=state.now)
    state = _step_back(state, policy)
    if state.removed == 0 and _clear_for(state, policy.forget_seconds):
        return _enter(state, Phase.WARM if evidence.hot else Phase.NORMAL)
    return state


class WaitBudget:
    """One request's allowance of held-up time: 180 s in all, pauses and waits together.

    It counts what it grants, not what a clock says, so no clock can stretch it.
    """

    def __init__(self, limit_seconds: float = LONGEST_WAIT_SECONDS) -> None:
        self._left = min(max(0.0, limit_seconds), LONGEST_WAIT_SECONDS)

    @property
    def left_seconds(self) -> float:
        return self._left

    def grant(self, wanted_seconds: float, slice_seconds: float = 0.5) -> float:
        """Seconds to sleep now: at most a slice and what is left; 0 means go on at once."""
        wanted = wanted_seconds if math.isfinite(wanted_seconds) else 0.0
        granted = max(0.0, min(wanted, slice_seconds, self._left))
        # A sliver would let a loop turn forever without spending anything.
        if granted < 1e-3:
            return 0.0
        self._left -= granted
        return granted
