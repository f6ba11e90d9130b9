"""Where the plugins lie that are no Python of this package: inside it when installed, beside it in the source."""

from __future__ import annotations

from pathlib import Path

import fishvoice
from fishvoice.adapters.shared.integration import CannotIntegrate


def folder(name: str) -> Path:
    """The folder ``name`` (``nvda``, ``editors/nvim``, …). Raises CannotIntegrate when this installation has none."""
    package = Path(fishvoice.__file__).parent
    for place in (package / name, package.parent / name):
        if place.is_dir():
            return place
    raise CannotIntegrate(f"this installation of fishvoice has no {name}: install it again")
