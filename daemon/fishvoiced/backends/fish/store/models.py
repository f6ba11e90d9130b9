"""Converted models on disk: what there is, whether it is whole, where its graphs are. No torch here.

A model is a folder ``NAME-HASH12`` with one folder per *part*::

    about/            manifest, configuration, tokenizer
    language-int4/    slow.onnx, fast.onnx and their weights
    decoder-fp32/     decoder.onnx …
    encoder-fp32/     encoder.onnx …

A part is written under another name and renamed when complete, so what bears its name is whole; each part's
manifest holds the format version and the size and SHA-256 of every file, checked before use. Parts of several
precisions live side by side and share the others.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec

from fishvoiced.backends.fish.config import ModelConfig
from fishvoiced.backends.fish.tokenizer import Tokenizer
from fishvoiced.backends.untrusted import UntrustedFolder
from fishvoiced.errors import ModelStoreError

FORMAT = 1
"""Raise when graphs of an older version can no longer be run: they are then converted anew."""

SLOW, FAST, DECODER, ENCODER = "slow", "fast", "decoder", "encoder"
ABOUT = "about"
LANGUAGE = "language"
PART_OF_GRAPH = {SLOW: LANGUAGE, FAST: LANGUAGE, DECODER: DECODER, ENCODER: ENCODER}
GRAPHS_OF_PART = {LANGUAGE: (SLOW, FAST), DECODER: (DECODER,), ENCODER: (ENCODER,)}
PRECISIONS: Mapping[str, tuple[str, ...]] = {
    LANGUAGE: ("fp32", "fp16", "int8", "int4"),
    DECODER: ("fp32", "fp16", "int8"),
    ENCODER: ("fp32",),
}
MANIFEST = "manifest.json"
CONFIG = "model.json"


class _Manifest(msgspec.Struct, frozen=True):
    """A part's ``manifest.json``: of each file the size and the SHA-256."""

    format: int
    checkpoint: str
    files: dict[str, tuple[int, str]]


class _About(msgspec.Struct, frozen=True):
    """``model.json``."""

    config: dict[str, Any]
    source: Annotated[str, msgspec.Meta(max_length=4096)] | None = None
    unconverted: Annotated[str, msgspec.Meta(max_length=4096)] | None = None


@dataclass(frozen=True)
class ConvertedModel:
    """One model's folder. Raises ModelStoreError wherever something is missing or damaged."""

    folder: Path
    config: ModelConfig
    checkpoint_hash: str
    source: Path | None = None
    """The checkpoint folder it was converted from, if that is still there: PyTorch can run it."""
    unconverted: str | None = None
    """Why there are no graphs of it; None where there are."""

    @staticmethod
    def open(folder: Path) -> ConvertedModel:
        UntrustedFolder(folder, ModelStoreError, _REMEDY).folder()
        checkpoint_hash = verify(folder / ABOUT)
        files = UntrustedFolder(folder / ABOUT, ModelStoreError, _REMEDY)
        about = files.json(CONFIG, _About)
        source = (folder / about.source) if about.source else None  # relative in a shipped model
        return ConvertedModel(
            folder,
            ModelConfig.from_json(about.config, files, CONFIG),
            checkpoint_hash,
            source if source is not None and (source / "model.pth").is_file() else None,
            about.unconverted,
        )

    @property
    def name(self) -> str:
        return self.config.name

    def tokenizer(self) -> Tokenizer:
        return Tokenizer.load(self.folder / ABOUT)

    def asset(self, name: str) -> Path:
        """A file that the checkpoint brought along, such as its front end's lexicon."""
        return self.folder / ABOUT / name

    def precisions(self, part: str) -> list[str]:
        """The precisions that ``part`` has been converted to, the most exact first."""
        return [p for p in PRECISIONS[part] if (self.folder / f"{part}-{p}").is_dir()]

    def graph(self, graph: str, precision: str) -> Path:
        """The checked graph file. Checks its whole part: for several graphs of one part, see :meth:`part`."""
        return self.part(PART_OF_GRAPH[graph], precision) / f"{graph}.onnx"

    def part(self, part: str, precision: str) -> Path:
        """The checked folder of a part, with ``GRAPH.onnx`` for each of its graphs."""
        folder = self.folder / f"{part}-{precision}"
        if not folder.is_dir():
            have = ", ".join(self.precisions(part)) or "none"
            raise ModelStoreError(
                f"model {self.name!r} has no {precision} {part} (it has: {have}); "
                f"convert it with: fishvoice models import CHECKPOINT --precision {precision}"
            )
        verify(folder)
        return folder

    def size(self) -> int:
        """Bytes on disk."""
        return sum(f.stat().st_size for f in self.folder.rglob("*") if f.is_file())


