"""``fishvoice stop | voices | shutdown``: one question to the daemon each."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

import msgspec

from fishvoice.client import Client
from fishvoice.errors import DaemonFrozen, DaemonUnavailable
from fishvoice.protocol import VoiceInfo


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
    rows = [("", *_COLUMNS), *(_row(voice) for voice in found if voice.unavailable is None)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    missing = [voice for voice in found if voice.unavailable is not None]
    if missing:
        print("\nNot here yet, or cannot speak:")
    for voice in missing:
        print(f"   {voice.name} ({voice.kind or 'fish'}, {voice.language or 'any language'}): {voice.unavailable}")
    return 0


_COLUMNS = ("voice", "kind", "language", "rate", "clones", "loaded", "license", "description")


def _row(voice: VoiceInfo) -> tuple[str, ...]:
    return (
        "*" if voice.default else "",
        voice.name,
        voice.kind or "-",
        voice.language or "any",
        "-" if voice.sample_rate is None else f"{voice.sample_rate / 1000:g} kHz",
        "yes" if voice.clones else "no",
        "yes" if voice.loaded else "no",
        voice.license or "-",
        voice.description,
    )


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
