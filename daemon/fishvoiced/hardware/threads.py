"""ThreadBudget: how many inference threads this process should start with; pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from fishvoiced.hardware.facts import HardwareFacts

# A doubling of threads has to earn more than this, else the smaller number is kept.
WORTHWHILE = 0.05


@dataclass(frozen=True, slots=True)
class ThreadBudget:
    """``threads`` to start with, the smaller number worth measuring against it, and why."""

    threads: int
    half: int
    reasons: tuple[str, ...]


def thread_budget(facts: HardwareFacts) -> ThreadBudget:
    """min(performance cores, affinity ∩ performance cores, max(1, ⌊quota⌋)), at least 1.

    SMT siblings count once: matrix kernels fill a core's units with one thread.
    """
    reasons: list[str] = []
    threads = facts.performance_cores or facts.physical_cores
    if threads is None:
        threads = len(facts.affinity) if facts.affinity else 1
        reasons.append("core layout unknown: counted the CPUs this process may use")
    else:
        kind = "performance cores" if facts.hybrid else "cores"
        reasons.append(f"{threads} {kind}")
        if facts.affinity is not None:
            allowed = sum(core.performance and not facts.affinity.isdisjoint(core.cpus) for core in facts.cores)
            if allowed == 0:  # pinned to efficiency cores only: use those
                allowed = sum(not facts.affinity.isdisjoint(core.cpus) for core in facts.cores)
                reasons.append("this process may use efficiency cores only")
            if allowed < threads:
                threads = allowed
                reasons.append(f"affinity leaves {allowed}")
    if facts.quota_cpus is not None:
        whole = max(1, math.floor(facts.quota_cpus))
        if whole < threads:
            threads = whole
            reasons.append(f"container quota of {facts.quota_cpus:g} CPUs leaves {whole}")
    threads = max(1, threads)
    return ThreadBudget(threads, max(1, threads // 2), tuple(reasons))


def prefer_fewer(measured: Iterable[tuple[int, float]]) -> int:
    """The smallest thread count within 5 % of the fastest.

    ``measured`` holds (threads, seconds per unit of work). Raises ValueError when it is empty.
    """
    runs = sorted(measured)
    if not runs:
        raise ValueError("no measurement to choose a thread count from")
    fastest = min(seconds for _, seconds in runs)
    return next(threads for threads, seconds in runs if seconds <= fastest * (1 + WORTHWHILE))
