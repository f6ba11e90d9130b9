"""Figures of several engines, side by side: a table, a plot, and what was aimed at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.s1_engine import Figures
from benchmarks.s1_limits import Limit, limit

ALLOWED_OVER_LIMIT = 1.6
UPSTREAM, TORCH = "fish-speech fp32", "torch fp32"


@dataclass(frozen=True)
class Row:
    figures: Figures
    limit: Limit | None
    """None where the engine's kernels are not those that the limit was measured with."""

    @property
    def over_limit(self) -> float | None:
        return None if self.limit is None else self.figures.rtf / self.limit.rtf(1e3 * self.figures.frame_seconds)

    def to_json(self) -> dict[str, object]:
        limits = None if self.limit is None else asdict(self.limit)
        return {**asdict(self.figures), "rtf": self.figures.rtf, "limit": limits, "over_limit": self.over_limit}


@dataclass(frozen=True)
class Bar:
    """Something aimed at: ``value`` should be at most ``wanted``, or at least."""

    what: str
    value: float
    wanted: float
    at_least: bool = False

    @property
    def reached(self) -> bool:
        return self.value >= self.wanted if self.at_least else self.value <= self.wanted

    def __str__(self) -> str:
        side = "at least" if self.at_least else "at most"
        return f"{'reached' if self.reached else 'MISSED '}  {self.what}: {self.value:.2f}, {side} {self.wanted:g}"


def limit_of(figures: Figures, codec_operations: float) -> Limit | None:
    f = figures
    if f.slow_bytes is None or f.fast_bytes is None or f.bandwidth is None or f.convolution_rate is None:
        return None
    return limit(f.slow_bytes, f.fast_bytes, f.bandwidth, codec_operations, f.convolution_rate)


def bars(rows: Sequence[Row]) -> list[Bar]:
    """What S1-mini is judged by on two cores, as far as the engines were measured."""
    by_name = {row.figures.name: row for row in rows}
    upstream, torch = by_name.get(UPSTREAM), by_name.get(TORCH)
    found = []
    for row in rows:
        f = row.figures
        if row.limit is None or row.over_limit is None:
            continue
        language_precision = f.name.split()[1]
        if language_precision == "fp32":
            language = (row.limit.slow_ms + row.limit.fast_ms) or 1.0
            found.append(Bar(f"{f.name}, language model over the limit of memory", f.language_ms / language, 1.3))
        else:
            found.append(Bar(f"{f.name}, RTF over the machine's limit", row.over_limit, ALLOWED_OVER_LIMIT))
        if language_precision == "int8":
            found.append(Bar(f"{f.name}, RTF", f.rtf, 0.9))
        if language_precision != "int4":
            continue
        found.append(Bar(f"{f.name}, RTF", f.rtf, 0.6))
        for other, times in ((upstream, 45.0), (torch, 5.0)):
            if other is not None:
                faster = other.figures.rtf / f.rtf
                found.append(Bar(f"{f.name}, times faster than {other.figures.name}", faster, times, at_least=True))
        found.append(Bar(f"{f.name}, memory in GB", f.resident_bytes / 1e9, 1.3))
        found.append(Bar(f"{f.name}, seconds to load", f.load_seconds, 3.0))
        if f.first_audio_seconds is not None:
            found.append(Bar(f"{f.name}, seconds to first audio", f.first_audio_seconds, 0.4))
        if f.known_reference_seconds is not None:
            found.append(Bar(f"{f.name}, the same with a known reference", f.known_reference_seconds, 0.6))
        if f.early_ms and f.late_ms:
            early, late = (language + f.codec_ms for language in (f.early_ms, f.late_ms))
            found.append(Bar(f"{f.name}, a late frame's time over an early one's", late / early, 1.25))
    return found


def table(rows: Sequence[Row], about: str) -> Table:
    result = Table(title=f"S1-mini, random weights; {about}", title_justify="left")
    result.add_column("")
    for heading in (
        *("slow\nms", "fast\nms", "language\nms/frame", "codec\nms/frame", "RTF", "limit\nRTF", "over\nlimit"),
        *("prefill\ns", "first\naudio s", "reference\nknown s", "load\ns", "resident\nGB", "peak\nGB"),
    ):
        result.add_column(heading, justify="right")
    for row in rows:
        f = row.figures
        least = None if row.limit is None else row.limit.rtf(1e3 * f.frame_seconds)
        result.add_row(
            *(f.name, _cell(f.slow_ms, 1), _cell(f.fast_ms, 1), _cell(f.language_ms, 1), _cell(f.codec_ms, 1)),
            *(_cell(f.rtf, 2), _cell(least, 2), _cell(row.over_limit, 2), _cell(f.prefill_seconds, 2)),
            *(_cell(f.first_audio_seconds, 2), _cell(f.known_reference_seconds, 2), _cell(f.load_seconds, 1)),
            *(_cell(f.resident_bytes / 1e9, 2), _cell(f.peak_bytes / 1e9, 2)),
        )
    return result


def _cell(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def show(rows: Sequence[Row], about: str) -> None:
    console = Console(width=140)
    console.print(table(rows, about))
    for row in rows:
        f, least = row.figures, row.limit
        if least is not None and f.bandwidth is not None and f.convolution_rate is not None:
            console.print(
                f"{f.name}: limit {least.slow_ms:.1f} + {least.fast_ms:.1f} + {least.codec_ms:.1f} ms per frame "
                f"({f.bandwidth / 1e9:.1f} GB/s of weights, {f.convolution_rate / 1e9:.0f} GOP/s of convolution); "
                f"prompt of {f.prefill_columns} columns"
            )
        if f.early_ms and f.late_ms:
            console.print(
                f"{f.name}: in a long answer the language model takes {f.early_ms:.1f} ms per frame, "
                f"at its end {f.late_ms:.1f} ms"
            )
        if f.stretches_ms:
            curve = " ".join(f"{ms:.1f}" for ms in f.stretches_ms)
            console.print(f"{f.name}: ms per frame of the language model, by hundreds: {curve}")
    for bar in bars(rows):
        console.print(str(bar))


def plot(rows: Sequence[Row], path: Path) -> None:
    """RTF of every engine on a logarithmic axis, the machine's limit as a mark on the bar."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 0.5 * len(rows) + 1.2))
    names = [row.figures.name for row in rows]
    bars_drawn = axes.barh(names, [row.figures.rtf for row in rows], color="#4477aa")
    axes.bar_label(bars_drawn, fmt="%.2f", padding=3, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})
    for place, row in enumerate(rows):
        if row.limit is not None:
            least = row.limit.rtf(1e3 * row.figures.frame_seconds)
            axes.plot([least, least], [place - 0.4, place + 0.4], color="black")
    axes.axvline(1.0, color="#cc6677", linestyle="--", linewidth=1)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.margins(x=0.15)
    axes.invert_yaxis()
    axes.set_xlabel("seconds of computing per second of sound\ndashed: real time; black: the machine's limit")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
