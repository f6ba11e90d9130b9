"""The monitor's part of the daemon's status map, as `status`, `top` and people read it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fishvoiced.monitor.monitor import Snapshot
from fishvoiced.monitor.reading import describe
from fishvoiced.monitor.records.history import HistoryPoint

# As many as a terminal line shows.
_RECENT = 40


def thermal_status(snapshot: Snapshot, points: Sequence[HistoryPoint] = ()) -> dict[str, Any]:
    """Plain values only (°C, W, s; None: not known): phase, reasons, advice, sources, recent series."""
    advice = snapshot.advice
    recent = points[-_RECENT:]
    return {
        "phase": advice.phase.value,
        "reasons": list(advice.reasons),
        "threads": advice.threads,
        "pause_seconds": advice.pause_seconds,
        "wait_seconds": round(advice.wait_seconds, 1),
        "lead_scale": advice.lead_scale,
        "temperature": snapshot.temperature,
        "power": snapshot.power,
        "throughput": snapshot.throughput,
        "own_share": None if snapshot.own_share is None else round(snapshot.own_share, 2),
        "sources": {
            name: ", ".join(map(describe, outcome)) or "no reading yet"
            if isinstance(outcome, tuple)
            else outcome.reason
            for name, outcome in snapshot.sources
        },
        "fanless": snapshot.air.text if snapshot.air is not None else None,
        "problem": snapshot.problem,
        "temperatures": [point.temperature for point in recent if point.temperature is not None],
        "rtfs": [point.rtf for point in recent if point.rtf is not None],
    }
