"""A checkpoint folder → a model in the store: load, trace, quantize, write. Needs the ``export`` extra."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import onnx_ir
from onnx_ir.passes.common import ClearMetadataAndDocStringPass

from fishvoiced.errors import CheckpointError, ModelStoreError
from fishvoiced.fish.config import FORMAT_FILE, ModelConfig
from fishvoiced.fish.convert import export, sample_speech
from fishvoiced.fish.network import checkpoint as checkpoints
from fishvoiced.fish.quantize import codec_int8, kv_int8, qparams
from fishvoiced.fish.quantize import weights as weight_quantization
from fishvoiced.fish.quantize.gptq import compensate_fast, compensate_slow
from fishvoiced.fish.store.models import (
    ABOUT,
    CONFIG,
    DECODER,
    ENCODER,
    FAST,
    GRAPHS_OF_PART,
    LANGUAGE,
    SLOW,
    ConvertedModel,
    ModelStore,
    is_whole,
    sha256,
    writing,
)
from fishvoiced.fish.store.untrusted import UntrustedFolder
from fishvoiced.fish.tokenizer import SPECIAL_FILE, TOKENIZER_FILE
from fishvoiced.onnx_sessions import keeps_int8_kv

log = logging.getLogger(__name__)

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of all work that is behind us (0 … 1)."""

WEIGHTS = ("config.json", FORMAT_FILE, checkpoints.MODEL_FILE, checkpoints.CODEC_FILE, TOKENIZER_FILE, SPECIAL_FILE)
BITS = {"int8": 8, "int4": 4}


def checkpoint_hash(folder: Path, config: ModelConfig) -> str:
    """Of all files that conversion reads: the same hash means the same model. Raises CheckpointError."""
    combined = hashlib.sha256()
    files = UntrustedFolder(folder, CheckpointError)
    for name in (*WEIGHTS, *config.assets):
        path = folder / name
        if os.path.lexists(path):
            combined.update(f"{name} {sha256(files.file(name))}\n".encode())
        elif name != FORMAT_FILE:
            raise CheckpointError(f"{path} is missing: is {folder} a whole Fish checkpoint?")
    return combined.hexdigest()


def import_checkpoint(
    folder: Path,
    store: ModelStore,
    language: str,
    codec: str,
    progress: Progress = lambda _what, _share: None,
    source: str | None = None,
) -> ConvertedModel:
    """Convert what is not yet converted. Raises CheckpointError or ModelStoreError.

    ``source`` is where the model will look for its checkpoint, from its own folder on; by default ``folder``.

    A part that the exporter fails on is no error: the model then has no graphs of it and says why
    (``ConvertedModel.unconverted``), and PyTorch runs it from its checkpoint.

    Parts that exist and are whole are kept, so that an interrupted import goes on where it stopped, and a second
    precision costs only its own parts.
    """
    progress("reading the checkpoint", 0.0)
    config = ModelConfig.from_checkpoint(folder)
    digest = checkpoint_hash(folder, config)
    target = store.model_folder(config.name, digest)
    wanted = [(LANGUAGE, language), (DECODER, codec)]
    if config.codec.has_encoder:
        wanted.append((ENCODER, "fp32"))
    missing = [(part, precision) for part, precision in wanted if not _present(target, part, precision)]
    unconverted: str | None = None
    if missing:
        progress("loading the weights", 0.05)
        loaded = checkpoints.load(folder)
        spoken = functools.cache(
            lambda: sample_speech.speak(loaded, folder)
        )  # takes a minute, and not all parts want it
        steps = [(part, precision, graph) for part, precision in missing for graph in GRAPHS_OF_PART[part]]
        done = 0
        for part, precision in missing:
            try:
                with writing(target / f"{part}-{precision}", digest) as temporary:
                    for graph in GRAPHS_OF_PART[part]:
                        progress(f"converting {graph} to {precision}", 0.1 + 0.85 * done / len(steps))
                        traced = export.trace(graph, rounded(loaded, spoken, graph, precision))
                        write_graph(traced, precision, temporary, graph)
                        done += 1
            except (ModelStoreError, CheckpointError, MemoryError):
                raise  # the disk, the checkpoint or the machine is at fault, not the export
            except Exception as error:
                log.warning("converting %s of %s failed", part, config.name, exc_info=True)
                first = (str(error).splitlines() or [""])[0]
                unconverted = f"its {part} could not be converted: {type(error).__name__}: {first[:200]}".rstrip(": ")
                break
    if not _present(target, ABOUT, None) or ConvertedModel.open(target).unconverted != unconverted:
        shutil.rmtree(target / ABOUT, ignore_errors=True)
        with writing(target / ABOUT, digest) as temporary:
            about = {"config": config.to_json(), "source": source or str(folder.resolve()), "unconverted": unconverted}
            (temporary / CONFIG).write_text(json.dumps(about, indent=2), encoding="utf-8")
            for name in (TOKENIZER_FILE, SPECIAL_FILE, *config.assets):
                UntrustedFolder(folder, CheckpointError).copy(name, temporary / name)
    progress("done", 1.0)
    return ConvertedModel.open(target)


def write_graph(model: onnx_ir.Model, precision: str, folder: Path, name: str) -> None:
    """Quantize ``model`` as ``precision`` says and write it with its weights beside it, ready to be mapped."""
    if precision == "fp16":
        weight_quantization.store_half(model)
    elif precision in BITS:
        weight_quantization.quantize_matmuls(model, BITS[precision])
        weight_quantization.halve_embeddings(model)
    ClearMetadataAndDocStringPass()(model)  # the exporter notes every operator's place in the source code
    onnx_ir.save(model, folder / f"{name}.onnx", external_data=f"{name}.weights")


def rounded(
    loaded: checkpoints.Checkpoint,
    spoken: Callable[[], Sequence[sample_speech.SampleSentence]],
    graph: str,
    precision: str,
) -> checkpoints.Checkpoint:
    """``loaded`` as ``graph`` wants it: what is rounded is fitted to what the model itself has ``spoken``.

    The language model's weights are rounded to 4 bits in place.
    """
    if graph == DECODER and precision == "int8":
        spans = qparams.observe(loaded.codec, sample_speech.typical_codes(spoken()))
        return replace(loaded, codec=codec_int8.in_int8(loaded.codec, spans))
    model = loaded.dual_ar
    if graph == SLOW and precision in BITS:
        texts = [sentence.all_columns(model.semantic_begin) for sentence in spoken()]
        if precision == "int4":
            compensate_slow(model, texts)
        return replace(loaded, kv_scales=kv_int8.observe(model, texts)) if keeps_int8_kv() else loaded
    if graph == FAST and precision == "int4":
        compensate_fast(model, *sample_speech.frames(model, spoken()))
    return loaded


def _present(target: Path, part: str, precision: str | None) -> bool:
    folder = target / (part if precision is None else f"{part}-{precision}")
    return folder.is_dir() and is_whole(folder)
