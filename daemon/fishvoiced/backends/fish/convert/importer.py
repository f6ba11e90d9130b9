"""A checkpoint → a model in the store: weights rounded and graphs written, part by part, without torch.

Parts that exist and are whole are kept, so that an import that was ended goes on where it stopped, and another
precision costs only its own parts. ``about/`` is written last: a model without it is unfinished, and never loaded.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from fishvoice.locks import FileLock
from fishvoiced.backends.fish import frontends
from fishvoiced.backends.fish.checkpoint.folder import CheckpointFolder, recognize
from fishvoiced.backends.fish.checkpoint.shapes import check, codec_shapes, language_shapes
from fishvoiced.backends.fish.checkpoint.tensors import Floats, Table
from fishvoiced.backends.fish.checkpoint.weight_files import open_table
from fishvoiced.backends.fish.checkpoint.weights import codec_weights, language_weights
from fishvoiced.backends.fish.config import FORMAT_FILE, ModelConfig
from fishvoiced.backends.fish.convert.decoder import write_decoder
from fishvoiced.backends.fish.convert.decoder_int8 import Int8Sound, observe
from fishvoiced.backends.fish.convert.encoder import write_encoder
from fishvoiced.backends.fish.convert.fast import write_fast
from fishvoiced.backends.fish.convert.graph import BITS, Graph
from fishvoiced.backends.fish.convert.resources import check_resources
from fishvoiced.backends.fish.convert.sample_speech import SampleSentence, speak, typical_codes, write_speaker
from fishvoiced.backends.fish.convert.slow import write_slow
from fishvoiced.backends.fish.convert.transformer import Layer, matrices
from fishvoiced.backends.fish.convert.walk import Walk, fast_walk, slow_walk
from fishvoiced.backends.fish.store.models import (
    ABOUT,
    CONFIG,
    DECODER,
    ENCODER,
    FAST,
    LANGUAGE,
    SLOW,
    ConvertedModel,
    ModelStore,
)
from fishvoiced.backends.fish.store.parts import is_whole, sha256, writing
from fishvoiced.backends.fish.tokenizer import SPECIAL_FILE, TOKENIZER_FILE, Tokenizer
from fishvoiced.backends.fish.types import Frontend
from fishvoiced.backends.untrusted import UntrustedFolder
from fishvoiced.errors import CheckpointError, DaemonError, MissingExtra, ModelStoreError

if TYPE_CHECKING:
    from fishvoiced.backends.onnx_sessions import Runtime

log = logging.getLogger(__name__)

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of all work that is behind us (0 … 1)."""

SPOKEN = "sample-speech.npz"
HASHING, SPEAKING = 10.0, 40.0
COSTS = {LANGUAGE: 30.0, DECODER: 15.0, ENCODER: 15.0}
"""About the seconds that each takes of openaudio-s1-mini on two cores; rounding to 4 bits takes twice that."""


def checkpoint_hash(checkpoint: CheckpointFolder) -> str:
    """Of all files that conversion reads: the same hash means the same model. Raises CheckpointError."""
    combined = hashlib.sha256()
    files = UntrustedFolder(checkpoint.folder, CheckpointError)
    shards = [file.name for file in checkpoint.files() if file.name.startswith("model-")]
    weights = (checkpoint.model.name, *shards, checkpoint.codec.name)
    names = ("config.json", FORMAT_FILE, *weights, TOKENIZER_FILE, SPECIAL_FILE, *checkpoint.config.assets)
    for name in names:
        path = checkpoint.folder / name
        if os.path.lexists(path):
            combined.update(f"{name} {sha256(files.file(name))}\n".encode())
        elif name != FORMAT_FILE:
            raise CheckpointError(f"{path} is missing: is {checkpoint.folder} a whole Fish checkpoint?")
    return combined.hexdigest()


