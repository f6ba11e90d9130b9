"""One engine measured in a process of its own, so that its memory is its own: ``python -m benchmarks.s1_engine``.

Prints one line of JSON. ``benchmarks.s1_mini`` starts it once per row of its table.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from fishvoiced.backends.fish.engine.base import Engine
from fishvoiced.backends.fish.prompt import build_prompt
from fishvoiced.backends.fish.renderer import FishRenderer, block_sizes
from fishvoiced.backends.fish.store.models import FAST, SLOW, ConvertedModel
from fishvoiced.backends.fish.types import Reference, SamplingOptions
from fishvoiced.backends.onnx_sessions import Runtime
from fishvoiced.synthesis.base import Chunk
from fishvoiced.synthesis.pipeline import synthesize

SENTENCE = "A sentence of exactly one hundred characters: long enough to mean something, and short enough to do."
SAMPLING = SamplingOptions(temperature=0.8, top_p=0.8, repetition_penalty=1.1)
REFERENCE_SECONDS = 20.0
FIRST, TURN, TURNS = 10, 20, 6
"""The last frames of a long answer, in turns, are compared with as many of others from this frame on."""
STRETCH = 100
"""Frames of a long answer that are averaged for its curve."""


@dataclass(frozen=True)
class Spec:
    """``engine`` onnx, torch or fish-speech; ``codec`` only where it can be chosen."""

    engine: str
    language: str
    codec: str = "fp32"

    @property
    def name(self) -> str:
        return f"{self.engine} {self.language}" + (f" + {self.codec}" if self.engine == "onnx" else "")


@dataclass
class Figures:
    """Milliseconds per frame unless named otherwise; None: not measured, or of no use here."""

    name: str
    frame_seconds: float = 0.0
    threads: int = 0
    slow_ms: float | None = None
    fast_ms: float | None = None
    language_ms: float = 0.0
    codec_ms: float = 0.0
    prefill_columns: int = 0
    prefill_seconds: float = 0.0
    first_audio_seconds: float | None = None
    known_reference_seconds: float | None = None
    load_seconds: float = 0.0
    resident_bytes: int = 0
    peak_bytes: int = 0
    early_ms: float | None = None
    late_ms: float | None = None
    stretches_ms: list[float] | None = None
    bandwidth: float | None = None
    slow_bytes: int | None = None
    fast_bytes: int | None = None
    convolution_rate: float | None = None

    @property
    def rtf(self) -> float:
        return (self.language_ms + self.codec_ms) / 1e3 / self.frame_seconds


@dataclass
class Stopwatch:
    """Milliseconds of every call, by part."""

    parts: dict[str, list[float]] = field(default_factory=dict)

    def watch(self, owner: Any, method: str, part: str) -> None:
        """Time every call of ``owner.method`` from now on."""
        call: Callable[..., Any] = getattr(owner, method)

        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.time(part):
                return call(*args, **kwargs)

        setattr(owner, method, timed)

    def watch_runs(self, session: Any, part: str) -> None:
        """Time every run of the bindings that ``session`` gives out from now on."""
        bind = session.bind

        def watched() -> Any:
            binding = bind()
            self.watch(binding, "run", part)
            return binding

        session.bind = watched

    @contextmanager
    def time(self, part: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.parts.setdefault(part, []).append(1e3 * (time.perf_counter() - start))

    def per_frame(self, part: str, frames: int) -> float | None:
        """The part's time without its first call, the prefill, per frame."""
        calls = self.parts.get(part)
        return sum(calls[1:]) / (frames - 1) if calls else None


def open_engine(spec: Spec, model: ConvertedModel, checkpoint: Path, runtime: Runtime) -> Engine:
    if spec.engine == "onnx":
        from fishvoiced.backends.fish.engine.onnx_engine import OnnxEngine

        return OnnxEngine(model, spec.language, spec.codec, runtime)
    import torch

    torch.set_num_threads(runtime.threads)
    if spec.engine == "torch":
        from fishvoiced.backends.fish.engine.torch_engine import TorchEngine

        return TorchEngine(checkpoint)
    from fishvoiced.backends.fish.engine.upstream_engine import UpstreamEngine

    return UpstreamEngine(checkpoint, {"fp32": torch.float32, "bf16": torch.bfloat16}[spec.language])


def stopwatch(spec: Spec, engine: Any) -> Stopwatch:
    """Parts ``slow`` and ``fast`` of the engine, where they can be told apart."""
    watch = Stopwatch()
    if spec.engine == "onnx":
        watch.watch_runs(engine._slow, "slow")
        watch.watch_runs(engine._fast, "fast")
        engine._groups = [engine._group()]  # what was bound before is not watched
    elif spec.engine == "torch":
        watch.watch(engine._dual_ar, "slow", "slow")
        watch.watch(engine._dual_ar, "frame", "fast")
    return watch


def speak(engine: Engine, frames: int, watch: Stopwatch) -> None:
    """Generate and decode as a request does. Parts: ``frame`` (the first one with the prefill) and ``codec``."""
    prompt = build_prompt(engine.tokenizer, engine.config.dual_ar.num_codebooks, SENTENCE, [])
    decoder, sizes = engine.decoder(), block_sizes()
    generation = engine.generate(prompt, SAMPLING, 0, frames)
    block: list[Any] = []
    size = next(sizes)
    for _ in range(frames):
        with watch.time("frame"):
            block.append(next(generation))
        if len(block) == size:
            with watch.time("codec"):
                decoder.decode(np.concatenate(block, axis=1))
            block, size = [], next(sizes)
    if block:
        with watch.time("codec"):
            decoder.decode(np.concatenate(block, axis=1))
    generation.close()


