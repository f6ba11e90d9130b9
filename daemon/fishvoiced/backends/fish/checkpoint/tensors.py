"""A file of weights as a table of tensors that are read one by one: nothing is in memory before it is asked for.

Files are mapped, so that a model of gigabytes costs what its largest tensor does. bfloat16 is read as it is stored and
widened tensor by tensor.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fishvoiced.errors import CheckpointError

Floats: TypeAlias = NDArray[np.float32]
Rows: TypeAlias = slice | NDArray[np.int64]


@dataclass(frozen=True)
class Weight:
    """A tensor that can be read: ``shape`` is known beforehand; ``load`` gives rows as float32 and keeps nothing."""

    shape: tuple[int, ...]
    load: Callable[[Rows], Floats]

    def read(self, begin: int = 0, end: int | None = None) -> Floats:
        """Rows ``begin`` to ``end``, by default all; not to be written to."""
        return self.load(slice(begin, end))

    def pick(self, rows: NDArray[np.int64]) -> Floats:
        """Single rows of a table: [..., dim]."""
        return self.load(rows)

    @staticmethod
    def of(array: Floats) -> Weight:
        """Of what is in memory already."""
        return Weight(array.shape, lambda rows: array[rows])

    @staticmethod
    def made(shape: tuple[int, ...], make: Callable[[], Floats]) -> Weight:
        """Of what can only be computed as a whole."""
        return Weight(shape, lambda rows: make()[rows])


Table: TypeAlias = Mapping[str, Weight]

ITEM_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}


@dataclass(frozen=True)
class Extent:
    """Bytes of an open file. They are mapped while they are read and no longer: nobody's memory fills up with them."""

    file: BinaryIO
    offset: int
    length: int

    def array(self, dtype: str) -> NDArray[Any]:
        """All of it as stored values of ``dtype``, flat, not to be written to."""
        stored = stored_type(dtype)
        count = self.length // stored.itemsize
        if count <= 0:
            return np.empty(0, stored)
        return np.asarray(np.memmap(self.file, stored, "r", self.offset, (count,)))

    def part(self, begin: int, end: int) -> Extent:
        return Extent(self.file, self.offset + begin, end - begin)

    def read(self, begin: int, count: int) -> bytes:
        self.file.seek(self.offset + begin)
        return self.file.read(count)


def opened(path: Path) -> Extent:
    """The whole file. Raises CheckpointError."""
    try:
        file = path.open("rb")  # it stays open as long as a tensor of it is known
        return Extent(file, 0, os.fstat(file.fileno()).st_size)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} is missing: is {path.parent} a whole Fish checkpoint?") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error


def widened(raw: NDArray[Any], dtype: str) -> Floats:
    """Stored values of ``dtype`` (safetensors' name of it; BF16 as uint16) as float32; of float32 no copy is made."""
    if dtype == "BF16":
        wide = raw.astype(np.uint32)
        wide <<= 16
        return wide.view(np.float32)
    return raw.astype(np.float32, copy=False)


def stored_type(dtype: str) -> np.dtype[Any]:
    """NumPy's type of the stored bytes."""
    return np.dtype(
        {"BF16": "<u2", "F16": "<f2", "F32": "<f4", "F64": "<f8", "BOOL": "?", "U8": "u1", "I8": "i1"}.get(dtype)
        or f"<i{ITEM_BYTES[dtype]}"
    )
