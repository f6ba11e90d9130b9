"""Converted models on disk: what there is, whether it is whole, where its graphs are. No torch here.

A model is a folder ``NAME-HASH12`` with one folder per *part*::

    about/            manifest, configuration, tokenizer
    language-int4/    slow.onnx, fast.onnx and their weights
    decoder-fp32/     decoder.onnx …
    encoder-fp32/     encoder.onnx …

Parts of several precisions live side by side and share the others; ``parts.py`` writes and checks them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec

from fishvoiced.backends.fish.config import ModelConfig
from fishvoiced.backends.fish.store.parts import FORMAT, MANIFEST, REMEDY, verify
from fishvoiced.backends.fish.tokenizer import Tokenizer
from fishvoiced.backends.untrusted import UntrustedFolder
from fishvoiced.errors import ModelStoreError

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
CONFIG = "model.json"


def codec_of(language: str) -> str:
    """The precision of the codec that goes with one of the language model."""
    return language if language in ("fp32", "fp16") else "int8"


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
        UntrustedFolder(folder, ModelStoreError, REMEDY).folder()
        checkpoint_hash = verify(folder / ABOUT)
        files = UntrustedFolder(folder / ABOUT, ModelStoreError, REMEDY)
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
        """Bytes on disk; a file that parts share counts once."""
        files = [f.stat() for f in self.folder.rglob("*") if f.is_file()]
        return sum({(f.st_dev, f.st_ino): f.st_size for f in files}.values())


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
