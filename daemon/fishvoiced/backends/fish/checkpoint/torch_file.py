"""A restricted reader of ``torch.save`` files: tables of tensors, and no code is ever run.

The format (PyTorch 1.6 and later) is a zip archive of uncompressed entries: ``data.pkl`` describes the tensors and
``data/N`` hold their storages. The pickle may name only what is listed here; everything else is refused.
"""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fishvoiced.backends.fish.checkpoint.tensors import ITEM_BYTES, Extent, Floats, Rows, Table, Weight, widened
from fishvoiced.errors import CheckpointError

STORAGES = {
    "DoubleStorage": "F64",
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
}
_LOCAL_HEADER = struct.Struct("<26xHH")
MAX_PICKLE_BYTES = 64 << 20


@dataclass(frozen=True)
class Storage:
    """The bytes of one or several tensors."""

    dtype: str
    data: Extent

    def tensor(self, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Weight:
        """``offset`` and ``strides`` count items. Raises ValueError if the tensor is not within the storage."""
        last = offset + sum((size - 1) * step for size, step in zip(shape, strides, strict=True))
        item = ITEM_BYTES[self.dtype]
        if min((offset, *strides)) < 0 or (0 not in shape and (last + 1) * item > self.data.length):
            raise ValueError(f"a tensor of shape {shape} is longer than its storage: is the file whole?")

        def load(rows: Rows) -> Floats:
            items = self.data.part(offset * item, (last + 1) * item).array(self.dtype)
            steps = tuple(step * item for step in strides)
            stored = np.lib.stride_tricks.as_strided(items, shape, steps, writeable=False)
            return widened(stored[rows] if shape else stored, self.dtype)

        return Weight(shape, load)


def read_torch_file(path: Path, data: Extent) -> Table:
    """The state dict of a file, also one that is wrapped in ``state_dict``. Raises CheckpointError."""
    try:
        with zipfile.ZipFile(data.file) as archive:
            entries = {info.filename.partition("/")[2]: info for info in archive.infolist()}
            if entries["data.pkl"].file_size > MAX_PICKLE_BYTES:
                raise ValueError("its table of contents is too long")
            description = archive.read(entries["data.pkl"])
        loaded = _Reader(description, lambda key: _entry(data, entries[f"data/{key}"])).load()
    except zipfile.BadZipFile as error:
        raise CheckpointError(f"{path} is damaged or not a torch checkpoint (PyTorch 1.6 or later)") from error
    except Exception as error:  # a pickle can fail in any way
        raise CheckpointError(f"{path} is damaged or not a torch checkpoint of tensors: {error}") from error
    if isinstance(loaded, dict) and isinstance(loaded.get("state_dict"), dict):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, dict) or not all(isinstance(v, Weight) for v in loaded.values()):
        raise CheckpointError(f"{path} does not hold a table of tensors")
    return dict(loaded)


def _entry(data: Extent, info: zipfile.ZipInfo) -> Extent:
    """The bytes of an uncompressed entry."""
    if info.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{info.filename} is compressed")
    name, extra = _LOCAL_HEADER.unpack(data.read(info.header_offset, _LOCAL_HEADER.size))
    begin = info.header_offset + _LOCAL_HEADER.size + name + extra
    if begin + info.file_size > data.length:
        raise ValueError("the file ends before its tensors do")
    return data.part(begin, begin + info.file_size)


def _rebuild_tensor(
    storage: Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_rest: object
) -> Weight:
    return storage.tensor(offset, tuple(shape), tuple(strides))


def _rebuild_parameter(tensor: Weight, *_rest: object) -> Weight:
    return tensor


_KNOWN: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
}


class _Reader(pickle.Unpickler):
    def __init__(self, description: bytes, entry: Callable[[str], Extent]) -> None:
        super().__init__(io.BytesIO(description))
        self._entry = entry

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _KNOWN:
            return _KNOWN[module, name]
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        raise pickle.UnpicklingError(f"it names {module}.{name}, and only tensors are read")

    def persistent_load(self, pid: Any) -> Storage:
        kind, dtype, key, *_ = pid
        if kind != "storage" or dtype not in ITEM_BYTES:
            raise pickle.UnpicklingError(f"it holds a {kind} of {dtype}, and only tensors are read")
        return Storage(dtype, self._entry(str(key)))
