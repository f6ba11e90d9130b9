"""``fishvoice stop | status | voices | shutdown``: one question to the daemon each."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence

import msgspec

from fishvoice.client import Client
from fishvoice.errors import DaemonFrozen, DaemonUnavailable


def stop(argv: Sequence[str]) -> int:
    """Silence. No daemon is silence too."""
    parser = _parser("stop", "Stop everything that is being spoken, or one request.")
    parser.add_argument("id", nargs="?", help="only this request")
    options = parser.parse_args(argv)
    with Client(start=False) as client:
        try:
            stopped = client.cancel(options.id)
        except DaemonFrozen:
            raise
        except DaemonUnavailable:
            stopped = 0
    print(f"stopped {stopped}" if stopped else "nothing was being spoken", file=sys.stderr)
    return 0


def status(argv: Sequence[str]) -> int:
    """The daemon's figures, nested ones by dotted names."""
    parser = _parser("status", "How the daemon is.")
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")
    options = parser.parse_args(argv)
    with Client(start=False) as client:
        found = client.status()
    if options.json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return 0
    rows = list(_flat(found))
    width = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        print(f"{name:{width}}  {value}")
    return 0


def voices(argv: Sequence[str]) -> int:
    """The voices, the default one marked."""
    parser = _parser("voices", "Which voices there are; voices add and voices remove change that.")
    parser.add_argument("list", nargs="?", choices=["list"], help="as without it")
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")
    parser.add_argument("--no-start", action="store_true", help="do not start a daemon")
    options = parser.parse_args(argv)
    with Client(start=not options.no_start) as client:
        found = client.voices()
    if options.json:
        print(json.dumps(msgspec.to_builtins(found), ensure_ascii=False, indent=2))
        return 0
    width = max((len(voice.name) for voice in found), default=0)
    for voice in found:
        facts = [voice.language, voice.description, "follows a reference" if voice.clones else None]
        facts.append(f"cannot speak: {voice.unavailable}" if voice.unavailable else None)
        mark = "*" if voice.default else " "
        print(f"{mark} {voice.name:{width}}  {', '.join(fact for fact in facts if fact)}".rstrip())
    return 0


def shutdown(argv: Sequence[str]) -> int:
    """End the daemon."""
    parser = _parser("shutdown", "End the daemon; the next request starts it again.")
    parser.add_argument("--drain", action="store_true", help="finish what is being spoken first")
    options = parser.parse_args(argv)
    with Client(start=False) as client:
        client.shutdown(drain=options.drain)
    return 0


def _parser(verb: str, description: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(prog=f"fishvoice {verb}", description=description)


def _flat(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, float):
        yield name, f"{value:.4g}"
    elif isinstance(value, list) and any(isinstance(each, dict) for each in value):
        for number, inner in enumerate(value):
            yield from _flat(inner, f"{name}.{number}")
    elif isinstance(value, list):
        yield name, ", ".join(map(str, value)) or "-"
    else:
        yield name, "-" if value is None else str(value)
