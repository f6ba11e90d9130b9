"""``fishvoice integrate``: what is at home here, what can be, done and undone."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from fishvoice.adapters.editors import NEOVIM, VIM, VSCODE
from fishvoice.adapters.emacspeak.install import EMACS
from fishvoice.adapters.hotkey import HOTKEY
from fishvoice.adapters.nvda.package import NVDA
from fishvoice.adapters.shared.integration import CannotIntegrate, Integration
from fishvoice.adapters.speechd.install import SPEECH_DISPATCHER

INTEGRATIONS = (SPEECH_DISPATCHER, EMACS, NEOVIM, VIM, VSCODE, NVDA, HOTKEY)


def main(argv: Sequence[str]) -> int:
    """``list`` (the default), a name, or a name and ``--remove``. Raises CannotIntegrate."""
    options = _parser().parse_args(argv)
    if options.remove:
        if options.name is None:
            raise CannotIntegrate("--remove what? See: fishvoice integrate list")
        _print(_find(options.name).remove())
    elif options.name in (None, "list"):
        _print(_table())
    else:
        _print(_find(options.name).install())
    return 0


def _find(name: str) -> Integration:
    for integration in INTEGRATIONS:
        if integration.name == name:
            return integration
    known = ", ".join(integration.name for integration in INTEGRATIONS)
    raise CannotIntegrate(f"there is no integration {name!r}; there are {known}")


def _table() -> list[str]:
    """A line each; one whose state cannot be told says why, and the others are listed all the same."""
    rows = [(integration.name, _state(integration), integration.title) for integration in INTEGRATIONS]
    names, states = (max(len(row[column]) for row in rows) for column in (0, 1))
    return [f"{name:{names}}  {state:{states}}  {title}" for name, state, title in rows]


def _state(integration: Integration) -> str:
    try:
        return integration.state()
    except CannotIntegrate as error:
        return str(error)


def _print(lines: Sequence[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fishvoice integrate", description="Let other programs speak with fishvoice, or stop doing so."
    )
    parser.add_argument("name", nargs="?", metavar="list | NAME", help="what to install; list shows what there is")
    parser.add_argument("--remove", action="store_true", help="undo the installation of NAME")
    return parser
