"""Imported Piper voices on disk: a folder each, with the graph and its configuration as Piper distributes them."""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fishvoice import paths
from fishvoiced.errors import BadRequest, ModelStoreError

log = logging.getLogger(__name__)

GRAPH_SUFFIX, CONFIG_SUFFIX = ".onnx", ".onnx.json"


@dataclass(frozen=True)
class PiperFiles:
    """One voice: ``NAME.onnx`` and ``NAME.onnx.json``."""

    graph: Path
    config: Path
    settings: dict[str, Any]

    @staticmethod
    def open(graph: Path) -> PiperFiles:
        """Raises ModelStoreError if its configuration is missing or no Piper voice's."""
        config = graph.with_name(graph.name.removesuffix(GRAPH_SUFFIX) + CONFIG_SUFFIX)
        try:
            settings = json.loads(config.read_text(encoding="utf-8"))
            int(settings["audio"]["sample_rate"]), settings["phoneme_id_map"], settings["espeak"]["voice"]
        except FileNotFoundError as error:
            raise ModelStoreError(f"{graph.name} is no Piper voice without {config.name} beside it") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelStoreError(f"{config} is no Piper voice's configuration: {error!r}") from error
        return PiperFiles(graph, config, settings)

    @property
    def name(self) -> str:
        return self.graph.name.removesuffix(GRAPH_SUFFIX)

    @property
    def language(self) -> str:
        """BCP 47, as in "de-DE"; of old configurations espeak-ng's name for it."""
        code = self.settings.get("language", {}).get("code") or self.settings["espeak"]["voice"]
        return str(code).replace("_", "-")

    @property
    def sample_rate(self) -> int:
        return int(self.settings["audio"]["sample_rate"])


class PiperStore:
    """The voices that this user imported."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or paths.data_dir() / "piper"
        self._opened: dict[Path, tuple[int, PiperFiles]] = {}  # every request looks here

    def voices(self) -> Iterator[PiperFiles]:
        """Those that are whole, by name."""
        for graph in sorted(self.folder.glob(f"*/*{GRAPH_SUFFIX}")):
            try:
                yield self._open(graph)
            except (ModelStoreError, OSError) as error:
                log.warning("%s", error)  # a damaged voice must not hide the others

    def _open(self, graph: Path) -> PiperFiles:
        changed = graph.with_name(graph.name.removesuffix(GRAPH_SUFFIX) + CONFIG_SUFFIX).stat().st_mtime_ns
        if self._opened.get(graph, (0, None))[0] != changed:
            self._opened[graph] = changed, PiperFiles.open(graph)
        return self._opened[graph][1]

    def find(self, name: str) -> PiperFiles | None:
        return next((voice for voice in self.voices() if voice.name == name), None)

    def add(self, files: PiperFiles) -> PiperFiles:
        """Copy a voice in, replacing one of its name. Raises ModelStoreError when the disk refuses."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            work = Path(tempfile.mkdtemp(prefix=".new-", dir=self.folder))
            try:
                for path in (files.config, files.graph):
                    shutil.copyfile(path, work / path.name)
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
        if not folder.is_dir() or folder.parent != self.folder:
            if not missing_ok:
                raise BadRequest(f"there is no Piper voice {name!r}")
            return False
        shutil.rmtree(folder)
        return True


def found_in(path: Path) -> list[PiperFiles]:
    """The Piper voices at ``path``: one graph, or all in a folder and below. Raises ModelStoreError."""
    if path.is_dir():
        graphs = sorted(path.rglob(f"*{GRAPH_SUFFIX}"))
        return [PiperFiles.open(graph) for graph in graphs if graph.with_name(graph.name + ".json").exists()]
    return [PiperFiles.open(path)]
