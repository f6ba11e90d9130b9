"""``fishvoice ps | load | unload``: which models are in memory, and until when."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

from fishvoice.client import Client
from fishvoice.durations import FOREVER, seconds, written
from fishvoice.errors import InvalidRequest


def ps(argv: Sequence[str]) -> int:
    """What is in memory."""
    parser = argparse.ArgumentParser(prog="fishvoice ps", description="Which models are in memory, and until when.")
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")
    options = parser.parse_args(argv)
    with Client(start=False) as client:
        status = client.status()
    models: list[dict[str, Any]] = status.get("models") or []
    if options.json:
        print(json.dumps(models, ensure_ascii=False, indent=2))
        return 0
    for model in models:
        print(f"{model['model']}: {model['engine']}, {model['precision']}, {_until(model.get('expires_seconds'))}")
    memory = status.get("memory", {}).get("rss_bytes")
    print(f"{len(models)} in memory" + (f"; the daemon takes {memory / 1e6:.0f} MB" if memory else ""))
    return 0


def load(argv: Sequence[str]) -> int:
    """Load a voice's model, so that its first words need not wait."""
    parser = argparse.ArgumentParser(prog="fishvoice load", description="Load a voice's model into memory.")
    parser.add_argument("voice", nargs="?", help="default: the default voice")
    parser.add_argument("--keep-alive", type=duration, metavar="TIME", default=FOREVER, help="5m, 1h; default for ever")
    parser.add_argument("--no-start", action="store_true", help="do not start a daemon")
    options = parser.parse_args(argv)
    return _keep(options.voice, options.keep_alive, start=not options.no_start)


def unload(argv: Sequence[str]) -> int:
    """Free a model's memory as soon as nobody uses it."""
    parser = argparse.ArgumentParser(prog="fishvoice unload", description="Free the memory of a voice's model.")
    parser.add_argument("voice", nargs="?", help="default: the default voice")
    options = parser.parse_args(argv)
    return _keep(options.voice, 0.0, start=False)


def _keep(voice: str | None, keep_alive: float, start: bool) -> int:
    with Client(start=start) as client:
        for _ in client.synthesize("", voice=voice, keep_alive=keep_alive):
            pass  # no sound comes of it, but an error may
    return 0


def duration(text: str) -> float:
    """For argparse: seconds of ``5m``."""
    try:
        return seconds(text)
    except InvalidRequest as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _until(expires: float | None) -> str:
    return "kept for ever" if expires is None else f"for {written(expires)} more"
