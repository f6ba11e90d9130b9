"""Which engine runs a model here: ONNX Runtime if it can, PyTorch with a warning if it cannot, or the one asked for."""

from __future__ import annotations

import importlib.util
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fishvoiced.backends.fish.engine.base import Engine
from fishvoiced.backends.fish.store.models import ABOUT, DECODER, LANGUAGE, ConvertedModel
from fishvoiced.backends.fish.store.weight_list import has_weight_list
from fishvoiced.errors import EngineError, MissingExtra, ModelStoreError
from fishvoiced.hardware.environment import apply_environment, environment, session_advice
from fishvoiced.hardware.facts import HardwareFacts

if TYPE_CHECKING:
    from fishvoiced.backends.onnx_sessions import Runtime

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EngineChoice:
    """What is wanted: from the tier's profile, overridden by the user's configuration. ``threads`` 0: the rule's."""

    name: Literal["auto", "onnx", "torch", "fish-speech"] = "auto"
    lm_precision: str = "int4"
    codec_precision: str = "fp32"
    threads: int = 0
    streams: int = 0
    """Generations that share passes; 0: the engine's own choice."""
    device: str = "cpu"
    """Of PyTorch: ``cpu``, ``mps`` or ``cuda``."""


def open_engine(model: ConvertedModel, choice: EngineChoice, facts: HardwareFacts) -> tuple[Engine, str | None]:
    """The engine, and what the listener should know when it is not the one that was wanted.

    Raises EngineError, ModelStoreError, CheckpointError or MissingExtra when nothing can run the model.
    """
    if choice.name in ("auto", "onnx"):
        try:
            return _onnx(model, choice, facts), None
        except (EngineError, ModelStoreError, MissingExtra) as error:
            if choice.name == "onnx" or not runs_in_torch(model) or importlib.util.find_spec("torch") is None:
                raise
            why = model.unconverted or str(error)
            notice = f"ONNX Runtime cannot run {model.name!r} ({why}); PyTorch does instead, several times slower"
            log.warning("%s", notice)
            return _torch(model, choice, facts), notice
    if choice.name == "torch":
        return _torch(model, choice, facts), None
    if model.source is None:
        raise ModelStoreError(f"model {model.name!r} came without its checkpoint, which engine {choice.name!r} needs")
    from fishvoiced.backends.fish.engine.upstream_engine import UpstreamEngine

    return UpstreamEngine(model.source), None


def available(model: ConvertedModel, part: str, wanted: str) -> str:
    """The wanted precision if it was converted, else the nearest one that was, smaller ones first."""
    have = model.precisions(part)
    if not have:
        raise ModelStoreError(f"model {model.name!r} has no converted {part}; import its checkpoint again")
    if wanted in have:
        return wanted
    log.info("model %s has no %s %s; using %s", model.name, wanted, part, have[-1])
    return have[-1]


def _onnx(model: ConvertedModel, choice: EngineChoice, facts: HardwareFacts) -> Engine:
    if importlib.util.find_spec("onnxruntime") is None:
        raise MissingExtra("daemon", "running a voice")
    from fishvoiced.backends.fish.engine.onnx_engine import STREAMS, OnnxEngine

    language, codec = available(model, LANGUAGE, choice.lm_precision), available(model, DECODER, choice.codec_precision)
    return OnnxEngine(model, language, codec, runtime(facts, choice.threads), choice.streams or STREAMS)


def runtime(facts: HardwareFacts, threads: int = 0) -> Runtime:
    """How this machine runs graphs; ``threads`` 0: by the rule."""
    from fishvoiced.backends.onnx_sessions import Runtime

    advice = session_advice(facts, threads or None)
    return Runtime(advice.intra_op_threads, advice.allow_spinning, advice.thread_affinities)


def runs_in_torch(model: ConvertedModel) -> bool:
    """Whether PyTorch can have the model's weights: of its checkpoint, or listed within its graphs."""
    return model.source is not None or has_weight_list(model.folder / ABOUT)


def _torch(model: ConvertedModel, choice: EngineChoice, facts: HardwareFacts) -> Engine:
    if not runs_in_torch(model):
        raise ModelStoreError(f"model {model.name!r} came without its checkpoint: only engine 'onnx' can run it")
    try:
        apply_environment(environment(facts, choice.threads or None))  # acts only before torch is imported
        from fishvoiced.backends.fish.engine.torch_engine import TorchEngine
    except ImportError as error:
        raise MissingExtra("export", "the PyTorch engine") from error
    if model.source is None:
        return TorchEngine.of_converted(model, choice.device)
    return TorchEngine(model.source, choice.device)
