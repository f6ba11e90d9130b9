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
from typing import Any

from fishvoiced.errors import ModelStoreError
from fishvoiced.fish.config import ModelConfig
from fishvoiced.fish.tokenizer import Tokenizer

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


@dataclass(frozen=True)
class ConvertedModel:
    """One model's folder. Raises ModelStoreError wherever something is missing or damaged."""

    folder: Path
    config: ModelConfig
    checkpoint_hash: str
    source: Path | None = None
    """The checkpoint folder it was converted from, if that is still there: PyTorch can run it."""

    @staticmethod
    def open(folder: Path) -> ConvertedModel:
        manifest = verify(folder / ABOUT)
        about = json.loads((folder / ABOUT / CONFIG).read_text(encoding="utf-8"))
        source = (folder / about["source"]) if about.get("source") else None  # relative in a shipped model
        return ConvertedModel(
            folder,
            ModelConfig.from_json(about["config"]),
            manifest["checkpoint"],
            source if source is not None and (source / "model.pth").is_file() else None,
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

    def models(self) -> Iterator[ConvertedModel | ModelStoreError]:
        """Every model; for one that is damaged, the error that says so."""
        own = sorted(self.folder.iterdir()) if self.folder.is_dir() else []
        for folder in (*own, *self._shipped):
            if (folder / ABOUT).is_dir() and not folder.name.startswith("."):  # without it an import is unfinished
                try:
                    yield self._open(folder)
                except ModelStoreError as error:
                    yield error

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
        candidates = [f for f in self.folder.iterdir() if f.is_dir()] if self.folder.is_dir() else []
        model = self.find(name)
        folder = model.folder if model else next((f for f in candidates if f.name == name), None)
        if folder is None:
            raise ModelStoreError(f"there is no converted model {name!r}; see: fishvoice models list")
        if folder.parent != self.folder:
            raise ModelStoreError(f"{name!r} came with the package and cannot be removed")
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
        _write_manifest(temporary, checkpoint_hash)
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


def verify(part: Path) -> dict[str, Any]:
    """Check every file of a part against its manifest, and return the manifest."""
    try:
        manifest: dict[str, Any] = json.loads((part / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelStoreError(f"{part} is no complete model part ({error}); {_REMEDY}") from error
    if manifest.get("format") != FORMAT:
        raise ModelStoreError(f"{part} has format {manifest.get('format')}, this version reads {FORMAT}; {_REMEDY}")
    for name, (size, digest) in manifest["files"].items():
        path = part / name
        if not path.is_file() or path.stat().st_size != size:
            raise ModelStoreError(f"{path} is missing or has the wrong size; {_REMEDY}")
        if sha256(path) != digest:
            raise ModelStoreError(f"{path} is damaged; {_REMEDY}")
    return manifest


_REMEDY = "remove the model (fishvoice models remove NAME) and import its checkpoint again"


def is_whole(part: Path) -> bool:
    try:
        verify(part)
    except ModelStoreError:
        return False
    return True


def _write_manifest(folder: Path, checkpoint_hash: str) -> None:
    files = {f.name: (f.stat().st_size, sha256(f)) for f in sorted(folder.iterdir())}
    manifest = {"format": FORMAT, "checkpoint": checkpoint_hash, "files": files}
    with (folder / MANIFEST).open("w", encoding="utf-8") as out:
        json.dump(manifest, out, indent=2)
        out.flush()
        os.fsync(out.fileno())


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