class ModelStore:
    """The converted models under some folders, the user's own first, then those that came with the package."""

    def __init__(self, folder: Path, shipped: tuple[Path, ...] = ()) -> None:
        self.folder = folder
        self._shipped = shipped
        self._opened: dict[Path, tuple[int, ConvertedModel]] = {}  # every request looks here: checked once, then kept

    def folders(self) -> list[Path]:
        """Where a model lies or should lie."""
        own = sorted(self.folder.iterdir()) if self.folder.is_dir() else []
        return [folder for folder in (*own, *self._shipped) if not folder.name.startswith(".")]

    def folder_of(self, name: str) -> Path | None:
        """The folder of the model called ``name``, or of that name, damaged or not; None if there is none."""
        model = self.find(name)
        return model.folder if model else next((folder for folder in self.folders() if folder.name == name), None)

    def models(self) -> Iterator[ConvertedModel | ModelStoreError]:
        """Every model; for one that is damaged, the error that says so."""
        whole = (folder for folder in self.folders() if os.path.lexists(folder / ABOUT))  # else an import is unfinished
        yield from (self._try(folder) for folder in whole)

    def damaged(self) -> dict[str, str]:
        """Folders of models that cannot be used, with the reasons; without those that an import is still writing."""
        whole = [folder for folder in self.folders() if os.path.lexists(folder / ABOUT)]
        found = ((folder.name, self._try(folder)) for folder in whole)
        return {name: str(model) for name, model in found if isinstance(model, ModelStoreError)}

    def _try(self, folder: Path) -> ConvertedModel | ModelStoreError:
        try:
            return self._open(folder)
        except ModelStoreError as error:
            return error
        except OSError as error:  # no permission, a failing disk
            return ModelStoreError(f"{folder} cannot be read: {error.strerror or error}")

    def unfinished(self) -> list[Path]:
        """Folders of imports that were ended: they can be gone on with, but hold no model yet."""
        own = sorted(self.folder.iterdir()) if self.folder.is_dir() else []
        return [f for f in own if f.is_dir() and not f.name.startswith(".") and not (f / ABOUT).is_dir()]

    def _open(self, folder: Path) -> ConvertedModel:
        manifest = folder / ABOUT / MANIFEST
        stamp = manifest.stat().st_mtime_ns if manifest.exists() else 0
        known = self._opened.get(folder)
        if known is None or known[0] != stamp:
            known = self._opened[folder] = (stamp, ConvertedModel.open(folder))
        return known[1]

    def find(self, name: str) -> ConvertedModel | None:
        """The model called ``name`` (or whose folder is); the newest conversion wins."""
        found = [m for m in self.models() if isinstance(m, ConvertedModel) and name in (m.name, m.folder.name)]
        return max(found, key=lambda m: m.folder.stat().st_mtime, default=None)

    def remove(self, name: str) -> Path:
        """Delete a model. Raises ModelStoreError if there is none of that name, or it came with the package."""
        folder = self.folder_of(name)
        if folder is None:
            raise ModelStoreError(f"there is no converted model {name!r}; see: fishvoice models list")
        if folder.parent != self.folder:
            raise ModelStoreError(f"{name!r} came with the package and cannot be removed")
        if folder.is_symlink() or not folder.is_dir():
            folder.unlink()
        else:
            shutil.rmtree(folder)
        return folder

    def model_folder(self, name: str, checkpoint_hash: str) -> Path:
        return self.folder / f"{name}-{checkpoint_hash[:12]}-v{FORMAT}"


# -- parts ----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def writing(part: Path, checkpoint_hash: str) -> Iterator[Path]:
    """A temporary folder that becomes ``part`` when the block ends well, and vanishes when it does not.

    If another process has finished the same part first, that one stays. Raises ModelStoreError when the disk is
    full or not writable.
    """
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{part.name}-", dir=part.parent))
    except OSError as error:
        raise ModelStoreError(f"cannot write converted models to {part.parent}: {error.strerror or error}") from error
    try:
        yield temporary
        write_manifest(temporary, checkpoint_hash)
        if part.exists() and not is_whole(part):
            shutil.rmtree(part)
        try:
            temporary.rename(part)
        except OSError:
            if not part.exists():
                raise
    except OSError as error:
        raise ModelStoreError(
            f"cannot write {part}: {error.strerror or error}; nothing was left behind, free some space and import again"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def parts_of(model: Path) -> list[Path]:
    """The folders of a model's parts."""
    return sorted(folder for folder in model.iterdir() if (folder / MANIFEST).is_file())


def verify(part: Path) -> str:
    """Check every file of a part against its manifest, and that its graphs read no other files than the part's.

    Returns the hash of the checkpoint it was made from."""
    folder = UntrustedFolder(part, ModelStoreError, _REMEDY)
    folder.folder()
    manifest = folder.json(MANIFEST, _Manifest)
    if manifest.format != FORMAT:
        raise folder.refusal(f"has format {manifest.format}, this version reads {FORMAT}")
    for name, (size, digest) in manifest.files.items():
        path = folder.file(name)
        if path.stat().st_size != size:
            raise folder.refusal(f"has a {name} of the wrong size")
        if sha256(path) != digest:
            raise folder.refusal(f"has a damaged {name}")
        if name.endswith(".onnx"):
            folder.graph(name)
    return manifest.checkpoint


_REMEDY = "remove the model (fishvoice models remove NAME) and import its checkpoint again"


def is_whole(part: Path) -> bool:
    try:
        verify(part)
    except ModelStoreError:
        return False
    return True


def write_manifest(folder: Path, checkpoint_hash: str) -> None:
    files = {f.name: (f.stat().st_size, sha256(f)) for f in sorted(folder.iterdir())}
    manifest = {"format": FORMAT, "checkpoint": checkpoint_hash, "files": files}
    with (folder / MANIFEST).open("w", encoding="utf-8") as out:
        json.dump(manifest, out, indent=2)
        out.flush()
        os.fsync(out.fileno())


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
