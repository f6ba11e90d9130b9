"""Whether ``hibari-tts`` is here, of a version that `hibari.py` knows, and whole."""

from __future__ import annotations

import importlib
import re
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from fishvoiced.errors import VoiceUnavailable

if TYPE_CHECKING:
    from types import ModuleType

PACKAGE = "hibari-tts"
REQUIREMENT = f"{PACKAGE}>=0.2.1,<0.3"
_SINCE, _BEFORE = (0, 2, 1), (0, 3)


def load() -> ModuleType:
    """The module `fishvoiced.backends.light.hibari`. Raises VoiceUnavailable, whatever is wrong with the package."""
    try:
        found = version(PACKAGE)
    except PackageNotFoundError as error:
        raise VoiceUnavailable(f"the package {PACKAGE} is not installed: pip install '{REQUIREMENT}'") from error
    if not _SINCE <= _numbers(found) < _BEFORE:
        raise VoiceUnavailable(f"{PACKAGE} {found} is another version than needed: pip install '{REQUIREMENT}'")
    try:
        return importlib.import_module("fishvoiced.backends.light.hibari")
    except ModuleNotFoundError as error:
        raise VoiceUnavailable(f"{PACKAGE} needs the package {error.name}: pip install {error.name}") from error
    except Exception as error:  # a damaged package may raise anything
        what = f"{PACKAGE} {found} is broken ({type(error).__name__}: {error})"
        raise VoiceUnavailable(f"{what}: pip install --force-reinstall '{REQUIREMENT}'") from error


def _numbers(found: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", found)[:3])
