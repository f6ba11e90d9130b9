"""How a doctor's report looks: rich on a terminal, plain lines elsewhere, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import TextIO

from fishvoiced.doctor.diagnosis import DoctorReport
from fishvoiced.doctor.platforms import Capability, Platform, Support
from fishvoiced.hardware.facts import HardwareFacts
from fishvoiced.voices.speed import Measured

_UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Section:
    """A titled block of (label, value) rows; ``alarm`` marks the warnings."""

    title: str
    rows: tuple[tuple[str, str], ...]
    alarm: bool = False


def sections(report: DoctorReport) -> tuple[Section, ...]:
    """The report in the order in which it is read."""
    blocks = (
        Section("Hardware", tuple(_hardware(report.facts))),
        Section("Tier", tuple(_tier(report))),
        Section("Speed", tuple(_speed(report))),
        Section("Runtime", tuple(_runtime(report))),
        Section("Daemon", report.daemon),
        Section("Platform", tuple(_platform(report))),
        Section("Sensors", tuple(_sensors(report))),
        Section("Worth installing", tuple((t.name, f"{t.purpose}: {t.url}") for t in report.tools)),
        Section("Warnings", tuple(("!", text) for text in report.warnings), alarm=True),
    )
    return tuple(block for block in blocks if block.rows)


def first_start(report: DoctorReport) -> str:
    """The short form that a first start prints once: the machine, its tier, what to expect."""
    facts, profile = report.facts, report.profile
    cores = f"{_count(facts.physical_cores)} cores ({_count(facts.logical_cores)} threads)"
    lines = [
        f"fishvoice on {facts.brand.strip() or 'an unnamed CPU'}: {cores}, {_memory(facts)}, {report.platform.value}",
        f"Tier {profile.tier.value} ({profile.title}); {report.threads.threads} threads",
        _short_speed(report),
        *(f"Note: {text}" for text in report.warnings),
        "More: fishvoice doctor",
    ]
    return "\n".join(lines)


def banner(report: DoctorReport) -> str:
    """What a program prints when it begins: the machine, its tier, and the speed-up to expect."""
    facts, expected = report.facts, report.profile.expected
    lines = [
        f"CPU: {facts.brand.strip() or _UNKNOWN}",
        f"Cores: {_count(facts.physical_cores)} physical, {_count(facts.logical_cores)} logical; {_memory(facts)}; "
        f"{facts.system.value}",
        f"Tier: {report.profile.tier.value} ({report.profile.title}); {report.threads.threads} threads",
    ]
    if expected.speedup is not None:
        faster = f"{expected.speedup:g} times as fast with" if expected.speedup > 1 else "no faster with"
        lines.append(
            f"Expected of S1-mini: {faster} ONNX Runtime {'as' if expected.speedup > 1 else 'than'} with PyTorch, RTF "
            f"{expected.rtf_before:g} to {expected.rtf_onnx:g} (the project's estimate, not measured)"
        )
    return "\n".join(lines)


def render_matrix(rows: Iterable[tuple[Platform, tuple[Capability, ...]]], out: TextIO) -> None:
    """Write the whole platform matrix as plain lines."""
    for platform, cells in rows:
        out.write(f"{platform.value}\n")
        out.writelines(f"  {cell.name:20} {cell.support.value:8} {cell.detail}\n" for cell in cells)


def render(report: DoctorReport, out: TextIO) -> None:
    """Write the report: with rich when ``out`` is a terminal and rich is there, else plain."""
    if out.isatty() and _render_rich(report, out):
        return
    for section in sections(report):
        out.write(f"{section.title}\n")
        width = max(len(label) for label, _ in section.rows)
        out.writelines(f"  {label:{width}}  {value}\n" for label, value in section.rows)


def to_json(report: DoctorReport) -> str:
    """The whole record as JSON, with the derived figures that a reader would recompute."""
    record = asdict(report)
    facts = report.facts
    record["facts"] |= {
        "vendor": facts.vendor,
        "family": facts.family,
        "generation": facts.generation,
        "suffix": facts.suffix,
        "physical_cores": facts.physical_cores,
        "logical_cores": facts.logical_cores,
        "performance_cores": facts.performance_cores,
        "efficiency_cores": facts.efficiency_cores,
        "smt": facts.smt,
        "virtualized": facts.virtualized,
        "usable_memory_bytes": facts.usable_memory_bytes,
    }
    record["tier"] = report.classification.tier.value
    record["environment"] = dict(report.environment)
    if report.measured is not None:
        record["measured"] |= {
            "predicted_rtf": report.measured.predicted_rtf,
            "prediction_error": report.measured.prediction_error,
        }
    return json.dumps(record, ensure_ascii=False, indent=2, default=sorted)  # sets become lists


def _hardware(facts: HardwareFacts) -> Iterator[tuple[str, str]]:
    yield "CPU", facts.brand.strip() or _UNKNOWN
    if facts.board_model:
        yield "board", facts.board_model
    if facts.apple_model:
        yield "model", facts.apple_model
    yield "cores", f"{_count(facts.physical_cores)} physical, {_count(facts.logical_cores)} logical"
    if facts.hybrid:
        yield "", f"{facts.performance_cores} performance, {facts.efficiency_cores} efficiency"
    if facts.affinity is not None:
        yield "usable CPUs", str(len(facts.affinity))
    yield "CPU quota", "none" if facts.quota_cpus is None else f"{facts.quota_cpus:g} CPUs (container)"
    yield "memory", _memory(facts)
    yield "instructions", ", ".join(facts.isa.names()) or "none of the fast ones is known"
    yield "system", f"{facts.system.value} {facts.machine}".strip()
    if facts.virtualization is not None:
        yield "virtual machine", facts.virtualization
    if facts.translated:
        yield "translated", "yes"
    if facts.power is not None:
        yield "power", facts.power.value


def _tier(report: DoctorReport) -> Iterator[tuple[str, str]]:
    found = report.classification
    yield "tier", f"{found.tier.value}: {report.profile.title}"
    yield "confidence", f"{found.confidence:.0%}"
    for number, reason in enumerate(found.reasons):
        yield "" if number else "because", reason
    for number, note in enumerate(report.profile.notes):
        yield "" if number else "note", note


def _speed(report: DoctorReport) -> Iterator[tuple[str, str]]:
    """Of the voice that speaks what was measured; of S1-mini the project's estimate, named as such."""
    yield from _measured(report.measured)
    expected = report.profile.expected
    if expected.rtf_onnx is None:
        yield "S1-mini, estimate", "none for this tier: a voice is measured while it speaks"
        return
    before = "" if expected.rtf_before is None else f", {expected.rtf_before:g} with PyTorch before"
    hot = "" if expected.rtf_throttled is None else f", {expected.rtf_throttled:g} when throttled"
    yield "S1-mini, estimate", f"RTF {expected.rtf_onnx:g}{hot}{before} (the project's first, not measured here)"
    yield "", f"10 s of speech in {expected.clip_10s:g} s, 30 s in {expected.clip_30s:g} s (estimated likewise)"


