"""Where a checkpoint's weights lie in the files of its converted graphs: so that PyTorch can run a model that is
shipped converted only, and no weight is shipped twice.

Each weight is looked for by its values, as it is, transposed, or as a part of a larger tensor; what the graphs do not
hold as such (folded products, mostly) is written beside the list.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from fishvoiced.backends.fish.network import checkpoint as checkpoints
from fishvoiced.backends.fish.store.models import ABOUT, ConvertedModel
from fishvoiced.backends.fish.store.parts import MANIFEST, write_manifest
from fishvoiced.backends.fish.store.weight_list import LIST, REST, Place
from fishvoiced.errors import ModelStoreError

CLOSE = 2e-3
"""Of a tensor's largest value: half precision keeps eleven bits."""
LEAST_ITEMS = 8
"""Smaller tensors are alike by accident, and cost nothing."""

Array = NDArray[np.float32]


def list_weights(model: ConvertedModel, checkpoint: Path) -> int:
    """Write the list into ``model``'s folder; the bytes of what it could not find there.

    Raises ModelStoreError when the graphs' tensors are not raw half or single floats.
    """
    wanted = {name: tensor.numpy() for name, tensor in checkpoints.spoken_weights(checkpoints.load(checkpoint)).items()}
    held = list(_tensors(model.folder))
    places: dict[str, Place] = {}
    rest: dict[str, Array] = {}
    for name, weight in wanted.items():
        place = next(_places(weight, held), None) if weight.size >= LEAST_ITEMS else None
        if place is None:
            rest[name] = weight
        else:
            places[name] = place
    about = model.folder / ABOUT
    (about / LIST).write_text(json.dumps({name: asdict(place) for name, place in places.items()}), encoding="utf-8")
    np.savez(about / REST, **{name: array.astype(np.float16) for name, array in rest.items()})  # type: ignore[arg-type]
    manifest = about / MANIFEST
    manifest.unlink(missing_ok=True)
    write_manifest(about, model.checkpoint_hash)
    return (about / REST).stat().st_size


def _tensors(folder: Path) -> Iterator[tuple[Place, Array]]:
    """Every float tensor of every graph, and where it lies in its file."""
    for path in sorted(folder.glob("*/*.onnx")):
        raw = path.read_bytes()
        for tensor in onnx.load(path, load_external_data=False).graph.initializer:
            kind = {onnx.TensorProto.FLOAT: "<f4", onnx.TensorProto.FLOAT16: "<f2"}.get(tensor.data_type)
            if kind is None or not tensor.dims or 0 in tensor.dims:
                continue
            outside = {entry.key: entry.value for entry in tensor.external_data}
            if outside:
                file, offset = path.with_name(outside["location"]), int(outside.get("offset", 0))
            elif tensor.raw_data:
                file, offset = path, raw.index(tensor.raw_data)
            else:
                raise ModelStoreError(f"{path}: the tensor {tensor.name} is not stored as raw bytes")
            shape = tuple(tensor.dims)
            place = Place(file.relative_to(folder).as_posix(), offset, kind, shape, shape)
            yield place, place.read(folder)


def _places(weight: Array, held: list[tuple[Place, Array]]) -> Iterator[Place]:
    """Places that hold the weight: whole, or as rows or columns of a matrix; as it is, or transposed."""
    for place, array in held:
        if array.size == weight.size and _close(weight, array.reshape(weight.shape)):
            yield replace(place, shape=weight.shape)
    flat = weight.squeeze()
    matrices = [(place, array) for place, array in held if array.ndim == 2 and flat.ndim == 2]
    for (place, array), axis, transposed in itertools.product(matrices, (0, 1), (False, True)):
        wanted = flat.T if transposed else flat
        count, length = wanted.shape[axis], array.shape[axis]
        if wanted.shape[1 - axis] != array.shape[1 - axis] or length % count:
            continue
        for first in range(0, length, count):
            part = slice(first, first + count)
            if _close(wanted, array[part] if axis == 0 else array[:, part]):
                yield replace(place, shape=weight.shape, first=first, count=count, axis=axis, transposed=transposed)


def _close(weight: Array, found: Array) -> bool:
    return bool(np.abs(weight - found).max() <= CLOSE * max(float(np.abs(weight).max()), 1e-6))
