"""The command ``fishvoice report``: the last hour of this machine as a page that explains itself (.html)."""

from __future__ import annotations

import argparse
import html
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from statistics import median

from fishvoice import paths
from fishvoice.client import Client
from fishvoice.errors import FishvoiceError
from fishvoiced.cli.report_plot import clock, draw, spans
from fishvoiced.errors import DaemonError
from fishvoiced.hardware.classify import classify
from fishvoiced.hardware.detect.collect import collect
from fishvoiced.hardware.tiers import profile_for
from fishvoiced.monitor.records.history import HISTORY_FILE, HistoryPoint, read_history
from fishvoiced.monitor.records.journal import JOURNAL_FILE, Entry, read_journal
from fishvoiced.monitor.throttle import Phase

_MEANING = {
    Phase.NORMAL: "nothing is slowed down",
    Phase.WARM: "near its limit: long, heavy speech makes short pauses",
    Phase.THROTTLED: "the machine slows itself down: long, heavy speech takes half of the time only",
    Phase.COOLDOWN: "long, heavy speech rests, three minutes at most",
    Phase.RECOVERING: "back to full speed, step by step",
    Phase.DEGRADED: "resting did not help: long, heavy speech goes on slowly",
    Phase.BLIND: "no sensor tells of heat: nothing is slowed down but for the own speed",
}

_SECOND = "%Y-%m-%d %H:%M:%S"
_STYLE = (
    "body{font-family:sans-serif;margin:2em auto;max-width:60em;padding:0 1em;color:#222}"
    "svg{margin-top:1.5em}th{text-align:left;padding:.1em 1.5em .1em 0;vertical-align:top;font-weight:600}"
    "td{padding:.1em 1.5em .1em 0;vertical-align:top}svg{width:100%;height:auto}"
)


class ReportError(DaemonError):
    """The report cannot be made; the message says what to do."""

    code = "bad_request"


@dataclass(frozen=True, slots=True)
class Machine:
    """What the page says of the machine and of the daemon; None where no daemon runs."""

    name: str
    tier: str
    model: str | None = None
    fanless: str | None = None


def write_report(points: Sequence[HistoryPoint], entries: Sequence[Entry], machine: Machine, out: Path) -> None:
    """Write the page. Raises ReportError for another suffix, an empty history or a file that cannot be written."""
    if out.suffix not in (".html", ".htm"):
        raise ReportError(f"{out.name}: a report is an .html file, for any browser")
    if not points:
        raise ReportError(
            "there is no history yet: let the daemon run for a minute (fishvoice say Hello), then ask again"
        )
    since = points[0].at
    try:
        out.write_text(page(points, [e for e in entries if e.at >= since], machine), encoding="utf-8")
    except OSError as error:
        raise ReportError(f"{out} cannot be written: {error.strerror or error}") from error


def page(points: Sequence[HistoryPoint], entries: Sequence[Entry], machine: Machine) -> str:
    """The whole page."""
    phases = [(phase.value, meaning) for phase, meaning in _MEANING.items() if phase in {p.phase for p in points}]
    changes = [(clock(e.at, "%H:%M:%S"), e.text) for e in entries if e.kind != "utterance"]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>fishvoice report</title>'
        f"<style>{_STYLE}</style><h1>fishvoice report</h1>"
        f"<p>{html.escape(verdict(points, entries))}</p>"
        f"{_table(summary(points, entries, machine))}{draw(points, entries)}"
        f"<h2>What happened</h2>{_table(changes) if changes else '<p>Nothing changed in this time.</p>'}"
        f"<h2>States</h2>{_table(phases)}</html>"
    )


def verdict(points: Sequence[HistoryPoint], entries: Sequence[Entry]) -> str:
    """One sentence first."""
    hot = sum(end - begin for begin, end, phase in spans(points) if phase in (Phase.THROTTLED, Phase.COOLDOWN))
    spoken = sum(entry.kind == "utterance" for entry in entries)
    utterances = f"{spoken} utterance was" if spoken == 1 else f"{spoken} utterances were"
    heat = f"for {_lasting(hot)} of that it was too hot for full speed" if hot else "it was never too hot"
    return f"In {_lasting(points[-1].at - points[0].at)} {utterances} spoken, and {heat}."


