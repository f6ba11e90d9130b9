"""The report's pictures: one row per quantity over one axis of time, as SVG. Pure."""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fishvoiced.monitor.records.history import HistoryPoint
from fishvoiced.monitor.records.journal import Entry
from fishvoiced.monitor.throttle import Phase

PHASE_COLORS = {
    Phase.WARM: "#ffe08a",
    Phase.THROTTLED: "#ffb08a",
    Phase.COOLDOWN: "#ff7f6f",
    Phase.RECOVERING: "#cfe8b0",
    Phase.DEGRADED: "#d7a9e3",
}
"""Normal and blind, in which nothing is slowed down, are white."""

LEFT, WIDTH, ROW, GAP = 70, 820, 110, 26
LEAST_SECONDS = 60.0
# A pause longer than this between two polls is drawn as a gap: the daemon did not run.
MISSING_SECONDS = 60.0
_STEPS = (10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)


@dataclass(frozen=True, slots=True)
class Row:
    """One quantity: (Unix seconds, value) in order; ``dots`` for single events, else a line."""

    title: str
    unit: str
    values: Sequence[tuple[float, float]]
    dots: bool = False
    least: float = 0.1
    """The axis shows at least so much."""


def rows_of(points: Sequence[HistoryPoint], entries: Sequence[Entry]) -> list[Row]:
    """What the report shows."""
    spoken = [(e.at, e.rtf) for e in entries if e.kind == "utterance" and e.rtf is not None]
    return [
        Row("temperature", "°C", [(p.at, p.temperature) for p in points if p.temperature is not None]),
        Row("power", "W", [(p.at, p.power) for p in points if p.power is not None]),
        Row("RTF per utterance", "s of work per s of sound", spoken, dots=True),
        Row("own speed", "% of normal", [(p.at, 100 * p.throughput) for p in points if p.throughput is not None]),
        Row("waiting", "requests", [(p.at, float(p.queue)) for p in points], least=2.0),
    ]


def draw(points: Sequence[HistoryPoint], entries: Sequence[Entry]) -> str:
    """The rows, shaded by phase, with their legend. ``points`` must not be empty."""
    end = points[-1].at
    begin = min(points[0].at, end - LEAST_SECONDS)
    rows = rows_of(points, entries)
    height = 40 + len(rows) * (ROW + GAP) + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 20} {height}" role="img" '
        'font-family="sans-serif" font-size="12">',
        "<title>Temperature, power, speed and waiting requests over time; the table below says the same</title>",
        *_legend(points),
    ]
    for number, row in enumerate(rows):
        parts += _row(row, points, begin, end, 40 + number * (ROW + GAP))
    parts += _time_axis(begin, end, 40 + len(rows) * (ROW + GAP))
    return "".join([*parts, "</svg>"])


def _legend(points: Sequence[HistoryPoint]) -> Iterator[str]:
    seen = {point.phase for point in points}
    x = LEFT
    for phase, color in PHASE_COLORS.items():
        if phase in seen:
            yield f'<rect x="{x}" y="6" width="14" height="14" fill="{color}"/>'
            yield f'<text x="{x + 20}" y="18">{phase.value}</text>'
            x += 110
    yield f'<text x="{x}" y="18" fill="#555">white: nothing is slowed down</text>'


def _row(row: Row, points: Sequence[HistoryPoint], begin: float, end: float, top: float) -> Iterator[str]:
    def x(at: float) -> float:
        return LEFT + WIDTH * (at - begin) / (end - begin)

    yield f'<text x="{LEFT}" y="{top - 6}" font-weight="bold">{html.escape(row.title)}, {html.escape(row.unit)}</text>'
    for first, last, phase in spans(points):
        if phase in PHASE_COLORS:
            width, fill = max(1.0, x(last) - x(first)), PHASE_COLORS[phase]
            yield f'<rect x="{x(first):.1f}" y="{top}" width="{width:.1f}" height="{ROW}" fill="{fill}"/>'
    yield f'<rect x="{LEFT}" y="{top}" width="{WIDTH}" height="{ROW}" fill="none" stroke="#999"/>'
    values = [(at, value) for at, value in row.values if begin <= at <= end and math.isfinite(value)]
    if not values:
        yield f'<text x="{LEFT + WIDTH / 2}" y="{top + ROW / 2}" text-anchor="middle" fill="#555">not measured</text>'
        return
    low, high = _bounds([value for _, value in values], row.least)

    def y(value: float) -> float:
        return top + ROW - ROW * (value - low) / (high - low)

    for value in (low, (low + high) / 2, high):
        yield f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:g}</text>'
        yield f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#ddd"/>'
    if row.dots:
        yield from (f'<circle cx="{x(at):.1f}" cy="{y(v):.1f}" r="2.5" fill="#1f5fa8"/>' for at, v in values)
        return
    for stretch in _stretches(values):
        line = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in stretch)
        yield f'<polyline points="{line}" fill="none" stroke="#1f5fa8" stroke-width="1.5"/>'


def _bounds(values: Sequence[float], least: float) -> tuple[float, float]:
    """A round range around the values, of ``least`` at least."""
    low, high = min(values), max(values)
    spread = max(high - low, abs(high) * 0.1, least)
    step = 10 ** math.floor(math.log10(spread))
    low, high = math.floor(low / step) * step, math.ceil(high / step) * step
    return low, max(high, low + step, low + least)


def _stretches(values: Sequence[tuple[float, float]]) -> Iterator[list[tuple[float, float]]]:
    stretch: list[tuple[float, float]] = []
    for at, value in values:
        if stretch and at - stretch[-1][0] > MISSING_SECONDS:
            yield stretch
            stretch = []
        stretch.append((at, value))
    yield stretch


def spans(points: Sequence[HistoryPoint]) -> Iterator[tuple[float, float, Phase]]:
    """(begin, end, phase) of each unbroken stretch of one phase."""
    first = points[0]
    for before, point in itertools.pairwise(points):
        if point.phase is not first.phase or point.at - before.at > MISSING_SECONDS:
            yield first.at, min(point.at, before.at + MISSING_SECONDS), first.phase
            first = point
    yield first.at, points[-1].at, first.phase


def _time_axis(begin: float, end: float, top: float) -> Iterator[str]:
    step = next((step for step in _STEPS if (end - begin) / step <= 8), _STEPS[-1])
    form = "%H:%M:%S" if step < 60 else "%H:%M"
    at = math.ceil(begin / step) * step
    while at <= end:
        x = LEFT + WIDTH * (at - begin) / (end - begin)
        yield f'<text x="{x:.1f}" y="{top}" text-anchor="middle">{clock(at, form)}</text>'
        at += step


def clock(at: float, form: str = "%Y-%m-%d %H:%M") -> str:
    """Unix seconds in the local time."""
    return datetime.fromtimestamp(at, UTC).astimezone().strftime(form)
