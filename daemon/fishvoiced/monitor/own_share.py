"""OwnShare: how much of the machine's load this process makes. Heat that others make is not cured by our resting."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

import psutil

from fishvoiced.hardware.detect.system_access import SystemAccess
from fishvoiced.hardware.facts import System

# Heat lags behind the load that makes it, by about so much.
WINDOW_SECONDS = 30.0
# Fewer busy CPU-seconds within the window are no load to have a share of.
LEAST_BUSY_SECONDS = 0.2


class Share(Protocol):
    """What tells this process's part of the machine's load."""

    def sample(self, now: float) -> float | None:
        """0-1, of about the last half minute; None where it is not known."""


class OwnShare:
    """This process's CPU time over that of the whole machine, within the last half minute. Use from one thread
    only.

    ``busy``: CPU-seconds that the machine has worked since some moment; None where nothing tells. ``own``: the same of
    this process.
    """

    def __init__(self, busy: Callable[[], float | None], own: Callable[[], float] = time.process_time) -> None:
        self._busy, self._own = busy, own
        self._samples: deque[tuple[float, float, float]] = deque(maxlen=64)

    def sample(self, now: float) -> float | None:
        """Look again; the share, 0-1, or None where it is not known."""
        busy = self._busy()
        if busy is None:
            self._samples.clear()
            return None
        if self._samples and (now < self._samples[-1][0] or busy < self._samples[-1][1]):
            self._samples.clear()  # a clock or a counter that was set back
        self._samples.append((now, busy, self._own()))
        while len(self._samples) > 2 and now - self._samples[1][0] >= WINDOW_SECONDS:
            self._samples.popleft()
        _, busy_before, own_before = self._samples[0]
        spent = busy - busy_before
        return min(1.0, (self._samples[-1][2] - own_before) / spent) if spent >= LEAST_BUSY_SECONDS else None


def machine_busy_seconds(doors: SystemAccess) -> Callable[[], float | None]:
    """What reads the machine's busy CPU-seconds: a recorded machine's, too, where it has them."""
    return (lambda: _from_proc(doors)) if doors.system is System.LINUX else _from_psutil


def _from_proc(doors: SystemAccess) -> float | None:
    """The first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal, … in ticks."""
    fields = (doors.files.peek("/proc/stat", limit=512) or "").partition("\n")[0].split()
    if len(fields) < 9 or fields[0] != "cpu" or not all(field.isdigit() for field in fields[1:9]):
        return None
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[1:9])
    # Steal is what other virtual machines take of the same cores, and heat.
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def _from_psutil() -> float | None:
    times = psutil.cpu_times()
    return float(sum(times) - times.idle)
