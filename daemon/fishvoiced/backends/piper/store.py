"""Imported Piper voices on disk: a folder each, with the graph and its configuration as Piper distributes them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated

import msgspec

from fishvoice import paths
from fishvoiced.backends.untrusted import UntrustedFolder, is_plain_name
from fishvoiced.errors import BadRequest, ModelStoreError, VoiceUnavailable

GRAPH_SUFFIX, CONFIG_SUFFIX = ".onnx", ".onnx.json"
MOST_VOICES = 1000  # in a folder to import
MAX_GRAPH_BYTES = 1 << 30

_Name = Annotated[str, msgspec.Meta(max_length=200)]
_Id = Annotated[int, msgspec.Meta(ge=0, le=1 << 16)]


class _Audio(msgspec.Struct, frozen=True):
    sample_rate: Annotated[int, msgspec.Meta(ge=4000, le=192_000)]


class _Espeak(msgspec.Struct, frozen=True):
    voice: _Name


class _Language(msgspec.Struct, frozen=True):
    code: _Name = ""


class PiperSettings(msgspec.Struct, frozen=True):
    """What is used of ``NAME.onnx.json``; the rest is left alone."""

    audio: _Audio
    espeak: _Espeak
    phoneme_id_map: Annotated[dict[_Name, list[_Id]], msgspec.Meta(max_length=10_000)]
    language: _Language = _Language()
    dataset: _Name = ""


@dataclass(frozen=True)
class PiperFiles:
    """One voice: ``NAME.onnx`` and ``NAME.onnx.json``, checked."""

    graph: Path
    config: Path
    settings: PiperSettings

    @staticmethod
    def open(graph: Path) -> PiperFiles:
        """Raises ModelStoreError if its files are missing, or no Piper voice's."""
        config = graph.with_name(graph.name.removesuffix(GRAPH_SUFFIX) + CONFIG_SUFFIX)
        if not config.exists():
            raise ModelStoreError(f"{graph.name} is no Piper voice without {config.name} beside it")
        folder = UntrustedFolder(graph.parent, ModelStoreError)
        settings = folder.json(config.name, PiperSettings)
        folder.file(graph.name, MAX_GRAPH_BYTES)
        return PiperFiles(graph, config, settings)

    @property
    def name(self) -> str:
        return self.graph.name.removesuffix(GRAPH_SUFFIX)

    @property
    def language(self) -> str:
        """BCP 47, as in "de-DE"; of old configurations espeak-ng's name for it."""
        return (self.settings.language.code or self.settings.espeak.voice).replace("_", "-")

    @property
    def sample_rate(self) -> int:
        return self.settings.audio.sample_rate

    def check_graph(self) -> None:
        """Raises ModelStoreError if the graph is none, or has weights elsewhere than in itself: nobody copies those."""
        UntrustedFolder(self.graph.parent, ModelStoreError).graph(self.graph.name, weights_inside=True)


class PiperStore:
    """The voices that this user imported."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or paths.data_dir() / "piper"
        self._opened: dict[Path, tuple[int, PiperFiles]] = {}  # every request looks here

    def voices(self) -> list[PiperFiles]:
        """Those that are whole, by name."""
        return [found for _, found in self._all() if isinstance(found, PiperFiles)]

    def damaged(self) -> dict[str, str]:
        """Voices that cannot be used, with the reasons."""
        return {name: str(found) for name, found in self._all() if isinstance(found, ModelStoreError)}

    def _all(self) -> Iterator[tuple[str, PiperFiles | ModelStoreError]]:
        """A folder is a voice, named as its graph is; a damaged one costs itself alone."""
        for folder in sorted(self.folder.iterdir()) if self.folder.is_dir() else ():
            if folder.name.startswith("."):
                continue
            try:
                UntrustedFolder(folder, ModelStoreError).folder()
                yield folder.name, self._open(folder / f"{folder.name}{GRAPH_SUFFIX}")
            except ModelStoreError as error:
                yield folder.name, error
            except OSError as error:
                yield folder.name, ModelStoreError(f"{folder} cannot be read: {error.strerror or error}")

    def _open(self, graph: Path) -> PiperFiles:
        config = graph.with_name(graph.name.removesuffix(GRAPH_SUFFIX) + CONFIG_SUFFIX)
        changed = config.lstat().st_mtime_ns if config.exists() else 0
        known = self._opened.get(graph)
        if known is None or known[0] != changed:
            known = self._opened[graph] = changed, PiperFiles.open(graph)
        return known[1]

    def find(self, name: str) -> PiperFiles | None:
        """The voice called ``name``. Raises VoiceUnavailable if it is damaged."""
        for folder, found in self._all():
            if folder == name:
                if isinstance(found, ModelStoreError):
                    raise VoiceUnavailable(str(found)) from found
                return found
        return None

    def add(self, files: PiperFiles) -> PiperFiles:
        """Copy a voice in, replacing one of its name. Raises ModelStoreError for files that are none, and when the
        disk refuses."""
        if not is_plain_name(files.name):
            raise ModelStoreError(f"{files.name!r:.100} cannot be a voice's name: rename its files")
        files.check_graph()
        source = UntrustedFolder(files.graph.parent, ModelStoreError)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            work = Path(tempfile.mkdtemp(prefix=".new-", dir=self.folder))
            try:
                for path in (files.config, files.graph):
                    source.copy(path.name, work / path.name)
                self.remove(files.name, missing_ok=True)
                os.replace(work, self.folder / files.name)
            finally:
                shutil.rmtree(work, ignore_errors=True)
        except OSError as error:
            raise ModelStoreError(f"the voice {files.name!r} cannot be saved: {error}") from error
        return PiperFiles.open(self.folder / files.name / files.graph.name)

    def remove(self, name: str, *, missing_ok: bool = False) -> bool:
        """Whether there was such a voice."""
        folder = self.folder / name
        if not is_plain_name(name) or not os.path.lexists(folder):
            if not missing_ok:
                raise BadRequest(f"there is no Piper voice {name!r}")
            return False
        if folder.is_symlink() or not folder.is_dir():
            folder.unlink()
        else:
            shutil.rmtree(folder)
        return True


def found_in(path: Path) -> list[PiperFiles]:
    """The Piper voices at ``path``: one graph, or all in a folder and below. Raises ModelStoreError."""
    if path.is_dir():
        graphs = sorted(islice(path.rglob(f"*{GRAPH_SUFFIX}"), MOST_VOICES))
        return [PiperFiles.open(graph) for graph in graphs if graph.with_name(graph.name + ".json").exists()]
    return [PiperFiles.open(path)]
