"""Pacing: how one request carries out the monitor's advice: rests between frames, 180 seconds in all."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from fishvoiced.monitor.throttle import Advice, Phase, WaitBudget

# How much sound a request may be ahead of its playback while the advice asks for a smaller lead than usual:
# this times the advice's scale. In peace nothing but the listener's credit bounds it.
LEAD_SECONDS = 20.0
# Phases in which nothing is slowed down, and the listener is told nothing.
_CALM = frozenset({Phase.NORMAL, Phase.BLIND})


class Pacing:
    """One per request. ``advice`` is the monitor's, asked each time; it must answer at once.

    A runtime's threads are fixed when its sessions are made, and other numbers of threads may add up sums in
    another order. "k of n threads" is therefore a share of the time: after work of t seconds a rest of
    t x (n/k - 1), so that a seed sounds the same on a hot machine as on a cool one.

    After each step of work the loop calls ``stepped``, then sleeps for what ``rest`` returns and asks again until
    it returns 0: so that a cancel is noticed within a slice, and an early end of a cooldown, too.
    """

    def __init__(self, advice: Callable[[], Advice], threads: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._advice = advice
        self._threads = threads
        self._clock = clock
        self._budget = WaitBudget()
        self._owed = 0.0
        self._sound = 0.0
        self._heard_since: float | None = None  # playback began then, at the earliest

    def stepped(self, work_seconds: float, sound_seconds: float = 0.0, *, segment_ended: bool = False) -> None:
        """A step of ``work_seconds`` made ``sound_seconds`` of sound, and perhaps the last of its segment."""
        advice = self._advice()
        self._owed = max(0.0, work_seconds) * max(0.0, self._threads / max(1, advice.threads) - 1)
        if segment_ended and math.isfinite(advice.pause_seconds):
            self._owed += advice.pause_seconds
        self._sound += sound_seconds
        if sound_seconds > 0 and self._heard_since is None:
            self._heard_since = self._clock()

    def rest(self) -> float:
        """Seconds to sleep now, at most half a second; 0: go on."""
        advice = self._advice()
        if advice.wait_seconds > 0:
            return self._budget.grant(advice.wait_seconds)
        if self._owed > 0:
            granted = self._budget.grant(self._owed)
            self._owed = self._owed - granted if granted else 0.0
            if granted:
                return granted
        return self._budget.grant(self._ahead(advice.lead_scale))

    def throttle_state(self) -> str | None:
        """What to tell the listener with the next chunk: the phase, while heat slows it down."""
        advice = self._advice()
        calm = advice.phase in _CALM and not advice.pause_seconds > 0
        return None if calm else advice.phase.value

    @property
    def left_seconds(self) -> float:
        """What is left of the request's 180 s."""
        return self._budget.left_seconds

    def _ahead(self, scale: float) -> float:
        """Seconds until playback has come near enough."""
        if scale >= 1 or self._heard_since is None:
            return 0.0
        return self._sound - (self._clock() - self._heard_since) - LEAD_SECONDS * scale