def import_checkpoint(
    folder: Path,
    store: ModelStore,
    language: str,
    codec: str,
    progress: Progress = lambda _what, _share: None,
    *,
    name: str | None = None,
    source: str | None = None,
) -> ConvertedModel:
    """Convert what is not yet converted. Raises CheckpointError, ModelStoreError or MissingExtra.

    ``source`` is where the model will look for its checkpoint, from its own folder on; by default ``folder``.

    A part that fails, or ONNX Runtime that is not installed, is no error where PyTorch is: the model then has no graphs
    and says why (``ConvertedModel.unconverted``), and PyTorch runs it from its checkpoint.
    """
    impossible = _without_runtime()
    checkpoint = recognize(folder, name)
    config = checkpoint.config
    progress("reading the checkpoint", 0.0)
    conversion = Conversion(checkpoint, config)
    conversion.check()
    digest = checkpoint_hash(checkpoint)
    target = store.model_folder(config.name, digest)
    wanted = [(LANGUAGE, language), (DECODER, codec)]
    if config.codec.has_encoder:
        wanted.append((ENCODER, "fp32"))
    # Threads of our own share the work; a BLAS with threads of its own waits for itself where cores are busy.
    with _alone(store, target), threadpool_limits(1, "blas"):
        missing = [part for part in wanted if not _present(target, *part)]
        unconverted = impossible if missing else None
        if unconverted is not None:
            missing = []
        elif missing:
            check_resources(config, missing, target.parent)
        bar = _Bar(progress, missing)
        for part, precision in missing:
            bar.begin(part, precision)
            try:
                with writing(target / f"{part}-{precision}", digest) as temporary:
                    conversion.write(part, precision, temporary, target, bar)
            except (DaemonError, MemoryError):
                raise  # the disk, the checkpoint or the machine is at fault, not the conversion
            except Exception as error:
                log.warning("converting %s of %s failed", part, config.name, exc_info=True)
                first = (str(error).splitlines() or [""])[0]
                unconverted = f"its {part} could not be converted: {type(error).__name__}: {first[:200]}".rstrip(": ")
                break
        if not _present(target, ABOUT, None) or ConvertedModel.open(target).unconverted != unconverted:
            shutil.rmtree(target / ABOUT, ignore_errors=True)
            with writing(target / ABOUT, digest) as temporary:
                conversion.write_about(temporary, source, unconverted)
    progress("done", 1.0)
    return ConvertedModel.open(target)


def _without_runtime() -> str | None:
    """Why nothing can be converted here; None if it can. Raises MissingExtra if nothing could speak it either."""
    if importlib.util.find_spec("onnxruntime") is not None:
        return None
    if importlib.util.find_spec("torch") is None:
        raise MissingExtra("daemon", "importing a model")
    return "ONNX Runtime is not installed: pip install onnxruntime, then import the model again"


