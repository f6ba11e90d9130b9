"""Build hook: shell completion and the man page, made from the commands' own parsers.

A verb's parser is caught where it is used, by running the verb up to its ``parse_args``. A verb whose libraries are not
there while the package is built has its summary alone.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import shtab
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FILES = {
    "bash": "share/bash-completion/completions/fishvoice",
    "zsh": "share/zsh/site-functions/_fishvoice",
    "fish": "share/fish/vendor_completions.d/fishvoice.fish",
    "man": "share/man/man1/fishvoice.1",
}


class Caught(Exception):
    """Carries the parser that a verb was about to use."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__()
        self.parser = parser


class CustomBuildHook(BuildHookInterface):
    """See hatchling's documentation of custom build hooks."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        sys.path[:0] = [str(root / "client"), str(root / "daemon")]
        made = root / "build" / "shell"
        for kind, text in documents().items():
            target = made / FILES[kind]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            build_data["shared_data"][str(target)] = FILES[kind]


def documents() -> dict[str, str]:
    """The completion files and the man page, by their kind."""
    from fishvoice.cli import VERBS

    whole = argparse.ArgumentParser(prog="fishvoice", description="Speak with the voices of this computer.")
    verbs = whole.add_subparsers(metavar="COMMAND")
    sections = []
    for name, verb in VERBS.items():
        parser = caught(verb.module, verb.function)
        sections.append((name, verb.summary, parser))
        if " " not in name:
            parents = [] if parser is None else [parser]
            verbs.add_parser(name, help=verb.summary, parents=parents, add_help=not parents)
    completion = {shell: shtab.complete(whole, shell) for shell in ("bash", "zsh", "fish")}
    return {**completion, "man": man_page(sections)}


def caught(module: str, function: str) -> argparse.ArgumentParser | None:
    """The parser of a verb; None if the verb's libraries are missing."""
    original = argparse.ArgumentParser.parse_args

    def catch(self: argparse.ArgumentParser, *_: object, **__: object) -> None:
        raise Caught(self)

    argparse.ArgumentParser.parse_args = catch  # type: ignore[assignment,method-assign]
    try:
        getattr(import_module(module), function)([])
    except Caught as found:
        return found.parser
    except ImportError:
        return None
    finally:
        argparse.ArgumentParser.parse_args = original  # type: ignore[method-assign]
    return None


def man_page(sections: list[tuple[str, str, argparse.ArgumentParser | None]]) -> str:
    lines = [
        ".TH FISHVOICE 1",
        ".SH NAME",
        "fishvoice \\- speak with the voices of this computer",
        ".SH SYNOPSIS",
        "fishvoice COMMAND ...",
        ".SH COMMANDS",
    ]
    for name, summary, parser in sections:
        lines += [f".SS {name}", quoted(summary)]
        if parser is not None:
            lines += [".nf", *(quoted(line) for line in parser.format_help().splitlines()), ".fi"]
    return "\n".join(lines) + "\n"


def quoted(line: str) -> str:
    """A line of text as troff takes it."""
    text = line.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text[:1] in (".", "'") else text