def frame_times(engine: Engine, frames: int) -> Iterator[float]:
    """Milliseconds of each frame of one answer, without the codec; the first one has the prefill."""
    prompt = build_prompt(engine.tokenizer, engine.config.dual_ar.num_codebooks, SENTENCE, [])
    generation = engine.generate(prompt, SAMPLING, 0, frames)
    for _ in range(frames):
        start = time.perf_counter()
        next(generation)
        yield 1e3 * (time.perf_counter() - start)
    generation.close()


def beginnings_and_whole(engine: Engine, frames: int) -> tuple[list[float], list[float]]:
    """Milliseconds of early frames of several answers, and of all frames of a long one.

    They take turns with its last frames: what the neighbors do to the memory's speed drifts within seconds.
    """
    long = frame_times(engine, frames)
    whole, early = list(islice(long, frames - TURNS * TURN)), []
    for _ in range(TURNS):
        early += list(frame_times(engine, FIRST + TURN))[FIRST:]
        whole += islice(long, TURN)
    whole += long  # to its end
    return early, whole


def first_audio(engine: Engine, references: tuple[Reference, ...] = ()) -> float:
    """Seconds from a text to its first sound, everything warm."""
    renderer = FishRenderer(engine, 0, SAMPLING, references)
    taken = []
    for _ in range(4):
        start = time.perf_counter()
        steps = synthesize(renderer, SENTENCE)
        next(step for step in steps if isinstance(step, Chunk) and step.frames)
        taken.append(time.perf_counter() - start)
        steps.close()
    return statistics.median(taken[1:])


def known_reference(engine: Engine) -> float:
    """The same in a saved voice that imitates a recording which the engine has read before."""
    codec = engine.config.codec
    random = np.random.default_rng(1)
    shape = (codec.num_codebooks, round(REFERENCE_SECONDS * codec.frame_rate))
    with tempfile.TemporaryDirectory() as folder:
        reference = Reference(random.integers(0, codec.codebook_size, shape), SENTENCE, Path(folder))
        return first_audio(engine, (reference,))


def measure(spec: Spec, model: ConvertedModel, checkpoint: Path, frames: int, long: int, threads: int) -> Figures:
    runtime = Runtime(threads)
    figures = Figures(spec.name, 1 / model.config.codec.frame_rate, threads)
    start = time.perf_counter()
    engine = open_engine(spec, model, checkpoint, runtime)
    figures.load_seconds = time.perf_counter() - start
    ours = spec.engine != "fish-speech"
    if ours:
        speak(engine, 3, Stopwatch())  # warm
    watch = stopwatch(spec, engine)
    speak(engine, frames, watch)
    figures.resident_bytes = psutil.Process().memory_info().rss
    first, *others = watch.parts["frame"]
    figures.language_ms = statistics.fmean(others)
    figures.codec_ms = sum(watch.parts["codec"]) / frames
    figures.slow_ms, figures.fast_ms = (watch.per_frame(part, frames) for part in ("slow", "fast"))
    prompt = build_prompt(engine.tokenizer, engine.config.dual_ar.num_codebooks, SENTENCE, [])
    figures.prefill_columns = prompt.columns.shape[1]
    figures.prefill_seconds = (first - (figures.fast_ms or 0.0)) / 1e3
    if ours:
        figures.first_audio_seconds = first_audio(engine)
    if spec.engine == "onnx":
        figures.known_reference_seconds = known_reference(engine)
    if long:
        early, taken = beginnings_and_whole(engine, long)
        figures.early_ms, figures.late_ms = statistics.fmean(early), statistics.fmean(taken[-len(early) :])
        later = taken[1:]  # the first has the prefill
        figures.stretches_ms = [statistics.fmean(later[i : i + STRETCH]) for i in range(0, len(later), STRETCH)]
    figures.peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    engine.close()
    if spec.engine == "onnx":
        from benchmarks.s1_limits import (
            bandwidth,
            convolution_rate,
            weight_bytes,
        )  # brings onnx: not the engine's memory

        figures.slow_bytes = weight_bytes(model.graph(SLOW, spec.language))
        figures.fast_bytes = weight_bytes(model.graph(FAST, spec.language))
        figures.bandwidth = bandwidth(spec.language, runtime)
        figures.convolution_rate = convolution_rate("int8" if spec.codec == "int8" else "fp32", runtime)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engine")
    parser.add_argument("language")
    parser.add_argument("codec")
    parser.add_argument("--model", type=Path, required=True, help="the converted model's folder")
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--long", type=int, default=0, help="frames of a long answer, begin against end; 0: none")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    spec = Spec(options.engine, options.language, options.codec)
    model = ConvertedModel.open(options.model)
    figures = measure(spec, model, options.checkpoint, options.frames, options.long, options.threads)
    print(json.dumps(asdict(figures)))


if __name__ == "__main__":
    main()
