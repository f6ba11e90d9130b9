"""The K/V of a prompt's first columns, those of its reference: prefilled once, then copied in.

A 20 s reference fills some 430 columns: seconds of prefill, or one copy of 25 MB (S1-mini, K and V in int8: 57 KB a
column). Kept as the slow AR keeps it, so that a sentence is the same bit for bit whether its prefix was just computed
or found.

A saved voice has its prefix in its own folder, as ``prefix-KEY-HASH.npy`` [2 * n_layer, n_local_heads, columns,
head_dim]: K, then V, of each layer. KEY stands for all that the values depend on, HASH for the file's bytes, so what
bears its right name is whole. It goes with the voice; a voice has one at most, that of the engine last used. All
others are kept in memory, the last few.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
from pathlib import Path

import numpy as np

from fishvoiced.backends.fish.store.parts import sha256
from fishvoiced.backends.fish.types import Columns, Prompt
from fishvoiced.backends.onnx_sessions import Array
from fishvoiced.backends.untrusted import UntrustedFolder
from fishvoiced.errors import ModelStoreError

log = logging.getLogger(__name__)

LEAST_COLUMNS = 16
"""A shorter prefix, such as that of no reference at all, is prefilled together with the text."""
MOST_IN_MEMORY = 2
_DIGITS = 32  # of the hexadecimal SHA-256, in a file's name


class PrefixCache:
    """The prefixes of one engine. ``identity`` names all that K/V depends on besides the columns."""

    def __init__(self, identity: str) -> None:
        self._identity = identity
        self._recent: dict[str, Array] = {}
        self._checked: set[Path] = set()

    def key(self, prompt: Prompt) -> str | None:
        """What the prompt's prefix is known by; None where it is not worth keeping."""
        if not LEAST_COLUMNS <= prompt.prefix_length < prompt.columns.shape[1]:
            return None
        columns: Columns = prompt.columns[:, : prompt.prefix_length]
        digest = hashlib.sha256(f"{self._identity} {columns.shape}".encode())
        digest.update(np.ascontiguousarray(columns, "<i8").tobytes())
        return digest.hexdigest()[:_DIGITS]

    def find(self, key: str, folder: Path | None) -> Array | None:
        """K/V [2 * n_layer, n_local_heads, columns, head_dim], perhaps mapped: to be copied and let go at once."""
        if key in self._recent:
            self._recent[key] = self._recent.pop(key)  # the last used goes last
            return self._recent[key]
        for path in folder.glob(f"prefix-{key}-*.npy") if folder is not None else ():
            try:
                UntrustedFolder(path.parent, ModelStoreError).file(path.name)
                if path not in self._checked and not path.stem.endswith(sha256(path)[:_DIGITS]):
                    raise ValueError("its contents are not those that were written")
                values: Array = np.load(path, mmap_mode="r", allow_pickle=False)
            except (OSError, ValueError, EOFError, ModelStoreError) as error:
                log.warning("the kept prefix %s is of no use and is computed anew: %s", path, error)
                continue
            self._checked.add(path)
            return values
        return None

    def keep(self, key: str, values: Array, folder: Path | None) -> None:
        """For the next time: in the voice's ``folder``, or where there is none or it refuses, in memory."""
        if folder is not None:
            try:
                self._checked.add(_write(folder, key, values))
                return
            except OSError as error:
                log.warning("the voice's prefix cannot be kept in %s, only in memory: %s", folder, error)
        while len(self._recent) >= MOST_IN_MEMORY:
            self._recent.pop(next(iter(self._recent)))
        self._recent[key] = values


def _write(folder: Path, key: str, values: Array) -> Path:
    """The file, complete, and the only one of its kind. Raises OSError, and then leaves nothing behind."""
    descriptor, name = tempfile.mkstemp(prefix="prefix-", suffix=".part", dir=folder)
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            np.save(file, values, allow_pickle=False)
        path = folder / f"prefix-{key}-{sha256(part)[:_DIGITS]}.npy"
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    for other in folder.glob("prefix-*"):
        if other != path:
            with contextlib.suppress(OSError):  # gone already, or in use on Windows: the next write tidies up
                other.unlink()
    return path