def _lasting(seconds: float) -> str:
    return f"{max(seconds, 1):.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"


def summary(points: Sequence[HistoryPoint], entries: Sequence[Entry], machine: Machine) -> list[tuple[str, str]]:
    """Labels and values, with units."""
    spoken = [entry for entry in entries if entry.kind == "utterance"]
    seconds = sum(entry.audio_seconds or 0.0 for entry in spoken)
    voices = ", ".join(f"{name} ({count})" for name, count in Counter(e.text for e in spoken).most_common(5))
    shares: dict[str, float] = {}
    for begin, end, phase in spans(points):
        shares[phase.value] = shares.get(phase.value, 0.0) + end - begin
    whole = sum(shares.values()) or 1.0
    rows = [
        ("machine", f"{machine.name}; tier {machine.tier}"),
        ("model in memory", machine.model or "none: no daemon runs at the moment"),
        ("time", f"{clock(points[0].at, _SECOND)} to {clock(points[-1].at, _SECOND)} (written every 20 s)"),
        ("utterances", f"{len(spoken)}, {seconds:.0f} s of sound" + (f"; {voices}" if voices else "")),
        ("RTF", _spread([e.rtf for e in spoken if e.rtf is not None], ".2f", " (under 1 is faster than it is spoken)")),
        ("temperature", _spread([p.temperature for p in points if p.temperature is not None], ".0f", " °C")),
        ("power", _spread([p.power for p in points if p.power is not None], ".1f", " W")),
        (
            "states",
            ", ".join(f"{name} {_percent(part / whole)}" for name, part in _largest_first(shares)),
        ),
    ]
    return [*rows, ("without a fan", machine.fanless)] if machine.fanless else rows


def _largest_first(shares: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(shares.items(), key=itemgetter(1), reverse=True)


def _percent(share: float) -> str:
    return "under 1%" if share < 0.01 else f"{share:.0%}"


def _spread(values: Sequence[float], form: str, unit: str) -> str:
    if not values:
        return "not measured"
    return f"{min(values):{form}} to {max(values):{form}}, median {median(values):{form}}{unit}"


def _table(rows: Sequence[tuple[str, str]]) -> str:
    cells = (f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in rows)
    return f"<table>{''.join(cells)}</table>"


def this_machine() -> Machine:
    """The machine, and the daemon if one runs."""
    facts = collect()
    tier = classify(facts).tier
    try:
        with Client(start=False) as client:
            status: Mapping[str, object] = client.status()
    except FishvoiceError:  # no daemon is no reason for no report
        status = {}
    thermal = status.get("thermal")
    fanless = thermal.get("fanless") if isinstance(thermal, Mapping) else None
    return Machine(
        facts.brand.strip() or "an unnamed CPU",
        f"{tier.value} ({profile_for(tier).title})",
        ", ".join(_models(status)) or ("none" if status else None),
        fanless if isinstance(fanless, str) else None,
    )


def _models(status: Mapping[str, object]) -> Iterator[str]:
    models = status.get("models")
    for model in models if isinstance(models, list) else []:
        yield f"{model.get('model')} ({model.get('engine')}, {model.get('precision')})"


def report(argv: Sequence[str]) -> int:
    """Write the last hour's page."""
    parser = argparse.ArgumentParser(prog="fishvoice report", description="The last hour of heat and speed as a page.")
    parser.add_argument("--out", "-o", type=Path, required=True, metavar="FILE.html", help="the page to write")
    options = parser.parse_args(argv)
    state = paths.state_dir()
    points, entries = read_history(state / HISTORY_FILE), read_journal(state / JOURNAL_FILE)
    write_report(points, entries, this_machine(), options.out)
    print(f"{options.out}: the last {_lasting(points[-1].at - points[0].at)}, for a browser")
    return 0
