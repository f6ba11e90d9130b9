"""Pacing: how long one request rests after a frame, within its 180 seconds in all."""

from __future__ import annotations

from collections.abc import Callable

from fishvoiced.monitor.throttle import Advice, Phase, WaitBudget

# Phases in which the listener is told that the machine's heat holds him up.
_TOLD = frozenset({Phase.THROTTLED, Phase.COOLDOWN, Phase.DEGRADED})


class Pacing:
    """One per request. ``advice`` is the monitor's, asked each time; it must answer at once.

    The loop sleeps for what ``rest`` returns and asks again with ``segment_ended=False`` until it
    returns 0: so that a cancel is noticed within a slice, and an early end of a cooldown, too.
    """

    def __init__(self, advice: Callable[[], Advice]) -> None:
        self._advice = advice
        self._budget = WaitBudget()

    def rest(self, *, segment_ended: bool) -> float:
        """Seconds to sleep now, at most half a second; 0: go on."""
        advice = self._advice()
        if advice.wait_s > 0:
            return self._budget.grant(advice.wait_s)
        return self._budget.grant(advice.pause_s) if segment_ended else 0.0

    def told(self) -> str | None:
        """What to tell the listener with the next chunk: the phase, while heat slows it down."""
        phase = self._advice().phase
        return phase.value if phase in _TOLD else None

    @property
    def left_s(self) -> float:
        """What is left of the request's 180 s."""
        return self._budget.left_s
