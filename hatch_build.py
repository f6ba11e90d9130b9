"""Build hook: shell completion and the man page, made from the commands' own parsers.

A verb's parser is caught where it is used, by running the verb up to its ``parse_args``. The daemon's libraries are not
there while the package is built, and no parser needs what they do: something stands in for them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import shtab
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FILES = {
    "bash": "share/bash-completion/completions/fishvoice",
    "zsh": "share/zsh/site-functions/_fishvoice",
    "fish": "share/fish/vendor_completions.d/fishvoice.fish",
    "man": "share/man/man1/fishvoice.1",
}


Section = tuple[str, str, argparse.ArgumentParser]
"""Of the man page: a verb, its summary, its parser."""


class StandIn(MetaPathFinder, Loader):
    """Finds the libraries that nobody else finds: modules in which every name is there and does nothing."""

    def find_spec(self, name: str, path: object = None, target: ModuleType | None = None) -> ModuleSpec | None:
        first = name.partition(".")[0]
        known = first in sys.stdlib_module_names or first in ("fishvoice", "fishvoiced")
        return None if known else ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return MagicMock(name=spec.name, __version__="0")

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to run."""


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
        sys.meta_path.append(StandIn())
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
    sections = [page for name, verb in VERBS.items() for page in pages(name, verb.summary, parsers[name])]
    completion = {shell: shtab.complete(whole, shell) for shell in ("bash", "zsh", "fish")}
    return {**completion, "man": man_page(sections)}


def add(verbs: Any, name: str, summary: str, parser: argparse.ArgumentParser | None) -> argparse.ArgumentParser:
    """A verb with the options of its own ``parser``, where that is known."""
    parents = [] if parser is None else [parser]
    added: argparse.ArgumentParser = verbs.add_parser(name, help=summary, parents=parents, add_help=not parents)
    return added


def caught(module: str, function: str) -> argparse.ArgumentParser:
    """The parser of a verb."""
    original = argparse.ArgumentParser.parse_args

    def catch(self: argparse.ArgumentParser, *_: object, **__: object) -> None:
        raise Caught(self)

    argparse.ArgumentParser.parse_args = catch  # type: ignore[assignment,method-assign]
    try:
        getattr(import_module(module), function)([])
    except Caught as found:
        return found.parser
    finally:
        argparse.ArgumentParser.parse_args = original  # type: ignore[method-assign]
    raise RuntimeError(f"{module}.{function} parses no arguments")


def pages(
    name: str, summary: str, parser: argparse.ArgumentParser
) -> Iterator[tuple[str, str, argparse.ArgumentParser]]:
    """A verb's section of the man page, and those of the verbs below it."""
    yield name, summary, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action._choices_actions:
                yield from pages(f"{name} {below.dest}", below.help or "", action.choices[below.dest])


def man_page(sections: list[Section]) -> str:
    lines = [
        ".TH FISHVOICE 1",
        ".SH NAME",
        "fishvoice \\- speak with the voices of this computer",
        ".SH SYNOPSIS",
        "fishvoice COMMAND ...",
        ".SH COMMANDS",
    ]
    for name, summary, parser in sections:
        options = (quoted(line) for line in parser.format_help().splitlines())
        lines += [f".SS {name}", quoted(summary), ".nf", *options, ".fi"]
    return "\n".join(lines) + "\n"


def quoted(line: str) -> str:
    """A line of text as troff takes it."""
    text = line.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text[:1] in (".", "'") else text