def _measured(measured: Measured | None) -> Iterator[tuple[str, str]]:
    if measured is None:
        yield "measured", "nothing yet: a voice is measured while it speaks"
        return
    for number, figure in enumerate(measured.figures):
        used = (figure.precision, figure.threads) == (measured.precision, measured.threads)
        mark = "" if not used or len(measured.figures) == 1 else " (in use)" if figure.disturbed else " (chosen)"
        mark += " (beside other work: measure again when nothing else runs)" if figure.disturbed else ""
        threads = "" if figure.threads is None else f", {figure.threads} threads"
        text = f"{figure.precision}{threads}: RTF {figure.predicted_rtf:.2f}{mark}"
        yield "" if number else f"measured, {measured.model}", text
    if measured.observed_rtf is not None:
        error = measured.prediction_error
        beside = "" if error is None else f"; the prediction was off by {error:+.0%}"
        yield "observed", f"RTF {measured.observed_rtf:.2f} over {measured.utterances} utterances{beside}"


def _short_speed(report: DoctorReport) -> str:
    """Of the voice that speaks what was measured; of S1-mini, until it is, the project's estimate, named as such."""
    expected, measured = report.profile.expected, report.measured
    rtf = measured.expected_rtf if measured is not None else None
    if measured is not None and rtf is not None:
        return f"Measured: RTF {rtf:.2f} with {measured.model}, 10 s of speech in {10 * rtf:.1f} s"
    if expected.rtf_onnx is None:
        return "No speed is known for such machines beforehand: each voice is measured while it speaks"
    return (
        f"S1-mini, the project's estimate and not measured: RTF {expected.rtf_onnx:g}, 10 s of speech in "
        f"{expected.clip_10s:g} s; of the voice that speaks: fishvoice doctor"
    )


def _runtime(report: DoctorReport) -> Iterator[tuple[str, str]]:
    profile, session = report.profile, report.session
    yield "threads", f"{report.threads.threads} ({profile.thread_rule})"
    for reason in report.threads.reasons:
        yield "", reason
    yield "precision", f"imports start with {profile.lm_precision} language model, {profile.codec_precision} codec"
    yield "segments", f"up to {profile.segment_chars} characters"
    pinned = "not pinned" if session.thread_affinities is None else "pinned to the performance cores"
    spin = "spinning while busy" if session.allow_spinning else "no spinning"
    yield (
        "ONNX Runtime",
        f"{session.intra_op_threads} threads, {session.execution_mode}, "
        f"{session.graph_optimization} optimizations, {spin}, {pinned}",
    )
    for number, (name, value) in enumerate(report.environment):
        yield "" if number else "PyTorch engine", f"{name}={value}"


def _platform(report: DoctorReport) -> Iterator[tuple[str, str]]:
    yield "platform", report.platform.value
    for cell in report.capabilities:
        mark = "" if cell.support is Support.WORKS else f"{cell.support.value}: "
        yield cell.name, f"{mark}{cell.detail}"


def _sensors(report: DoctorReport) -> Iterator[tuple[str, str]]:
    if not any(sensor.available and sensor.heat for sensor in report.sensors):
        yield "", "no temperature sensor"
    for sensor in report.sensors:
        hint = f" ({sensor.hint})" if sensor.hint else ""
        yield sensor.name, f"{sensor.detail}{hint}"


def _count(value: int | None) -> str:
    return _UNKNOWN if value is None else str(value)


def _memory(facts: HardwareFacts) -> str:
    if facts.memory_bytes is None:
        return f"memory {_UNKNOWN}"
    text = f"{facts.memory_bytes / 2**30:.1f} GiB"
    if facts.memory_limit_bytes is not None and facts.memory_limit_bytes < facts.memory_bytes:
        text += f" (container limit {facts.memory_limit_bytes / 2**30:.1f} GiB)"
    return text


def _render_rich(report: DoctorReport, out: TextIO) -> bool:
    try:
        from rich.console import Console
        from rich.panel import Panel
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        return False  # part of the daemon's extra; plain lines say the same
    console = Console(file=out)
    for section in sections(report):
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", no_wrap=True)
        table.add_column()
        for label, value in section.rows:
            table.add_row(Text(label), Text(value))
        style = "yellow" if section.alarm else "cyan"
        console.print(Panel(table, title=section.title, title_align="left", border_style=style))
    return True
