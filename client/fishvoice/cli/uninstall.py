"""``fishvoice uninstall``: everything that fishvoice has put on this machine, named, and removed when asked."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fishvoice import paths
from fishvoice.client import Client
from fishvoice.errors import DaemonUnavailable, FishvoiceError


@dataclass(frozen=True)
class Item:
    """Something that is there, and how it goes."""

    what: str
    remove: Callable[[], object]


def main(argv: Sequence[str]) -> int:
    """Without ``--yes`` nothing is removed. Exit code 1 if something could not be."""
    parser = argparse.ArgumentParser(
        prog="fishvoice uninstall", description="Name what fishvoice has put on this machine; remove it with --yes."
    )
    parser.add_argument("--yes", action="store_true", help="remove it all")
    parser.add_argument("--keep-voices", action="store_true", help="but not the voices you made and the settings")
    options = parser.parse_args(argv)
    items = list(found(options.keep_voices))
    failed = 0
    for item in items:
        print(("removing " if options.yes else "would remove ") + item.what)
        if options.yes:
            failed += not _removed(item)
    if not options.yes:
        print("nothing was removed; do it with: fishvoice uninstall --yes")
    print("what models pull fetched lies in the hub's cache, which other programs share; see: hf cache")
    print("the package itself goes with the tool that brought it, for example: pip uninstall fishvoice")
    return 1 if failed else 0


def _removed(item: Item) -> bool:
    try:
        item.remove()
    except (OSError, FishvoiceError) as error:
        print(f"fishvoice: {item.what} stays: {error}", file=sys.stderr)
        return False
    return True


def found(keep_voices: bool) -> Iterator[Item]:
    """What is there, in the order in which it can go."""
    from fishvoice.adapters.integrate import INTEGRATIONS
    from fishvoice.service import facts, run_command
    from fishvoice.service import service as service_of
    from fishvoice.service import uninstall as stop_service

    with Client(start=False) as client:
        try:
            client.connect()
            yield Item("the running daemon", _end)
        except DaemonUnavailable:
            pass
    for integration in INTEGRATIONS:
        if integration.state().startswith("installed"):
            yield Item(f"the integration {integration.name}", integration.remove)
    service = service_of(sys.platform, facts())
    if any(file.exists() for file in service.files):
        yield Item("the service", lambda: stop_service(service, run_command))
    for what, folder in folders(keep_voices):
        if _is_there(folder):
            yield Item(f"{what}: {folder}", partial(_delete, folder))


def _is_there(path: Path) -> bool:
    """Looking for a folder may have made it; what is empty is nobody's."""
    if path.is_dir() and not any(path.iterdir()):
        path.rmdir()
    return path.exists()


def folders(keep_voices: bool) -> Iterator[tuple[str, Path]]:
    """The folders and files of this user, by what they hold."""
    yield "sockets and locks", paths.runtime_dir()
    yield "logs", paths.state_dir()
    yield "models", paths.cache_dir()
    if not keep_voices:
        yield "your voices", paths.data_dir()
        yield "settings", paths.config_file()


def _end() -> None:
    with Client(start=False) as client:
        client.shutdown()


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
