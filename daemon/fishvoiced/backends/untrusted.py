"""What comes from outside (checkpoints, converted models, saved and Piper voices) is checked here before its use.

A name is a plain name, a file a regular one of bounded size that is reached through no link, JSON of bounded size and
depth and of the types that are expected, a number within what a model of any sense has. Whatever is not so raises the
error that the folder's kind of thing has, with one sentence that names the file.
"""

from __future__ import annotations

import math
import mmap
import os
import re
import stat
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from fishvoiced.backends.graph_files import external_files
from fishvoiced.errors import DaemonError

MAX_JSON_BYTES = 16 << 20
MAX_FILE_BYTES = 1 << 40
MAX_STRING = 4096

_NAME = re.compile(r"[^\W_][\w.+@-]{0,99}")
_WINDOWS_DEVICES = re.compile(r"(?i:con|prn|aux|nul|com\d|lpt\d)(\..*)?")
_COUNT = (1, 1 << 21)
_LIMITS = {  # of the fields of a model's configuration; all other counts are within _COUNT
    "n_layer": (1, 256),
    "n_fast_layer": (1, 256),
    "transformer_layers": (0, 256),
    "encoder_transformer_layers": (0, 256),
    "num_codebooks": (1, 64),
    "n_head": (1, 1024),
    "n_local_heads": (-1, 1024),
    "sample_rate": (8000, 192_000),
    "encoder_rates": (1, 64),
    "decoder_rates": (1, 64),
    "downsample": (1, 64),
}
_MOST_ITEMS = 64
_T = TypeVar("_T")


def _blob(path: Path) -> Path:
    """In the hub's cache a snapshot's files are links to blobs of the same repository: the blob; else ``path``."""
    repository = path.parent.parent.parent
    if path.parent.parent.name == "snapshots" and repository.name.startswith("models--") and path.is_symlink():
        blob = path.resolve()
        if blob.parent == repository.resolve() / "blobs":
            return blob
    return path


def is_plain_name(name: str) -> bool:
    """Whether ``name`` can be a file's or a folder's, on every system, and leads nowhere else."""
    usable = _NAME.fullmatch(name) is not None and not _WINDOWS_DEVICES.fullmatch(name)
    return usable and not name.endswith(".") and len(name.encode(errors="replace")) <= 200


@dataclass(frozen=True)
class UntrustedFolder:
    """A folder that somebody else has filled; ``error`` is what bad contents raise."""

    path: Path
    error: type[DaemonError]
    remedy: str = ""

    def file(self, name: str, at_most: int = MAX_FILE_BYTES) -> Path:
        """The regular file ``name`` of this folder."""
        if not isinstance(name, str) or not is_plain_name(name):
            raise self.refusal(f"names the file {name!r:.100}, which is no plain file name")
        path = _blob(self.path / name)
        try:
            found = path.lstat()
        except FileNotFoundError as error:
            raise self.error(f"{path} is missing" + (f"; {self.remedy}" if self.remedy else "")) from error
        except OSError as error:
            raise self.refusal(f"has no readable {name} ({error.strerror or error})") from error
        if stat.S_ISLNK(found.st_mode):
            raise self.refusal(f"has a link in place of {name}: put the file itself there")
        if not stat.S_ISREG(found.st_mode):
            raise self.refusal(f"has something in place of {name} that is no regular file")
        if found.st_size > at_most:
            raise self.refusal(f"has a {name} of {found.st_size} bytes; the limit is {at_most}")
        return path

    def folder(self) -> Path:
        """This folder, if it is one and no link to one."""
        try:
            found = self.path.lstat()
        except OSError as error:
            raise self.refusal(f"cannot be read ({error.strerror or error})") from error
        if not stat.S_ISDIR(found.st_mode):
            raise self.refusal("is a link or a file, where a folder should be")
        return self.path

    def subfolder(self, name: str) -> Path:
        """The folder ``name`` in this one, reached through no link."""
        if not is_plain_name(name):
            raise self.refusal(f"names the folder {name!r:.100}, which is no plain name")
        return UntrustedFolder(self.path / name, self.error, self.remedy).folder()

    def read(self, name: str, at_most: int = MAX_JSON_BYTES) -> bytes:
        """What is in the file ``name``."""
        path = self.file(name, at_most)
        try:
            # Between the look above and now somebody may have put a link or a pipe there.
            handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
            with os.fdopen(handle, "rb") as file:
                return file.read(at_most + 1)[:at_most]
        except OSError as error:
            raise self.refusal(f"has no readable {name} ({error.strerror or error})") from error

    def json(self, name: str, kind: type[_T]) -> _T:
        """The JSON in the file ``name``, as a ``kind``."""
        try:
            return msgspec.json.decode(self.read(name), type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self.refusal(f"has a {name} that is damaged or not of the right shape: {error}") from error

    def graph(self, name: str, *, weights_inside: bool = False) -> Path:
        """The ONNX graph ``name`` of this folder, whose weights lie in it or in regular files beside it."""
        path = self.file(name)
        try:
            with path.open("rb") as file:
                weights = external_files(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))
        except (OSError, ValueError) as error:  # an empty file cannot be mapped
            raise self.refusal(f"has a {name} that is no whole ONNX graph ({error})") from error
        if weights and weights_inside:
            raise self.refusal(f"has a {name} that reads its weights from other files ({min(weights)!r:.100})")
        for each in weights:
            self.file(each)
        return path

    def copy(self, name: str, to: Path) -> None:
        """Copy the file ``name`` to ``to``, its contents and nothing else."""
        path = self.file(name)
        try:
            handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        except OSError as error:
            raise self.refusal(f"has no readable {name} ({error.strerror or error})") from error
        with os.fdopen(handle, "rb") as source, to.open("xb") as target:
            while piece := source.read(1 << 20):
                target.write(piece)

    def convert(self, value: object, kind: type[_T], name: str) -> _T:
        """``value``, read from the file ``name``, as a ``kind`` whose numbers make sense."""
        try:
            converted = msgspec.convert(value, kind)
        except (msgspec.ValidationError, RecursionError) as error:
            raise self.refusal(f"has a {name} that is not of the right shape: {error}") from error
        self.check(converted, name)
        return converted

    def check(self, values: object, name: str) -> None:
        """Every field of the dataclass ``values`` is within bounds."""
        for field in fields(values):  # type: ignore[arg-type]
            value = getattr(values, field.name)
            if not _sensible(field.name, value):
                raise self.refusal(f"has a {name} in which {field.name} is {value!r:.100}: that is no sensible value")

    def refusal(self, what: str) -> DaemonError:
        """The error to raise: the folder ``what``."""
        return self.error(f"{self.path} {what}" + (f"; {self.remedy}" if self.remedy else ""))


def _sensible(name: str, value: Any) -> bool:
    match value:
        case None | bool():
            return True
        case int():
            low, high = _LIMITS.get(name, _COUNT)
            return low <= value <= high
        case float():
            return math.isfinite(value) and 0 <= value <= 1e12
        case str():
            return len(value) <= MAX_STRING
        case tuple():
            return len(value) <= _MOST_ITEMS and all(_sensible(name, each) for each in value)
    return True  # a section of its own, which is checked by itself
