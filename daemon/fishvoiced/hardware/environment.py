"""What a machine wants from its runtimes: OpenMP/MKL variables, torch threads, session options."""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass

from fishvoiced.hardware.facts import HardwareFacts, Power, System
from fishvoiced.hardware.threads import thread_budget


@dataclass(frozen=True, slots=True)
class SessionAdvice:
    """Advice for ONNX Runtime, which ignores the OpenMP variables.

    ``intra_op_threads`` and ``inter_op_threads`` are the sizes of each session's pool, of which one works at a time;
    ``thread_affinities`` pins a session's threads to the performance cores, in the format of
    ``session.intra_op_thread_affinities`` (1-based CPUs, one group per thread but the caller's; None: not pinned).
    ``allow_spinning`` holds while busy only; idle spinning burns a core.
    """

    intra_op_threads: int
    inter_op_threads: int
    allow_spinning: bool
    thread_affinities: str | None
    execution_mode: str
    graph_optimization: str
    reasons: tuple[str, ...]


def environment(facts: HardwareFacts, threads: int | None = None) -> dict[str, str]:
    """The OMP/MKL/KMP variables for torch and NumPy; they act only before the first import.

    KMP_* is read by Intel's and LLVM's OpenMP (Windows, macOS, conda), GOMP_* by GNU's (the
    Linux wheels of torch), OMP_* by both. ``threads`` overrides the thread rule.
    """
    count = str(threads if threads is not None else thread_budget(facts).threads)
    wanted = {
        "OMP_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        # Nested teams would multiply the threads, dynamic ones make the timing wander.
        "OMP_MAX_ACTIVE_LEVELS": "1",
        "OMP_DYNAMIC": "FALSE",
        "MKL_DYNAMIC": "FALSE",
        # Sleep soon between operators: a spinning team takes the cores of the next one.
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    if facts.system is System.MACOS:
        wanted["VECLIB_MAXIMUM_THREADS"] = count
    if facts.vendor == "intel":
        wanted["KMP_BLOCKTIME"] = "1"
        # Hybrid chips: pinning "compact" would fill efficiency cores in numbering order.
        if not facts.hybrid and facts.system is not System.MACOS:
            wanted["KMP_AFFINITY"] = "granularity=fine,compact,1,0"
    elif facts.vendor == "amd":
        wanted["KMP_BLOCKTIME"] = "1"
        if not facts.hybrid and not facts.virtualized:
            # Keeps a team inside one core complex and its L3 cache.
            wanted["OMP_PROC_BIND"] = "close"
            wanted["OMP_PLACES"] = "cores"
    cpus = performance_cpus(facts)
    if cpus is not None and facts.system is System.LINUX:
        wanted["GOMP_CPU_AFFINITY"] = ",".join(map(str, cpus))
    return wanted


def apply_environment(wanted: Mapping[str, str], target: MutableMapping[str, str] = os.environ) -> dict[str, str]:
    """Set what the user has not set already; return what was set. Call before importing torch."""
    fresh = {name: value for name, value in wanted.items() if name not in target}
    target.update(fresh)
    return fresh


def session_advice(facts: HardwareFacts, threads: int | None = None) -> SessionAdvice:
    """How to set up ONNX Runtime's sessions on this machine."""
    budget = thread_budget(facts)
    count = threads if threads is not None else budget.threads
    reasons = list(budget.reasons)
    cpus = performance_cpus(facts)
    if cpus is not None:
        reasons.append("pinned to the performance cores: one slow core holds up the whole team")
    spinning = facts.power is not Power.BATTERY and count > 1
    if facts.quota_cpus is not None:
        spinning = False
        reasons.append("no spinning: it would eat the container's quota")
    elif facts.power is Power.BATTERY:
        reasons.append("no spinning: on battery")
    return SessionAdvice(
        intra_op_threads=count,
        inter_op_threads=1,
        allow_spinning=spinning,
        thread_affinities=_thread_affinities(facts, count) if cpus is not None else None,
        execution_mode="sequential",
        graph_optimization="all",
        reasons=tuple(reasons),
    )


def performance_cpus(facts: HardwareFacts) -> tuple[int, ...] | None:
    """Logical CPUs of the usable performance cores on a hybrid chip; None where pinning is
    pointless (all cores alike) or impossible (macOS schedules by quality of service)."""
    if not facts.hybrid or facts.system not in (System.LINUX, System.WINDOWS):
        return None
    cpus = tuple(cpu for core in _usable(facts) for cpu in core)
    return cpus or None


def _usable(facts: HardwareFacts) -> list[tuple[int, ...]]:
    allowed = facts.affinity
    groups = (
        tuple(cpu for cpu in core.cpus if allowed is None or cpu in allowed) for core in facts.cores if core.performance
    )
    return [group for group in groups if group]


def _thread_affinities(facts: HardwareFacts, count: int) -> str | None:
    groups = _usable(facts)[1:count]
    return ";".join(",".join(str(cpu + 1) for cpu in group) for group in groups) or None
