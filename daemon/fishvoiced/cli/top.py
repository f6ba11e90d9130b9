"""The command ``fishvoice top``: one glance at a running daemon, from its status, drawn with rich."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fishvoice.client import Client

if TYPE_CHECKING:
    from rich.console import RenderableType

_BARS = "▁▂▃▄▅▆▇█"
_STYLES = {
    "normal": "green",
    "warm": "yellow",
    "recovering": "yellow",
    "blind": "cyan",
    "throttled": "red",
    "cooldown": "red",
    "degraded": "magenta",
}


@dataclass(frozen=True, slots=True)
class TopView:
    """What `top` shows. °C, W, s, bytes; None where the daemon does not know. The two series are
    the last temperatures and RTFs, oldest first."""

    model: str | None = None
    precision: str | None = None
    phase: str | None = None
    reasons: tuple[str, ...] = ()
    threads: int | None = None
    temperature: float | None = None
    power: float | None = None
    throughput: float | None = None
    rtf: float | None = None
    first_audio_seconds: float | None = None
    queue: int | None = None
    active: int | None = None
    uptime_seconds: float | None = None
    memory_bytes: int | None = None
    temperatures: tuple[float, ...] = ()
    rtfs: tuple[float, ...] = ()
    fanless: str | None = None

    @classmethod
    def from_status(cls, status: Mapping[str, object]) -> TopView:
        """Take what is known out of the daemon's status map; what is absent or of another kind
        stays None, so that an older or newer daemon can be watched, too."""
        heat, queue = _map(status.get("thermal")), _map(status.get("queue"))
        return cls(
            model=_text(status.get("model")),
            precision=_text(status.get("precision")),
            phase=_text(heat.get("phase")),
            reasons=tuple(r for r in _items(heat.get("reasons")) if isinstance(r, str)),
            threads=_whole(heat.get("threads")),
            temperature=_number(heat.get("temperature")),
            power=_number(heat.get("power")),
            throughput=_number(heat.get("throughput")),
            rtf=_number(status.get("rtf")),
            first_audio_seconds=_number(_map(status.get("first_audio_seconds")).get("p50")),
            queue=_whole(queue.get("waiting")),
            active=_whole(queue.get("active")),
            uptime_seconds=_number(status.get("uptime_seconds")),
            memory_bytes=_whole(_map(status.get("memory")).get("rss_bytes")),
            temperatures=_numbers(heat.get("temperatures")),
            rtfs=_numbers(heat.get("rtfs")),
            fanless=_text(heat.get("fanless")),
        )


def render_top(view: TopView) -> RenderableType:
    """A rich panel; print it once, or keep it in a ``rich.live.Live``."""
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    state = view.phase or "unknown"
    reasons = f"  ({'; '.join(view.reasons)})" if view.reasons else ""
    rows: list[tuple[str, str | Text]] = [
        ("model", " ".join(filter(None, (view.model, view.precision))) or "–"),
        ("state", Text(state, style=_STYLES.get(state, "")) + Text(reasons)),
        ("temperature", f"{_show(view.temperature, '.0f', ' °C')}  {sparkline(view.temperatures)}"),
        ("power", _show(view.power, ".1f", " W")),
        ("throughput", _show(view.throughput, ".0%", " of normal")),
        ("RTF", f"{_show(view.rtf, '.2f')}  {sparkline(view.rtfs)}"),
        ("first audio", _show(view.first_audio_seconds, ".3f", " s")),
        ("threads", _show(view.threads, "d")),
        ("queue", f"{_show(view.queue, 'd')} waiting, {_show(view.active, 'd')} active"),
        ("memory", _show(None if view.memory_bytes is None else view.memory_bytes / 2**20, ".0f", " MiB")),
        ("up", _show(None if view.uptime_seconds is None else view.uptime_seconds / 60, ".1f", " min")),
    ]
    if view.fanless is not None:
        rows.append(("without a fan", view.fanless))
    for name, value in rows:
        table.add_row(name, value)
    return Panel(table, title="fishvoice", expand=False)


def sparkline(values: Sequence[float], width: int = 40) -> str:
    """The last ``width`` values as block characters, scaled between their least and greatest."""
    shown = values[-width:]
    if not shown:
        return ""
    low, high = min(shown), max(shown)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BARS[int((value - low) * scale)] for value in shown)


def _show(value: float | None, form: str, unit: str = "") -> str:
    return "–" if value is None else f"{value:{form}}{unit}"


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _map(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _items(value: object) -> Sequence[object]:
    return value if isinstance(value, (list, tuple)) else ()


def _numbers(value: object) -> tuple[float, ...]:
    return tuple(number for item in _items(value) if (number := _number(item)) is not None)


def top(argv: Sequence[str]) -> int:
    """Show the daemon's temperature, state, RTF and queue until interrupted."""
    parser = argparse.ArgumentParser(prog="fishvoice top", description="How the daemon fares, live.")
    parser.add_argument("--once", action="store_true", help="show it once")
    parser.add_argument("--every", type=float, default=1.0, metavar="SECONDS", help="default 1")
    options = parser.parse_args(argv)
    if not options.every > 0:
        parser.error("--every needs a number of seconds above 0")
    from rich.console import Console
    from rich.live import Live

    console = Console()
    with Client(start=False) as client:
        if options.once or not console.is_terminal:
            console.print(render_top(TopView.from_status(client.status())))
            return 0
        with Live(console=console, auto_refresh=False) as live:
            while True:
                live.update(render_top(TopView.from_status(client.status())), refresh=True)
                time.sleep(options.every)
