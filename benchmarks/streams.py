"""Several streams in one pass: ``python -m benchmarks.streams [MODEL_FOLDER]``, by default S1-mini in random weights.

Frames a second of 1, 2, 4 and 8 streams and their first sound, one text of 2,000 characters to a file with and without
sharing, an urgent request among four, memory, and what the machine allows, in one run of two to three minutes. Random
weights never end a segment: each is cut off after ``--frames`` frames, the same in both columns.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import platformdirs
import psutil

from benchmarks.s1_engine import SAMPLING, SENTENCE
from fishvoiced.backends.fish import renderer as fish_renderer
from fishvoiced.backends.fish.engine.base import Decoder, Generation
from fishvoiced.backends.fish.engine.onnx_engine import STREAMS, OnnxEngine
from fishvoiced.backends.fish.prompt import build_prompt
from fishvoiced.backends.fish.renderer import FishRenderer, block_sizes
from fishvoiced.backends.fish.store.models import ConvertedModel
from fishvoiced.backends.fish.types import Codes
from fishvoiced.backends.onnx_sessions import Runtime
from fishvoiced.synthesis.base import Chunk
from fishvoiced.synthesis.pipeline import synthesize

COUNTS = (1, 2, 4, 8)
LONG_CHARACTERS = 2000
ARRIVALS = 8
"""Urgent requests, each at another place of the others' frames."""


@dataclass
class Spoken:
    """A stream and its decoder. ``language`` and ``codec`` are seconds, without the prompt."""

    generation: Generation
    decoder: Decoder
    sizes: Iterator[int] = field(default_factory=block_sizes)
    block: list[Codes] = field(default_factory=list)
    language: float = 0.0
    codec: float = 0.0
    frames: int = 0

    def __post_init__(self) -> None:
        self.size = next(self.sizes)

    def step(self) -> bool:
        """One frame, and its block's sound when that is complete. False: it has come to its end."""
        began = time.perf_counter()
        codes = next(self.generation, None)
        self.generation.ride()
        self.language += time.perf_counter() - began
        if codes is None:
            return False
        self.frames += 1
        self.block.append(codes)
        if len(self.block) == self.size:
            began = time.perf_counter()
            self.decoder.decode(np.concatenate(self.block, axis=1))
            self.codec += time.perf_counter() - began
            self.block, self.size = [], next(self.sizes)
        return True


def opened(engine: OnnxEngine, seed: int, frames: int) -> Spoken:
    prompt = build_prompt(engine.tokenizer, engine.config.dual_ar.num_codebooks, SENTENCE, [])
    return Spoken(engine.generate(prompt, SAMPLING, seed, frames), engine.decoder())


@dataclass(frozen=True)
class Throughput:
    language_ms: float
    codec_ms: float
    frames: int

    @property
    def per_second(self) -> float:
        return 1e3 / (self.language_ms + self.codec_ms)


def throughput(engine: OnnxEngine, count: int, frames: int) -> Throughput:
    """Milliseconds per frame of ``count`` streams side by side."""
    streams = [opened(engine, seed, frames) for seed in range(count)]
    for stream in streams:
        stream.generation.begin()
        stream.generation.ride()
    going = list(streams)
    while going:
        going = [stream for stream in going if stream.step()]
    for stream in streams:
        stream.generation.close()
    made = sum(stream.frames for stream in streams)
    language, codec = (1e3 * sum(getattr(s, part) for s in streams) / made for part in ("language", "codec"))
    return Throughput(language, codec, made)


def first_sounds(engine: OnnxEngine, count: int) -> list[float]:
    """Seconds to the first sound of each of ``count`` streams that come at once, in turns as a daemon takes them."""
    began, taken = time.perf_counter(), []
    streams = [opened(engine, seed, 8) for seed in range(count)]
    for stream in streams:
        stream.step()
        taken.append(time.perf_counter() - began)
    for stream in streams:
        stream.generation.close()
    return taken


