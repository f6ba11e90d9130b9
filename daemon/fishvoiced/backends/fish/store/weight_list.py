"""Where a model's weights lie in the files of its graphs: what PyTorch reads without a checkpoint. NumPy only."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from numpy.typing import NDArray

from fishvoiced.backends.untrusted import UntrustedFolder
from fishvoiced.errors import ModelStoreError

LIST = "weights.json"
REST = "weights.npz"
_Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 40)]
_Shape = Annotated[tuple[_Count, ...], msgspec.Meta(max_length=8)]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a weight lies: in ``file`` of the model's folder, an array ``stored`` of ``kind`` (NumPy's) from ``offset``
    on; of that ``count`` rows (``axis`` 0) or columns (1) from ``first`` on, or all (None); ``transposed``; in
    ``shape``."""

    file: str
    offset: _Count
    kind: str
    stored: _Shape
    shape: _Shape
    first: _Count = 0
    count: _Count | None = None
    axis: Annotated[int, msgspec.Meta(ge=0, le=1)] = 0
    transposed: bool = False

    def read(self, folder: Path) -> NDArray[np.float32]:
        """The weight. Raises OSError, ValueError, ModelStoreError for a file that is none of the model's parts'."""
        part, _, name = self.file.rpartition("/")
        path = UntrustedFolder(UntrustedFolder(folder, ModelStoreError).subfolder(part), ModelStoreError).file(name)
        kind, count = np.dtype(self.kind), math.prod(self.stored)
        if kind.kind not in "iuf" or self.offset + count * kind.itemsize > path.stat().st_size:
            raise ValueError(f"{self.file} has no {count} numbers of {self.kind!r:.20} there")
        with path.open("rb") as file:
            array = np.fromfile(file, kind, count, offset=self.offset).reshape(self.stored)
        if self.count is not None:
            rows = slice(self.first, self.first + self.count)
            array = array[rows] if self.axis == 0 else array[:, rows]
        if self.transposed:
            array = array.T
        return np.ascontiguousarray(array, np.float32).reshape(self.shape)


def has_weight_list(about: Path) -> bool:
    """Whether PyTorch can run the model without its checkpoint."""
    return (about / LIST).is_file() and (about / REST).is_file()


def read_weights(folder: Path, about: Path) -> Mapping[str, NDArray[np.float32]]:
    """Every weight by name, ``dual_ar.…`` and ``codec.…``. Raises ModelStoreError."""
    try:
        files = UntrustedFolder(about, ModelStoreError)
        places = files.json(LIST, dict[str, Place])
        with zipfile.ZipFile(files.file(REST)) as packed:  # what is not compressed is no larger than its file
            if any(each.compress_type != zipfile.ZIP_STORED for each in packed.infolist()):
                raise ValueError(f"{REST} is compressed")
        with np.load(about / REST, allow_pickle=False) as rest:
            weights = {name: rest[name].astype(np.float32) for name in rest.files}
        return weights | {name: place.read(folder) for name, place in places.items()}
    except (OSError, ValueError, TypeError, KeyError, MemoryError, zipfile.BadZipFile) as error:
        raise ModelStoreError(f"the list of weights in {about} does not fit the model's files: {error}") from error
