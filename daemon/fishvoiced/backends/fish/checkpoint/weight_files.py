"""Opening files of weights: torch's, safetensors, and safetensors in shards."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from fishvoiced.backends.fish.checkpoint.tensors import (
    ITEM_BYTES,
    Extent,
    Floats,
    Rows,
    Table,
    Weight,
    opened,
    widened,
)
from fishvoiced.backends.fish.checkpoint.torch_file import read_torch_file
from fishvoiced.backends.untrusted import is_plain_name
from fishvoiced.errors import CheckpointError

LFS_MARK = b"version https://git-lfs"


def open_table(path: Path) -> Table:
    """The tensors of a ``.pth`` or ``.safetensors`` file, or of the shards of a ``.safetensors.index.json``.

    Raises CheckpointError when the file is missing, damaged, or something else.
    """
    if path.name.endswith(".index.json"):
        return _sharded(path)
    data = opened(path)
    if data.read(0, len(LFS_MARK)) == LFS_MARK:
        raise CheckpointError(
            f"{path} is a Git LFS pointer, not the weights: run `git lfs pull` in {path.parent}, or: "
            "fishvoice models pull"
        )
    if path.suffix == ".safetensors":
        return _safetensors(path, data)
    return read_torch_file(path, data)


def _safetensors(path: Path, data: Extent) -> Table:
    """The format is eight bytes of length, that much JSON, then the tensors one after the other.

    The library safetensors (0.8.0) does not do here: in NumPy it raises TypeError at bfloat16, which releases are in.
    """
    try:
        length = int.from_bytes(data.read(0, 8), "little")
        if length > data.length - 8:
            raise ValueError("it ends before its table of contents does")
        header: dict[str, Any] = json.loads(data.read(8, length))
        header.pop("__metadata__", None)
        tensors = data.part(8 + length, data.length)
        return {name: _stored(tensors, entry) for name, entry in header.items()}
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is damaged or no safetensors file: {error}") from error


def _stored(data: Extent, entry: dict[str, Any]) -> Weight:
    dtype, shape, (begin, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
    if not 0 <= begin <= end <= data.length or end - begin != math.prod(shape) * ITEM_BYTES[dtype]:
        raise ValueError(f"a tensor of shape {shape} does not lie at bytes {begin} … {end}: is the file whole?")

    def load(rows: Rows) -> Floats:
        stored = data.part(begin, end).array(dtype).reshape(shape)
        return widened(stored[rows] if shape else stored, dtype)

    return Weight(shape, load)


def _sharded(index: Path) -> Table:
    try:
        where: dict[str, str] = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"{index} is no index of safetensors: {error}") from error
    if not all(map(is_plain_name, where.values())):
        raise CheckpointError(f"{index} names shards that do not lie beside it")
    shards = {name: open_table(index.parent / name) for name in sorted(set(where.values()))}
    try:
        return {name: shards[shard][name] for name, shard in where.items()}
    except KeyError as error:
        raise CheckpointError(f"{index} names {error}, which its shard does not hold") from error
