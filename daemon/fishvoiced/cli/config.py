"""``fishvoice config show | path | init``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from fishvoice import paths
from fishvoice.files import write_whole
from fishvoiced import config
from fishvoiced.config import FORMAT, Config
from fishvoiced.errors import DaemonError


def config_command(argv: Sequence[str]) -> int:
    """Exit status 0, or 1 with one line on stderr."""
    verb = parser().parse_args(argv).verb
    file = paths.config_file()
    try:
        if verb == "path":
            print(file)
        elif verb == "show":
            print(toml(config.load(file, os.environ, {})), end="")
        else:
            return _init(file)
    except DaemonError as error:
        print(f"fishvoice: {error}", file=sys.stderr)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fishvoice config", description="The daemon's settings.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs.add_parser("show", help="the settings in force: defaults, file and environment")
    verbs.add_parser("path", help="where the file is, or would be")
    verbs.add_parser("init", help="write a file with every setting at its default, to be edited")
    return parser


def _init(file: Path) -> int:
    if file.exists():
        print(f"fishvoice: {file} exists already; edit it, or remove it first", file=sys.stderr)
        return 1
    lines = toml(Config()).splitlines()
    header = "# fishvoice's settings at their defaults; take a # away to change one. Meanings: docs/operations.md\n"
    body = "\n".join(line if line[:1] in ("[", "#", "") else f"# {line}" for line in lines)
    try:
        write_whole(file, f"{header}format = {FORMAT}\n{body}\n".encode(), 0o644)
    except OSError as error:
        print(f"fishvoice: cannot write {file}: {error.strerror or error}", file=sys.stderr)
        return 1
    print(f"wrote {file}")
    return 0


def toml(settings: Config) -> str:
    """All settings as TOML; those without a value are comments."""
    return "\n".join(_table(msgspec.to_builtins(settings))) + "\n"


def _table(tree: dict[str, Any]) -> Iterator[str]:
    for key, value in tree.items():
        if not isinstance(value, dict):
            yield f"# {key} =" if value is None else f"{key} = {_value(value)}"
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from ("", f"[{key}]", *_table(value))


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return msgspec.json.encode(value).decode()  # a JSON string or number is one of TOML's
