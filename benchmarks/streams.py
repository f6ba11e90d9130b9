"""Several streams in one pass: ``python -m benchmarks.streams [MODEL_FOLDER]``, by default S1-mini in random weights.

Frames a second of 1, 2, 4 and 8 streams, the first sound, one text of 2,000 characters to a file with and without
sharing, an urgent request among four, memory, and what the machine allows: with everything in turns, in one run of some
six minutes, or by parts (``--part speed --part limits``). "One row" is an engine in which nothing is shared, the state
of before. Of the passes and of the codec's blocks the least decile counts: what others do on the machine only makes
them longer. Random weights never end a segment; of the long text each is cut off after ``--frames`` frames, with and
without sharing. A model that ends its segments itself is listened to until then.

It fails where a stream says other codes in company than alone.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
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
from fishvoiced.backends.fish.renderer import FishRenderer
from fishvoiced.backends.fish.store.catalog import Choice
from fishvoiced.backends.fish.store.models import FAST, SLOW, ConvertedModel
from fishvoiced.backends.fish.types import Codes, Frontend
from fishvoiced.backends.fish.warm_up import load_frontend
from fishvoiced.backends.onnx_sessions import Runtime
from fishvoiced.synthesis.base import Chunk
from fishvoiced.synthesis.pipeline import synthesize
from fishvoiced.text.english import EnglishFrontend

COUNTS = (1, 2, 4, 8)
LONG_CHARACTERS = 2000
BLOCK = 8
"""Frames of the codec's steady block."""
FRAMES = 16
"""Of each stream in one turn."""
PARTS = ("limits", "speed", "first", "urgent", "long")
FIRST_SOUNDS = 12
"""Of each way, in turns; the first two warm up."""
ARRIVALS = 8
"""Urgent requests, each at another place of the others' steps."""


@dataclass
class Times:
    """Seconds of every pass and of every block of one way to speak."""

    passes: list[float] = field(default_factory=list)
    blocks: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Voice:
    """An engine, and how its model wants text."""

    engine: OnnxEngine
    frontend: Frontend

    def opened(self, seed: int, frames: int) -> Generation:
        read = self.frontend
        text = read.of_spoken(SENTENCE) if isinstance(read, EnglishFrontend) else read(SENTENCE)
        prompt = build_prompt(self.engine.tokenizer, self.engine.config.dual_ar.num_codebooks, text, [])
        return self.engine.generate(prompt, SAMPLING, seed, frames)

    def renderer(self) -> FishRenderer:
        return FishRenderer(self.engine, 0, SAMPLING, frontend=self.frontend)


def turn(voice: Voice, count: int, times: Times) -> list[Codes]:
    """Some frames of ``count`` streams side by side and the sound of as many blocks; what they said."""
    said: list[list[Codes]] = [[] for _ in range(count)]
    with ExitStack() as stack:
        streams = [stack.enter_context(closing(voice.opened(seed, FRAMES))) for seed in range(count)]
        for stream in streams:
            stream.begin()
        for i in range(FRAMES):
            for stream in streams:
                stream.ride()
            began = time.perf_counter()
            for stream, frames in zip(streams, said, strict=True):
                frames.append(next(stream))
            if i:  # the first one has no step of the slow AR
                times.passes.append(time.perf_counter() - began)
    codes = [np.concatenate(frames, axis=1) for frames in said]
    for each in codes:
        decoder: Decoder = voice.engine.decoder()
        for begin in range(0, FRAMES, BLOCK):
            began = time.perf_counter()
            decoder.decode(each[:, begin : begin + BLOCK])
            times.blocks.append(time.perf_counter() - began)
    return codes


def least(seconds: Sequence[float]) -> float:
    """The least decile, milliseconds."""
    return 1e3 * float(np.percentile(seconds, 10))


def first_audio(voice: Voice) -> float:
    """Seconds to the first sound of a single request."""
    began = time.perf_counter()
    with closing(synthesize(voice.renderer(), SENTENCE)) as steps:
        next(step for step in steps if isinstance(step, Chunk) and step.frames)
    return time.perf_counter() - began


def all_first_sounds(voice: Voice, count: int) -> float:
    """Seconds until each of ``count`` requests that come at once has its first sound."""
    began = time.perf_counter()
    with ExitStack() as stack:
        for seed in range(count):
            stream = stack.enter_context(closing(voice.opened(seed, FRAMES)))
            voice.engine.decoder().decode(next(stream))
    return time.perf_counter() - began


def urgent(voice: Voice, others: int) -> float:
    """Median seconds to the first sound of a request that has every step from its arrival on, among ``others``.

    It comes while a step of theirs is made, each time at another place of one, and waits for that step's end.
    """
    taken: list[float] = []
    with ExitStack() as stack:
        streams = [stack.enter_context(closing(voice.opened(seed, 400))) for seed in range(others)]
        decoders = [voice.engine.decoder() for _ in streams]
        blocks: list[list[Codes]] = [[] for _ in streams]
        step = 0
        for arrival in range(ARRIVALS):
            began = time.perf_counter()
            for _ in range(13 if others else 0):
                began, i = time.perf_counter(), step % others
                blocks[i].append(next(streams[i]))
                streams[i].ride()
                if len(blocks[i]) == BLOCK:
                    decoders[i].decode(np.concatenate(blocks[i], axis=1))
                    blocks[i] = []
                step += 1
            arrived = began + (time.perf_counter() - began) * arrival / ARRIVALS
            with closing(voice.opened(100 + arrival, FRAMES)) as stream:
                voice.engine.decoder().decode(next(stream))
            taken.append(time.perf_counter() - arrived)
    return statistics.median(taken)


