"""Pacing: how one request carries out the monitor's advice, as far as its worth allows: 180 seconds in all."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from fishvoice.protocol import Priority
from fishvoiced.monitor.throttle import Advice, Phase, WaitBudget
from fishvoiced.monitor.worth import FIRST_SECONDS, Work, allowed_rest, may_rest, share

# How much sound a request may be ahead of its playback while the advice asks for a smaller lead than usual:
# this times the advice's scale. In peace nothing but the listener's credit bounds it.
LEAD_SECONDS = 20.0
# Phases in which nothing is slowed down, and the listener is told nothing.
_CALM = frozenset({Phase.NORMAL, Phase.BLIND})
# Phases in which resting alone is a loss to the listener: a lighter voice is better, where one is allowed.
_HOT = frozenset({Phase.THROTTLED, Phase.COOLDOWN, Phase.DEGRADED})


class Pacing:
    """One per request. ``advice`` and ``own_share`` are the monitor's, asked each time; they must answer at once.

    A runtime's threads are fixed when its sessions are made, and other numbers of threads may add up sums in
    another order. "k of n threads" is therefore a share of the time: after work of t seconds a rest of
    t x (n/k - 1), so that a seed sounds the same on a hot machine as on a cool one.

    After each step of work the loop calls ``step_done``, then sleeps for what ``rest`` returns and asks again until
    it returns 0: so that a cancel is noticed within a slice, and an early end of a cooldown, too.
    ``rtf`` is what the voice is known to cost here; None: measured on the request itself, by its CPU time.
    """

    def __init__(
        self,
        advice: Callable[[], Advice],
        threads: int,
        priority: Priority = "text",
        rtf: float | None = None,
        own_share: Callable[[], float | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._advice = advice
        self._threads = threads
        self._priority = priority
        self._rtf = rtf
        self._own_share = own_share
        self._clock = clock
        self._budget = WaitBudget()
        self._owed = 0.0
        self._sound = 0.0
        self._cpu = 0.0
        self._sound_before = 0.0  # made in another way, with another cost
        self._heard_since: float | None = None  # playback began then, at the earliest

    def step_done(
        self, work_seconds: float, sound_seconds: float = 0.0, cpu_seconds: float = 0.0, *, segment_ended: bool = False
    ) -> None:
        """A step of ``work_seconds`` made ``sound_seconds`` of sound, and perhaps the last of its segment;
        ``cpu_seconds`` were those of all its threads."""
        advice = self._advice()
        self._sound += sound_seconds
        self._cpu += max(0.0, cpu_seconds)
        if sound_seconds > 0 and self._heard_since is None:
            self._heard_since = self._clock()
        fewer = max(0.0, self._threads / max(1, advice.threads) - 1)
        self._owed = max(0.0, work_seconds) * fewer * share(self._work())
        if segment_ended and math.isfinite(advice.pause_seconds):
            self._owed += advice.pause_seconds

    def rest(self) -> float:
        """Seconds to sleep now, at most half a second; 0: go on."""
        advice, work = self._advice(), self._work()
        if advice.wait_seconds > 0:
            return self._budget.grant(allowed_rest(work, advice.wait_seconds))
        if self._owed > 0:
            granted = self._budget.grant(allowed_rest(work, self._owed))
            self._owed = self._owed - granted if granted else 0.0
            if granted:
                return granted
        return self._budget.grant(allowed_rest(work, self._too_far_ahead(work, advice.lead_scale)))

    def goes_on(self, rtf: float | None) -> None:
        """Another voice speaks on, or the same one with less work, at this cost; the request keeps what is left of its
        180 s."""
        self._rtf = rtf
        self._cpu, self._sound_before, self._owed = 0.0, self._sound, 0.0

    def would_rest(self, sound_seconds: float) -> bool:
        """Whether so much more sound of this request would have to rest on a machine as hot as this one is."""
        if self._advice().phase not in _HOT:
            return False
        return may_rest(Work(self._priority, sound_seconds, sound_seconds, self._cost(), self._own_share()))

    def throttle_state(self) -> str | None:
        """What to tell the listener with the next chunk: the phase, while heat slows this request down."""
        advice = self._advice()
        calm = advice.phase in _CALM and not advice.pause_seconds > 0
        return None if calm or not may_rest(self._work()) else advice.phase.value

    def expected_rest(self) -> float:
        """How much longer it will probably stand still, in one go."""
        wait = self._advice().wait_seconds
        return min(allowed_rest(self._work(), wait if wait > 0 else self._owed), self.left_seconds)

    @property
    def left_seconds(self) -> float:
        """What is left of the request's 180 s."""
        return self._budget.left_seconds

    def _work(self) -> Work:
        heard = 0.0 if self._heard_since is None else self._clock() - self._heard_since
        return Work(self._priority, self._sound, self._sound - heard, self._cost(), self._own_share())

    def _cost(self) -> float | None:
        """By CPU time: other programs' load makes a voice slower, but no heavier."""
        sound = self._sound - self._sound_before
        if self._rtf is not None or sound < FIRST_SECONDS:
            return self._rtf
        return self._cpu / max(1, self._threads) / sound

    def _too_far_ahead(self, work: Work, scale: float) -> float:
        """Seconds until playback has come near enough."""
        if scale >= 1 or self._heard_since is None:
            return 0.0
        return work.ahead_seconds - LEAD_SECONDS * scale
