"""The command ``fishvoice report``: the monitor's last hour as a plot (.png) or a page (.html)."""

from __future__ import annotations

import argparse
import base64
import html
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fishvoice import paths
from fishvoiced.errors import DaemonError
from fishvoiced.monitor.history import HistoryPoint, read_history

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PHASE_COLORS = {
    "warm": "#ffe08a",
    "throttled": "#ff9c8a",
    "cooldown": "#ff6f61",
    "recovering": "#ffd6a5",
    "degraded": "#d7a9e3",
}


class ReportError(DaemonError):
    """The report cannot be made; the message says what to do."""

    code = "bad_request"


def write_report(points: Sequence[HistoryPoint], out: Path) -> None:
    """Plot the points into ``out``, whose suffix (.png or .html) chooses the form.

    Raises ReportError for another suffix, an empty history, a missing matplotlib or a file that
    cannot be written.
    """
    if out.suffix not in (".png", ".html"):
        raise ReportError(f"{out.name}: a report is a .png or an .html file")
    if not points:
        raise ReportError("there is no history yet: let the daemon run for a minute")
    picture = io.BytesIO()
    _draw(points).savefig(picture, format="png", dpi=110)
    data = picture.getvalue()
    if out.suffix == ".html":
        data = _page(points, data).encode()
    try:
        out.write_bytes(data)
    except OSError as error:
        raise ReportError(f"{out} cannot be written: {error.strerror or error}") from error


def _draw(points: Sequence[HistoryPoint]) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ReportError("a report needs matplotlib: pip install 'fishvoice[report]'") from error
    figure = Figure(figsize=(10, 7), layout="constrained")
    axes = figure.subplots(4, 1, sharex=True)
    minutes = [(point.at - points[-1].at) / 60 for point in points]
    lines: tuple[tuple[str, list[float | None]], ...] = (
        ("°C", [point.temperature for point in points]),
        ("RTF", [point.rtf for point in points]),
        ("frames/CPU-s\nof normal", [point.throughput for point in points]),
        ("waiting", [float(point.queue) for point in points]),
    )
    for axis, (label, values) in zip(axes, lines, strict=True):
        axis.set_ylabel(label)
        axis.grid(alpha=0.3)
        if all(value is None for value in values):
            axis.text(0.5, 0.5, "not measured", transform=axis.transAxes, ha="center", va="center", color="gray")
        else:
            axis.plot(minutes, [float("nan") if value is None else value for value in values])
        for start, end, phase in _spans(points, minutes):
            if phase in _PHASE_COLORS:
                axis.axvspan(start, end, color=_PHASE_COLORS[phase], alpha=0.4, linewidth=0)
    axes[-1].set_xlabel("minutes before the last reading; shaded: warm to degraded")
    figure.suptitle(f"fishvoice, until {_clock(points[-1].at)}")
    return figure


def _spans(points: Sequence[HistoryPoint], minutes: Sequence[float]) -> list[tuple[float, float, str]]:
    spans: list[tuple[float, float, str]] = []
    for point, start, end in zip(points, minutes, [*minutes[1:], minutes[-1]], strict=True):
        if spans and spans[-1][2] == point.phase.value:
            spans[-1] = (spans[-1][0], end, point.phase.value)
        else:
            spans.append((start, end, point.phase.value))
    return spans


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).astimezone().strftime("%Y-%m-%d %H:%M")


def _page(points: Sequence[HistoryPoint], picture: bytes) -> str:
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in _sums(points)
    )
    encoded = base64.b64encode(picture).decode("ascii")
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>fishvoice report</title>'
        "<style>body{font-family:sans-serif;margin:2em;max-width:70em}th{text-align:left;padding-right:2em}"
        "img{max-width:100%}</style><h1>fishvoice report</h1>"
        f'<table>{rows}</table><p><img alt="temperature, RTF, throughput and queue over time" '
        f'src="data:image/png;base64,{encoded}"></p></html>'
    )


def _sums(points: Sequence[HistoryPoint]) -> list[tuple[str, str]]:
    def spread(values: list[float], form: str, unit: str = "") -> str:
        if not values:
            return "not measured"
        middle = sorted(values)[len(values) // 2]
        return f"{min(values):{form}} to {max(values):{form}}{unit}, median {middle:{form}}{unit}"

    phases = {point.phase.value: 0 for point in points}
    for point in points:
        phases[point.phase.value] += 1
    return [
        ("from", _clock(points[0].at)),
        ("until", _clock(points[-1].at)),
        ("temperature", spread([p.temperature for p in points if p.temperature is not None], ".0f", " °C")),
        ("power", spread([p.power for p in points if p.power is not None], ".1f", " W")),
        ("RTF", spread([p.rtf for p in points if p.rtf is not None], ".2f")),
        ("states", ", ".join(f"{name} {count / len(points):.0%}" for name, count in phases.items())),
    ]


def report(argv: Sequence[str]) -> int:
    """Plot the last hour."""
    parser = argparse.ArgumentParser(prog="fishvoice report", description="The last hour as a page or a picture.")
    parser.add_argument("--out", "-o", type=Path, required=True, metavar="FILE", help="FILE.html or FILE.png")
    options = parser.parse_args(argv)
    write_report(read_history(paths.state_dir() / "heat.bin"), options.out)
    return 0
