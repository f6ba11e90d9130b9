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
    parsers = {name: caught(verb.module, verb.function) for name, verb in VERBS.items()}
    verbs = whole.add_subparsers(metavar="COMMAND")
    for name in dict.fromkeys(name.partition(" ")[0] for name in VERBS):
        inner = [other for other in VERBS if other.startswith(f"{name} ")]
        summary = VERBS[name].summary if name in VERBS else "; ".join(VERBS[other].summary for other in inner)
        added = add(verbs, name, summary, parsers.get(name))
        below = added.add_subparsers(metavar="COMMAND") if inner else None
        for other in inner:
            add(below, other.partition(" ")[2], VERBS[other].summary, parsers[other])
    sections = [(name, verb.summary, parsers[name]) for name, verb in VERBS.items()]
    completion = {shell: shtab.complete(whole, shell) for shell in ("bash", "zsh", "fish")}
    return {**completion, "man": man_page(sections)}


def add(verbs: Any, name: str, summary: str, parser: argparse.ArgumentParser | None) -> argparse.ArgumentParser:
    """A verb with the options of its own ``parser``, where that is known."""
    parents = [] if parser is None else [parser]
    added: argparse.ArgumentParser = verbs.add_parser(name, help=summary, parents=parents, add_help=not parents)
    return added


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
