"""Being at home in another program: what every integration can do.

``fishvoice integrate`` works over ``integrate.INTEGRATIONS``. Installing means writing a few small files into this
user's own folders; removing deletes exactly these, and nothing that somebody else has put there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fishvoice.errors import FishvoiceError
from fishvoice.files import write_whole


class CannotIntegrate(FishvoiceError):
    """An integration cannot be installed or removed; the message says why and what to do."""


@dataclass(frozen=True)
class Integration:
    """``name`` is what the person types, ``title`` one line that says what it brings.

    ``state`` is one line for the list, such as "installed", "can be installed" or "needs speech-dispatcher";
    ``install`` and ``remove`` return what to tell the person, a line each, and may be repeated without harm.
    Both raise CannotIntegrate.
    """

    name: str
    title: str
    state: Callable[[], str]
    install: Callable[[], list[str]]
    remove: Callable[[], list[str]]


def write(path: Path, text: str, *, executable: bool = False) -> None:
    """Put ``text`` at ``path`` in one step, making its folders. Raises CannotIntegrate."""
    try:
        write_whole(path, text.encode(), 0o755 if executable else 0o644)
    except OSError as error:
        raise CannotIntegrate(f"cannot write {path}: {error.strerror}") from error


def delete(path: Path) -> bool:
    """Delete the file ``path``; False if there was none. Raises CannotIntegrate."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise CannotIntegrate(f"cannot delete {path}: {error.strerror}") from error
    return True


def prune(folder: Path) -> None:
    """Remove ``folder`` if nothing is left in it."""
    with contextlib.suppress(OSError):  # it holds what somebody else has put there
        folder.rmdir()


def command(script: str, module: str) -> list[str]:
    """How another program starts ``module``: the console script next to this interpreter, else ``python -m``.

    The path is absolute, because desktops start their services with a PATH of their own.
    """
    beside = shutil.which(script, path=os.path.dirname(sys.executable))
    return [beside] if beside else [sys.executable, "-m", module]
