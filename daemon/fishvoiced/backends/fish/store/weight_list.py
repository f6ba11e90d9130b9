"""Where a model's weights lie in the files of its graphs: what PyTorch reads without a checkpoint. NumPy only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fishvoiced.errors import ModelStoreError

LIST = "weights.json"
REST = "weights.npz"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a weight lies: in ``file`` of the model's folder, an array ``stored`` of ``kind`` (NumPy's) from ``offset``
    on; of that ``count`` rows (``axis`` 0) or columns (1) from ``first`` on, or all (None); ``transposed``; in
    ``shape``."""

    file: str
    offset: int
    kind: str
    stored: tuple[int, ...]
    shape: tuple[int, ...]
    first: int = 0
    count: int | None = None
    axis: int = 0
    transposed: bool = False

    def read(self, folder: Path) -> NDArray[np.float32]:
        """The weight. Raises OSError, ValueError."""
        with (folder / self.file).open("rb") as file:
            array = np.fromfile(file, self.kind, int(np.prod(self.stored)), offset=self.offset).reshape(self.stored)
        if self.count is not None:
            part = slice(self.first, self.first + self.count)
            array = array[part] if self.axis == 0 else array[:, part]
        if self.transposed:
            array = array.T
        return np.ascontiguousarray(array, np.float32).reshape(self.shape)


def has_weight_list(about: Path) -> bool:
    """Whether PyTorch can run the model without its checkpoint."""
    return (about / LIST).is_file() and (about / REST).is_file()


def read_weights(folder: Path, about: Path) -> Mapping[str, NDArray[np.float32]]:
    """Every weight by name, ``dual_ar.…`` and ``codec.…``. Raises ModelStoreError."""
    try:
        listed = json.loads((about / LIST).read_text(encoding="utf-8"))
        places = {name: Place(**{**place, "stored": tuple(place["stored"])}) for name, place in listed.items()}
        with np.load(about / REST) as rest:
            weights = {name: rest[name].astype(np.float32) for name in rest.files}
        return weights | {name: place.read(folder) for name, place in places.items()}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelStoreError(f"the list of weights in {about} does not fit the model's files: {error}") from error
