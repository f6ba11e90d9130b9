"""`doctor` as a command: ask the machine, its sensors and its packages, then print the report."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version

from fishvoice.errors import FishvoiceError
from fishvoiced.backends.light import package
from fishvoiced.doctor.diagnosis import DoctorReport, SensorLine, diagnose
from fishvoiced.doctor.platforms import Installed, matrix
from fishvoiced.doctor.view import first_start, render, render_matrix, to_json
from fishvoiced.errors import VoiceUnavailable
from fishvoiced.hardware.detect.collect import collect
from fishvoiced.hardware.detect.system_access import SystemAccess, system_access
from fishvoiced.monitor.guard import GuardedProbe
from fishvoiced.monitor.probes import POWER_SOURCES, discover
from fishvoiced.monitor.reading import describe
from fishvoiced.voices.speed import Measured

_PROGRAMS = ("systemctl", "launchctl", "schtasks")


def doctor_command(argv: Sequence[str], measure: Callable[[bool], Measured | None] = lambda again: None) -> int:
    """Print the report (``--json``: as JSON, ``--short``: the first start's form). Returns 0.

    ``measure(again)`` gives what is known of the default voice's speed, measuring it first where need be.
    """
    parser = argparse.ArgumentParser(prog="fishvoice doctor", description="What this machine is and can do.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--short", action="store_true", help="print the short form of a first start")
    parser.add_argument("--matrix", action="store_true", help="print what works on which platform")
    parser.add_argument("--calibrate", action="store_true", help="measure the default voice's speed again")
    args = parser.parse_args(list(argv))
    if args.matrix:
        render_matrix(matrix(), sys.stdout)
        return 0
    report = examine(system_access(), measure(args.calibrate), ask_daemon())
    if args.json:
        sys.stdout.write(to_json(report) + "\n")
    elif args.short:
        sys.stdout.write(first_start(report) + "\n")
    else:
        render(report, sys.stdout)
    return 0


def examine(
    doors: SystemAccess, measured: Measured | None = None, daemon: tuple[tuple[str, str], ...] = ()
) -> DoctorReport:
    """The report on the machine behind the doors; ``daemon`` is what `ask_daemon` said, if anybody asked."""
    report = diagnose(collect(doors), ask_sensors(doors), ask_installed(), measured, daemon)
    return replace(report, warnings=(*report.warnings, *ask_default_voice()))


def ask_daemon() -> tuple[tuple[str, str], ...]:
    """The models that a running daemon has in memory: what `status` says, in words."""
    from fishvoice.client import Client  # brings ZeroMQ, which a start has no use for

    try:
        with Client(start=False) as client:
            models = client.status().get("models") or []
    except FishvoiceError:
        return (("", "none runs at the moment"),)
    rows = []
    for model in models:
        speed = model.get("speed") or {}
        seen, promised = speed.get("observed"), speed.get("predicted")
        told = (
            f"RTF {seen:.2f} observed" if seen else f"RTF {promised:.2f} predicted" if promised else "not measured yet"
        )
        rows.append((str(model.get("model")), f"{model.get('engine')}, {model.get('precision')}; {told}"))
    return tuple(rows) or (("", "no model is in memory"),)


def ask_sensors(doors: SystemAccess) -> tuple[SensorLine, ...]:
    """Every heat source's answer or silence. Takes a second per hung source at most."""
    lines = []
    for probe in discover(doors):
        outcome = GuardedProbe(probe).poll(time.monotonic())
        heat = probe.name not in POWER_SOURCES
        if isinstance(outcome, tuple):
            # An empty answer is a counter that needs a second look; it is there all the same.
            said = ", ".join(map(describe, outcome)) or "available"
            lines.append(SensorLine(probe.name, True, said, heat=heat))
        else:
            lines.append(SensorLine(probe.name, False, outcome.reason, outcome.hint, heat))
    return tuple(lines)


def ask_default_voice() -> tuple[str, ...]:
    """Why the natural voice cannot speak, if it cannot: then the starter voice does."""
    try:
        package.load()
    except VoiceUnavailable as error:
        return (f"the default voice cannot speak, the starter voice does: {error}",)
    return ()


def ask_installed() -> Installed:
    """Programs on the path and package versions; nothing is imported or run."""
    programs = frozenset(name for name in _PROGRAMS if shutil.which(name))
    return Installed(programs, _version("onnxruntime"), _version("torch"))


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