@dataclass
class Conversion:
    """One checkpoint's weights on their way into graphs."""

    checkpoint: CheckpointFolder
    config: ModelConfig

    @cached_property
    def runtime(self) -> Runtime:
        from fishvoiced.backends.onnx_sessions import Runtime

        return Runtime(spinning=False)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        tokenizer = Tokenizer.load(self.checkpoint.folder)
        wanted = self.config.codec.semantic_codebook_size
        if tokenizer.semantic_count < wanted:
            raise CheckpointError(
                f"{self.checkpoint.folder}: {tokenizer.semantic_count} semantic tokens for a semantic codebook of "
                f"{wanted}"
            )
        return tokenizer

    @cached_property
    def language(self) -> Table:
        table = language_weights(open_table(self.checkpoint.model))
        check(table, language_shapes(self.config.dual_ar), self.checkpoint.model)
        return table

    @cached_property
    def codec(self) -> Table:
        table = codec_weights(open_table(self.checkpoint.codec), self.config.codec)
        check(table, codec_shapes(self.config.codec), self.checkpoint.codec)
        return table

    def check(self) -> None:
        """Raises CheckpointError if anything is missing or of a wrong shape."""
        _ = self.tokenizer, self.language, self.codec

    def write(self, part: str, precision: str, folder: Path, kept: Path, bar: _Bar) -> None:
        """The part's graphs into ``folder``; what the model says meanwhile is kept in ``kept``."""
        if part == LANGUAGE:
            self._write_language(precision, folder, kept, bar)
        elif part == ENCODER:
            with Graph(folder, ENCODER, precision) as graph:
                write_encoder(graph, self.codec, self.config.codec)
        elif precision == "int8":
            codes = typical_codes(self._spoken(kept, bar))
            with _temporary(kept) as observing:
                spans = observe(self.codec, self.config.codec, codes, observing, self.runtime)
            with Graph(folder, DECODER, precision) as graph:
                write_decoder(graph, self.codec, self.config.codec, Int8Sound(spans))
        else:
            with Graph(folder, DECODER, precision) as graph:
                write_decoder(graph, self.codec, self.config.codec)

    def _write_language(self, precision: str, folder: Path, kept: Path, bar: _Bar) -> None:
        from fishvoiced.backends.onnx_sessions import keeps_int8_kv

        config, table = self.config.dual_ar, self.language
        compensate, int8_kv = precision == "int4", precision in BITS and keeps_int8_kv()
        walk: Walk | None = None
        if compensate or int8_kv:
            spoken = self._spoken(kept, bar)
            semantic = range(
                self.tokenizer.semantic_begin, self.tokenizer.semantic_begin + self.tokenizer.semantic_count
            )
            texts = [each.all_columns(semantic.start) for each in spoken]
            walk = slow_walk(table, config, semantic, texts, compensate=compensate, scale_kv=int8_kv)
        plain = (Layer(matrices(table, f"layers.{i}")) for i in range(config.n_layer))
        layers = bar.counted(walk.layers() if walk else plain, config.n_layer)
        with Graph(folder, SLOW, precision) as graph:
            write_slow(graph, table, config, self.tokenizer, layers, int8_kv)
        fast = [Layer(matrices(table, f"fast_layers.{i}")) for i in range(config.n_fast_layer)]
        if walk is not None and compensate:
            fast = list(fast_walk(table, config, before_frames(walk.states, spoken), typical_codes(spoken)).layers())
        with Graph(folder, FAST, precision) as graph:
            write_fast(graph, table, config, self.tokenizer, fast)

    def _spoken(self, kept: Path, bar: _Bar) -> list[SampleSentence]:
        """What the model says, said once per checkpoint."""
        file = kept / SPOKEN
        if not file.exists():
            bar.say("the model says its sample sentences")
            with _temporary(kept) as folder:
                write_speaker(folder, self.language, self.config, self.tokenizer)
                spoken = speak(folder, self.config, self.tokenizer, self.frontend(), self.runtime)
                arrays = {
                    f"{k}{i}": v for i, s in enumerate(spoken) for k, v in (("read", s.columns), ("said", s.codes))
                }
                np.savez(folder / SPOKEN, **arrays)  # type: ignore[arg-type]
                (folder / SPOKEN).rename(file)
        with np.load(file) as saved:
            return [SampleSentence(saved[f"read{i}"], saved[f"said{i}"]) for i in range(len(saved) // 2)]

    def frontend(self) -> Frontend:
        name = self.config.frontend
        return frontends.load(name, self.checkpoint.folder) if name in frontends.NAMES else str

    def write_about(self, folder: Path, source: str | None, unconverted: str | None) -> None:
        about = {
            "config": self.config.to_json(),
            "source": source or str(self.checkpoint.folder.resolve()),
            "unconverted": unconverted,
        }
        (folder / CONFIG).write_text(json.dumps(about, indent=2), encoding="utf-8")
        for name in (TOKENIZER_FILE, SPECIAL_FILE, *self.config.assets):
            UntrustedFolder(self.checkpoint.folder, CheckpointError).copy(name, folder / name)


def before_frames(states: Floats, spoken: Sequence[SampleSentence]) -> Floats:
    """The states [T, dim] that the frames of ``spoken`` were said from, of all its columns' [rows, dim]."""
    kept, begin = [], 0
    for each in spoken:
        first = begin + each.columns.shape[1] - 1
        kept.append(states[first : first + each.codes.shape[1]])
        begin += each.columns.shape[1] + each.codes.shape[1]
    return np.concatenate(kept)


class _Bar:
    """The share of all work that is behind us, from what each part costs."""

    def __init__(self, progress: Progress, missing: list[tuple[str, str]]) -> None:
        self._progress = progress
        self._costs = {part: _cost(part, precision) for part, precision in missing}
        speaks = any(precision in BITS for _, precision in missing)
        self._total = HASHING + sum(self._costs.values()) + (SPEAKING if speaks else 0)
        self._done, self._now, self._what = HASHING, 0.0, ""

    def begin(self, part: str, precision: str) -> None:
        self._done, self._now = self._done + self._now, self._costs[part]
        self.say(f"{_SAID[part]} in {precision}")

    def say(self, what: str, share: float = 0.0) -> None:
        """``share`` of the current part."""
        self._progress(what, (self._done + share * self._now) / self._total)

    def counted(self, layers: Iterator[Layer], count: int) -> Iterator[Layer]:
        for i, layer in enumerate(layers):
            self.say(f"language model: layer {i + 1} of {count}", i / count)
            yield layer


_SAID = {LANGUAGE: "language model", DECODER: "codec decoder", ENCODER: "codec encoder"}


def _cost(part: str, precision: str) -> float:
    return COSTS[part] * (2 if precision == "int4" else 1)


@contextmanager
def _alone(store: ModelStore, target: Path) -> Iterator[None]:
    """No other import into this store; what an earlier one left behind when it was ended is removed."""
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelStoreError(f"cannot write converted models to {target}: {error.strerror or error}") from error
    with FileLock(store.folder / ".import.lock") as lock:
        if not lock.try_acquire():
            raise ModelStoreError(f"another import into {store.folder} is running; wait until it has ended")
        for left in target.glob(".*"):
            shutil.rmtree(left, ignore_errors=True)
        yield


@contextmanager
def _temporary(beside: Path) -> Iterator[Path]:
    """A folder for what is needed for a while. Raises ModelStoreError when the disk is full."""
    folder = Path(tempfile.mkdtemp(prefix=".temporary-", dir=beside))
    try:
        yield folder
    except OSError as error:
        raise ModelStoreError(f"cannot write to {beside}: {error.strerror or error}; free some space") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _present(target: Path, part: str, precision: str | None) -> bool:
    folder = target / (part if precision is None else f"{part}-{precision}")
    return folder.is_dir() and is_whole(folder)
