"""The fanless Mac: loaded time, predicted throttling, warning ahead of it, report after a synthesis; pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

# Readings of a rate kept for the slope: five minutes at one per 10 s.
_MOST_POINTS = 32
_POINT_EVERY_S = 5.0
# A smaller fall than this over the points is noise, not a trend.
_TREND = 0.03
_THROTTLED_RATE = 0.8
_RECOVERED_RATE = 0.9
_CONFIRM = 3
_SMOOTH = 0.3


@dataclass(frozen=True, slots=True)
class AirExpectation:
    """What is expected until measured: throttling after 600 s of load, 40–60 % slower, 10 W → 4 W.

    Published measurements of CPU load alone are milder: about 14 W for 75 s, then 10 W at 3 min;
    17–25 % loss. Hence the heat bucket: energy above ``sustained_w`` fills it, and throttling
    begins near ``bucket_j``. Onset was seen from 75 s to 30 min.
    """

    onset_seconds: float = 600.0
    warn_ahead_seconds: float = 120.0
    loss_low: float = 0.40
    loss_high: float = 0.60
    fresh_w: float = 10.0
    throttled_w: float = 4.0
    sustained_w: float = 10.0
    bucket_j: float = 375.0


@dataclass(frozen=True, slots=True)
class AirSample:
    """One poll: monotonic seconds, whether inference ran since the last one, watts, its speed in
    any constant unit (frames per CPU-second, or their ratio to a baseline), pressure level."""

    now: float
    busy: bool
    watts: float | None = None
    speed: float | None = None
    pressure: int | None = None


@dataclass(frozen=True, slots=True)
class AirState:
    """What the model knows. ``loaded_seconds`` is all load so far, ``heat_seconds`` load less cooling,
    ``heat_j`` the bucket's energy; rates are in the samples' unit of speed,
    ``points`` (s of load, rate) are bounded."""

    now: float | None = None
    loaded_seconds: float = 0.0
    heat_seconds: float = 0.0
    heat_j: float = 0.0
    watts: float | None = None
    fresh_watts: float | None = None
    throttled_watts: float | None = None
    rate: float | None = None
    fresh_rate: float | None = None
    throttled_rate: float | None = None
    points: tuple[tuple[float, float], ...] = ()
    slow_polls: int = 0
    throttled: bool = False
    warned: bool = False
    onset_seconds: float | None = None
    onset_j: float | None = None

    @property
    def loss(self) -> float | None:
        """The measured loss of speed, 0–1; None before any throttling was seen."""
        if self.throttled_rate is None or not self.fresh_rate:
            return None
        return max(0.0, 1 - self.throttled_rate / self.fresh_rate)


@dataclass(frozen=True, slots=True)
class AirPrediction:
    """Seconds of load until throttling (0: it is there; None: none ahead) and what says so."""

    seconds: float | None
    basis: str


def observe(state: AirState, sample: AirSample, expected: AirExpectation) -> AirState:
    """The state after one more poll. Never raises: missing and non-finite values change nothing."""
    if not math.isfinite(sample.now):
        return state
    passed = 0.0 if state.now is None else min(max(0.0, sample.now - state.now), 30.0)
    watts = _finite(sample.watts)
    rate = _finite(sample.speed)
    state = replace(state, now=max(sample.now, state.now or sample.now))
    state = _heat(state, sample.busy, watts, passed, expected)
    if sample.busy and watts is not None:
        state = replace(state, watts=_smooth(state.watts, watts))
        if not state.throttled:
            state = replace(state, fresh_watts=max(state.fresh_watts or 0.0, state.watts or 0.0))
    if sample.busy and rate is not None and rate > 0:
        state = _rate(state, rate)
    return _turn(state, sample, expected)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) and value >= 0 else None


def _smooth(old: float | None, new: float) -> float:
    return new if old is None else old + _SMOOTH * (new - old)


def _heat(state: AirState, busy: bool, watts: float | None, passed: float, expected: AirExpectation) -> AirState:
    """Load fills, rest drains: a second of rest undoes a second of load."""
    surplus = (watts - expected.sustained_w) * passed if watts is not None else 0.0
    if busy:
        return replace(
            state,
            loaded_seconds=state.loaded_seconds + passed,
            heat_seconds=state.heat_seconds + passed,
            heat_j=max(0.0, state.heat_j + surplus),
        )
    heat_seconds = max(0.0, state.heat_seconds - passed)
    drained = surplus if watts is not None else -state.heat_j * min(1.0, passed / 120)
    rested = replace(state, heat_seconds=heat_seconds, heat_j=max(0.0, state.heat_j + min(0.0, drained)))
    return replace(rested, warned=False, points=()) if heat_seconds == 0 else rested


def _rate(state: AirState, rate: float) -> AirState:
    smooth = _smooth(state.rate, rate)
    points = state.points
    if not points or state.loaded_seconds - points[-1][0] >= _POINT_EVERY_S:
        points = (*points, (state.loaded_seconds, smooth))[-_MOST_POINTS:]
    fresh = state.fresh_rate if state.throttled else max(state.fresh_rate or 0.0, smooth)
    return replace(state, rate=smooth, fresh_rate=fresh, points=points)


def _turn(state: AirState, sample: AirSample, expected: AirExpectation) -> AirState:
    """Notice the onset and the end of throttling, and learn from both."""
    rate, fresh = state.rate, state.fresh_rate
    slow = bool(sample.busy and rate and fresh and rate < _THROTTLED_RATE * fresh)
    pressed = sample.pressure is not None and sample.pressure >= 3
    polls = min(state.slow_polls + 1, _CONFIRM) if slow or pressed else 0
    state = replace(state, slow_polls=polls)
    if not state.throttled and polls >= _CONFIRM:
        return replace(
            state,
            throttled=True,
            onset_seconds=_learn(state.onset_seconds, state.heat_seconds),
            onset_j=_learn(state.onset_j, state.heat_j) if state.heat_j > 0 else state.onset_j,
            throttled_rate=rate,
            throttled_watts=state.watts,
        )
    if state.throttled:
        if slow and rate is not None:
            lowest = min(state.throttled_rate or rate, rate)
            state = replace(state, throttled_rate=lowest, throttled_watts=state.watts)
        recovered = bool(rate and fresh and rate >= _RECOVERED_RATE * fresh and not pressed)
        if state.heat_seconds == 0 or (sample.busy and recovered):
            return replace(state, throttled=False, slow_polls=0, warned=False)
    return state


def _learn(old: float | None, seen: float) -> float:
    return seen if old is None else (old + seen) / 2


def predict(state: AirState, expected: AirExpectation) -> AirPrediction:
    """When throttling comes if the load goes on; the best-measured sign decides."""
    if state.throttled:
        return AirPrediction(0.0, "measured: throttled now")
    slope = _by_slope(state)
    if slope is not None:
        return AirPrediction(slope, "measured: the speed is falling")
    if state.watts is not None and state.heat_seconds > 0:
        surplus = state.watts - expected.sustained_w
        room = (state.onset_j or expected.bucket_j) - state.heat_j
        if surplus <= 0:
            return AirPrediction(None, f"measured: {state.watts:.1f} W can be sustained")
        return AirPrediction(max(0.0, room / surplus), f"measured: {state.watts:.1f} W")
    if state.onset_seconds is not None:
        return AirPrediction(max(0.0, state.onset_seconds - state.heat_seconds), "measured: the last onset")
    return AirPrediction(max(0.0, expected.onset_seconds - state.heat_seconds), "expected")


def _by_slope(state: AirState) -> float | None:
    """Seconds until the fitted line reaches 80 % of the fresh rate; None without a clear fall."""
    points, fresh = state.points, state.fresh_rate
    if len(points) < 6 or not fresh:
        return None
    count = len(points)
    mean_t = sum(t for t, _ in points) / count
    mean_r = sum(r for _, r in points) / count
    spread = sum((t - mean_t) ** 2 for t, _ in points)
    slope = sum((t - mean_t) * (r - mean_r) for t, r in points) / spread if spread else 0.0
    span = points[-1][0] - points[0][0]
    if slope * span > -_TREND * fresh:
        return None
    latest = mean_r + slope * (points[-1][0] - mean_t)
    return max(0.0, (_THROTTLED_RATE * fresh - latest) / slope)


def warning(state: AirState, expected: AirExpectation) -> tuple[AirState, str | None]:
    """The warning, when it is due: 120 s ahead of throttling, or at once if less is left; once until it has cooled."""
    prediction = predict(state, expected)
    due = prediction.seconds is not None and prediction.seconds <= expected.warn_ahead_seconds
    if state.warned or not due or state.heat_seconds == 0:
        return state, None
    loss = _loss_text(state, expected)
    if state.throttled:
        text = f"This Mac without a fan is throttling now ({loss})."
    else:
        text = f"This Mac without a fan will throttle in about {prediction.seconds:.0f} s ({prediction.basis}; {loss})."
    return replace(state, warned=True), text


@dataclass(frozen=True, slots=True)
class AirReport:
    """What to tell after a synthesis: seconds, shares 0–1, watts; None where nothing was measured."""

    loaded_seconds: float
    throttled: bool
    prediction: AirPrediction
    loss: float | None
    watts: float | None
    text: str


def report(state: AirState, expected: AirExpectation) -> AirReport:
    """The status after a synthesis: the loss seen, not the loss assumed."""
    prediction = predict(state, expected)
    parts = [f"{state.loaded_seconds / 60:.1f} min of load"]
    if state.throttled:
        parts.append("throttled")
    elif prediction.seconds is None:
        parts.append("no throttling ahead")
    else:
        parts.append(f"throttling in about {prediction.seconds / 60:.1f} min of load")
    parts.append(prediction.basis)
    parts.append(_loss_text(state, expected))
    parts.append(_power_text(state, expected))
    return AirReport(state.loaded_seconds, state.throttled, prediction, state.loss, state.watts, "; ".join(parts))


def _loss_text(state: AirState, expected: AirExpectation) -> str:
    if state.loss is not None:
        return f"loss measured {state.loss:.0%}"
    return f"loss expected {expected.loss_low:.0%} to {expected.loss_high:.0%}"


def _power_text(state: AirState, expected: AirExpectation) -> str:
    if state.watts is None:
        return f"power expected {expected.fresh_w:g} W, {expected.throttled_w:g} W when throttled"
    if state.throttled_watts is None:
        return f"power measured {state.watts:.1f} W"
    return f"power measured {state.fresh_watts or state.watts:.1f} W, {state.throttled_watts:.1f} W when throttled"
