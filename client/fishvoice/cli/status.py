"""``fishvoice status``: six lines for people, all figures with ``--all``, JSON for programs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from typing import Any

from fishvoice.client import Client
from fishvoice.durations import written


def status(argv: Sequence[str]) -> int:
    """How the daemon is."""
    parser = argparse.ArgumentParser(prog="fishvoice status", description="How the daemon is.")
    parser.add_argument("--all", action="store_true", help="every figure, nested ones by dotted names")
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")
    options = parser.parse_args(argv)
    with Client(start=False) as client:
        found = client.status()
    if options.json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return 0
    rows = list(flat(found)) if options.all else list(summary(found))
    width = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        print(f"{name:{width}}  {value}")
    return 0


def summary(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What a person wants to know, in at most six lines."""
    problem = found.get("problem")
    yield "state", f"{found.get('state', 'unknown')}{f': {problem}' if problem else ''}"
    age = written(found.get("uptime_seconds") or 0)
    yield "daemon", f"version {found.get('version')}, process {found.get('pid')}, up {age}"
    yield "voice", f"{found.get('voice') or 'none'} ({found.get('voices', 0)} in all)"
    memory = (found.get("memory") or {}).get("rss_bytes") or 0
    models = ", ".join(f"{m['model']} ({m['precision']})" for m in found.get("models") or []) or "no model"
    yield "memory", f"{models}; {memory / 1e6:.0f} MB"
    queue, rtf = found.get("queue") or {}, found.get("rtf")
    speed = f"; a second of sound takes {rtf:.2f} s" if isinstance(rtf, int | float) else ""
    yield "work", f"{queue.get('active', 0)} speaking, {queue.get('waiting', 0)} waiting{speed}"
    thermal = found.get("thermal") or {}
    reasons = ", ".join(map(str, thermal.get("reasons") or ()))
    yield "heat", f"{thermal.get('phase', 'not watched')}{f': {reasons}' if reasons else ''}"


def flat(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Nested figures by dotted names."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, float):
        yield name, f"{value:.4g}"
    elif isinstance(value, list) and any(isinstance(each, dict) for each in value):
        for number, inner in enumerate(value):
            yield from flat(inner, f"{name}.{number}")
    elif isinstance(value, list):
        yield name, ", ".join(map(str, value)) or "-"
    else:
        yield name, "-" if value is None else str(value)