def long_text(engine: OnnxEngine) -> float:
    """Seconds for one text to a file, all of its sound."""
    text = " ".join([SENTENCE] * -(-LONG_CHARACTERS // (len(SENTENCE) + 1)))[:LONG_CHARACTERS]
    began = time.perf_counter()
    with closing(synthesize(FishRenderer(engine, 0, SAMPLING), text, to_file=True)) as steps:
        for _ in steps:
            pass
    return time.perf_counter() - began


def urgent(engine: OnnxEngine, others: int) -> float:
    """Median seconds to the first sound of a request that takes every step from its arrival on, among ``others``.

    It comes while a step of theirs is made, each time at another place, and waits for that step's end.
    """
    with_them = [opened(engine, seed, 400) for seed in range(others)]
    for stream in with_them:
        stream.step()
    taken, step = [], 0
    for arrival in range(ARRIVALS):
        for _ in range(13 if others else 0):
            began = time.perf_counter()
            with_them[step % others].step()
            step += 1
        arrived = began + (time.perf_counter() - began) * arrival / ARRIVALS if others else time.perf_counter()
        stream = opened(engine, 100 + arrival, 8)
        stream.step()
        taken.append(time.perf_counter() - arrived)
        stream.generation.close()
    for stream in with_them:
        stream.generation.close()
    return statistics.median(taken)


def cut_off_after(frames: int) -> None:
    """End every segment there."""
    fish_renderer.most_frames = lambda _characters, _rate: frames


def first_audio(engine: OnnxEngine) -> float:
    taken = []
    for _ in range(6):
        began = time.perf_counter()
        with closing(synthesize(FishRenderer(engine, 0, SAMPLING), SENTENCE)) as steps:
            next(step for step in steps if isinstance(step, Chunk) and step.frames)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[1:])


def compare(engines: Sequence[OnnxEngine], frames: int, rounds: int) -> None:
    """``engines``: one whose streams go alone, one in which they share passes."""
    alone, sharing = engines
    for engine in engines:
        throughput(engine, 1, 12)  # warm
    found: dict[str, list[Throughput]] = {}
    sounds: dict[str, list[float]] = {"alone": [], "sharing": []}
    for _ in range(rounds):
        found.setdefault("alone", []).append(throughput(alone, 1, frames))
        for count in COUNTS:
            found.setdefault(str(count), []).append(throughput(sharing, count, frames))
        sounds["alone"].append(first_audio(alone))
        sounds["sharing"].append(first_audio(sharing))
    print(
        "\n| streams | language model ms | codec ms | frames/s | of one alone | first sounds s |\n|---|---|---|---|---|---|"
    )
    base = statistics.median(t.per_second for t in found["alone"])
    for name, each in found.items():
        language, codec, speed = (
            statistics.median(getattr(t, part) for t in each) for part in ("language_ms", "codec_ms", "per_second")
        )
        heard = first_sounds(alone if name == "alone" else sharing, 1 if name == "alone" else int(name))
        told = f"{min(heard):.2f} to {max(heard):.2f}"
        print(f"| {name} | {language:.1f} | {codec:.1f} | {speed:.1f} | {speed / base:.2f} | {told} |")
    single, shared = (statistics.median(sounds[name]) for name in ("alone", "sharing"))
    print(
        f"\nfirst sound of a single request: {single:.3f} s alone, {shared:.3f} s where passes are shared", flush=True
    )
    idle, busy = urgent(sharing, 0), urgent(sharing, STREAMS)
    print(f"urgent: {idle:.3f} s idle, {busy:.3f} s among {STREAMS} ({busy / idle:.2f})", flush=True)
    before, after = long_text(alone), long_text(sharing)
    print(
        f"{LONG_CHARACTERS} characters to a file: {before:.1f} s alone, {after:.1f} s ({before / after:.2f})",
        flush=True,
    )


def resident(model: ConvertedModel, language: str, codec: str, threads: int) -> int:
    """Bytes of this process with four streams going."""
    engine = OnnxEngine(model, language, codec, Runtime(threads))
    throughput(engine, STREAMS, 200)
    return int(psutil.Process().memory_info().rss)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    home = platformdirs.user_cache_path("fishvoice-benchmark") / "cache" / "models"
    parser.add_argument("model", nargs="?", type=Path, default=next(iter(sorted(home.glob("s1-mini-random-*"))), None))
    parser.add_argument("--language", default="int4")
    parser.add_argument("--codec", default="int8")
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    if options.model is None:
        parser.error("there is no model; python -m benchmarks.s1_mini makes one")
    model, runtime = ConvertedModel.open(options.model), Runtime(options.threads)
    memory = resident(model, options.language, options.codec, options.threads)
    gc.collect()
    print(f"resident with {STREAMS} streams of 200 frames: {memory / 1e9:.2f} GB", flush=True)
    cut_off_after(options.frames)
    engines = [OnnxEngine(model, options.language, options.codec, runtime, streams) for streams in (1, max(COUNTS))]
    compare(engines, options.frames, options.rounds)


if __name__ == "__main__":
    main()