def long_text(voice: Voice, frames: int) -> float:
    """Seconds for one text to a file, all of its sound; its segments have so many frames each, 0: as many as the model
    says."""
    if frames:
        fish_renderer.most_frames = lambda _characters, _rate: frames
    text = " ".join([SENTENCE] * -(-LONG_CHARACTERS // (len(SENTENCE) + 1)))[:LONG_CHARACTERS]
    began = time.perf_counter()
    with closing(synthesize(voice.renderer(), text, to_file=True)) as steps:
        for _ in steps:
            pass
    return time.perf_counter() - began


def table(one_row: Voice, shared: Voice, rounds: int) -> None:
    ways = {"one row": (one_row, 1), **{str(count): (shared, count) for count in COUNTS}}
    times = {name: Times() for name in ways}
    sounds: dict[str, list[float]] = {name: [] for name in ways}
    alone: dict[int, Codes] = {}
    for _ in range(rounds):
        for name, (voice, count) in ways.items():
            for seed, codes in enumerate(turn(voice, count, times[name])):
                if voice is shared and not np.array_equal(alone.setdefault(seed, codes), codes):
                    raise SystemExit(f"seed {seed} says other codes among {count}")
            sounds[name].append(all_first_sounds(voice, count))
    print("\n| streams | language model, ms per frame | codec | frames/s | of one row's | all first sounds, s |")
    print("|---|---|---|---|---|---|")
    base = 0.0
    for name, (_, count) in ways.items():
        language, codec = least(times[name].passes) / count, least(times[name].blocks) / BLOCK
        speed = 1e3 / (language + codec)
        base = base or speed
        heard = min(sounds[name])
        print(f"| {name} | {language:.1f} | {codec:.1f} | {speed:.1f} | {speed / base:.2f} | {heard:.2f} |", flush=True)
    print("\nevery seed said the same codes in every company", flush=True)


def limits(model: ConvertedModel, language: str, runtime: Runtime) -> None:
    from benchmarks.s1_limits import bandwidth, codec_operations, convolution_rate, weight_bytes

    speed, rate = bandwidth(language, runtime), convolution_rate("int8", runtime)
    slow, fast = (1e3 * weight_bytes(model.graph(graph, language)) / speed for graph in (SLOW, FAST))
    codec = 1e3 * codec_operations(model.source) / rate if model.source else float("nan")
    print(f"limit of one row: slow AR {slow:.1f} ms, fast AR {fast:.1f} ms, codec {codec:.1f} ms a frame", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    home = platformdirs.user_cache_path("fishvoice-benchmark") / "cache" / "models"
    parser.add_argument("model", nargs="?", type=Path, default=next(iter(sorted(home.glob("s1-mini-random-*"))), None))
    parser.add_argument("--part", choices=PARTS, action="append", help="may be given several times; default: all")
    parser.add_argument("--language", default="int4")
    parser.add_argument("--codec", default="int8")
    parser.add_argument("--frames", type=int, default=128, help="of each segment of the long text; 0: until it ends")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    if options.model is None:
        parser.error("there is no model; python -m benchmarks.s1_mini makes one")
    model, runtime = ConvertedModel.open(options.model), Runtime(options.threads)
    frontend = load_frontend(Choice(model.name, model))

    def voice(streams: int) -> Voice:
        return Voice(OnnxEngine(model, options.language, options.codec, runtime, streams), frontend)

    parts = options.part or PARTS
    shared = voice(max(COUNTS))
    turn(shared, STREAMS, Times())
    print(f"resident with {STREAMS} streams: {psutil.Process().memory_info().rss / 1e9:.2f} GB", flush=True)
    one_row = voice(1)
    if "limits" in parts:
        limits(model, options.language, runtime)
    if "speed" in parts:
        table(one_row, shared, options.rounds)
    if "first" in parts:
        first = [(first_audio(one_row), first_audio(shared)) for _ in range(FIRST_SOUNDS)][1:]
        before, after = (statistics.median(each) for each in zip(*first, strict=True))
        print(f"first sound of a single request: one row {before:.3f} s, now {after:.3f} s ({after / before:.2f})")
    if "urgent" in parts:
        idle, busy = urgent(shared, 0), urgent(shared, STREAMS)
        print(f"urgent: idle {idle:.3f} s, among {STREAMS} {busy:.3f} s ({busy / idle:.2f})", flush=True)
    if "long" in parts:
        four = voice(STREAMS)
        before, after = long_text(one_row, options.frames), long_text(four, options.frames)
        taken = f"one row {before:.1f} s, now {after:.1f} s ({before / after:.2f})"
        print(f"{LONG_CHARACTERS} characters to a file: {taken}", flush=True)


if __name__ == "__main__":
    main()
