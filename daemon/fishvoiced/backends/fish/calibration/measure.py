"""Calibrating: the real kernels in the real loop, for each converted precision and two numbers of threads.

The daemon runs it in a process of its own after some idle time, so that it delays no request, takes none of the
daemon's memory, and can be killed when a request arrives.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import count

import numpy as np

from fishvoiced.backends.fish.calibration.figures import Calibration, Figure
from fishvoiced.backends.fish.engine.base import Engine
from fishvoiced.backends.fish.engine.lighter import room_for
from fishvoiced.backends.fish.engine.select import EngineChoice, available, open_engine
from fishvoiced.backends.fish.renderer import FishRenderer
from fishvoiced.backends.fish.store.catalog import Choice
from fishvoiced.backends.fish.store.models import DECODER, LANGUAGE, ConvertedModel
from fishvoiced.backends.fish.types import Frontend, Prompt, SamplingOptions
from fishvoiced.backends.fish.warm_up import load_frontend, warm_up
from fishvoiced.errors import DaemonError, EngineError
from fishvoiced.hardware.detect.system_access import system_access
from fishvoiced.hardware.facts import HardwareFacts
from fishvoiced.hardware.threads import thread_budget
from fishvoiced.monitor.own_share import machine_busy_seconds
from fishvoiced.monitor.thermal_governor import CHARACTERS_PER_SECOND
from fishvoiced.synthesis.base import Chunk
from fishvoiced.synthesis.pipeline import synthesize

log = logging.getLogger(__name__)

SECONDS = 2.0
"""Of measuring, for all combinations together; loading comes on top."""
LEAST_SECONDS = 0.3
DISTURBING = 0.15
"""A larger share of the machine's CPU time taken by others spoils a figure."""
MOST_STREAMS = 8
PASSES = 4
"""Of each number of streams; the quickest one counts."""
WORTHWHILE = 1.1
"""More streams have to make a frame cheaper by this factor: each holds memory, and makes every pass longer."""
TEXT = "She opened the window and listened to the rain for a while."


def calibrate(choice: Choice, facts: HardwareFacts, seconds: float = SECONDS) -> tuple[Figure, ...]:
    """A figure for each precision that fits into memory, with half of the threads and with all of them.

    Raises DaemonError when the model cannot be run at all.
    """
    model, frontend = choice.model, load_frontend(choice)
    combinations = list(_combinations(model, facts))
    share = max(LEAST_SECONDS, seconds / max(1, len(combinations)))
    figures = []
    for language, codec, threads in combinations:
        engine, _ = open_engine(model, EngineChoice("onnx", language, codec, threads, MOST_STREAMS), facts)
        try:
            warm_up(engine, frames=3)
            load = OtherLoad()
            speed, streams = rtf(engine, frontend, share), best_streams(engine)
            figures.append(Figure(language, codec, threads, speed, load.share() > DISTURBING, streams))
        finally:
            engine.close()
    return tuple(figures)


class OtherLoad:
    """What other programs take of this machine from now on. ``busy`` and ``own``: CPU-seconds so far, the machine's
    (None: not known) and this process's."""

    def __init__(
        self,
        busy: Callable[[], float | None] | None = None,
        own: Callable[[], float] = time.process_time,
        clock: Callable[[], float] = time.monotonic,
        cpus: int | None = None,
    ) -> None:
        self._busy = busy or machine_busy_seconds(system_access())
        self._own, self._clock, self._cpus = own, clock, cpus or os.cpu_count() or 1
        self._before = self._busy(), self._own(), self._clock()

    def share(self) -> float:
        """Of all CPU-seconds since then, 0-1; 0 where nothing tells."""
        busy, own, began = self._before
        now, room = self._busy(), (self._clock() - began) * self._cpus
        if busy is None or now is None or room <= 0:
            return 0.0
        return min(1.0, max(0.0, ((now - busy) - (self._own() - own)) / room))


@dataclass(frozen=True)
class _Sentence:
    """What it took to speak one, or its beginning: seconds until the first sound and in all, and frames."""

    opening: float
    work: float
    frames: int
    complete: bool


def rtf(engine: Engine, frontend: Frontend, seconds: float, clock: Callable[[], float] = time.perf_counter) -> float:
    """The real-time factor of a typical sentence, spoken again and again for about ``seconds``.

    A first sentence that does not end in time is extrapolated: its opening counts once, its other frames at the
    rate of those that were made. Raises EngineError when there is no sound to measure.
    """
    rate = engine.config.codec.frame_rate
    deadline = clock() + seconds
    whole: list[_Sentence] = []
    for seed in count():
        spoken = _speak(engine, frontend, seed, deadline, clock)
        if spoken.complete:
            whole.append(spoken)
        if clock() >= deadline:
            break
    frames = sum(sentence.frames for sentence in whole)
    if frames:
        return sum(sentence.work for sentence in whole) / (frames / rate)
    if spoken.frames < 2:
        raise EngineError(f"model {engine.config.name!r} makes no sound to measure")
    usual = max(2.0, len(TEXT) / CHARACTERS_PER_SECOND * rate)
    per_frame = (spoken.work - spoken.opening) / (spoken.frames - 1)
    return (spoken.opening + (usual - 1) * per_frame) / (usual / rate)


def best_streams(engine: Engine, clock: Callable[[], float] = time.perf_counter) -> int:
    """The fewest streams whose frames, made in shared passes, cost little more than those of any other number."""
    if engine.streams == 1:
        return 1
    costs = {count: _pass_seconds(engine, count, clock) / count for count in range(2, engine.streams + 1, 2)}
    return next(count for count, cost in costs.items() if cost <= WORTHWHILE * min(costs.values()))


def _pass_seconds(engine: Engine, streams: int, clock: Callable[[], float]) -> float:
    prompt = Prompt(np.zeros((engine.config.dual_ar.num_codebooks + 1, 8), np.int64))
    taken = []
    with ExitStack() as stack:
        each = [
            stack.enter_context(closing(engine.generate(prompt, SamplingOptions(1.0, 1.0, 1.0), seed, 8 * PASSES)))
            for seed in range(streams)
        ]
        for generation in each:
            generation.begin()
        for _ in range(PASSES + 1):  # the first one has no step of the slow AR
            for generation in each:
                generation.ride()
            began = clock()
            next(each[0], None)
            taken.append(clock() - began)
            for generation in each[1:]:
                next(generation, None)
    return min(taken[1:])


def _speak(engine: Engine, frontend: Frontend, seed: int, deadline: float, clock: Callable[[], float]) -> _Sentence:
    """A sentence, broken off at the first chunk after the deadline, but never before its second."""
    defaults = engine.config.sampling
    sampling = SamplingOptions(defaults.temperature, defaults.top_p, defaults.repetition_penalty)
    began, opening, frames = clock(), 0.0, 0
    for step in synthesize(FishRenderer(engine, seed, sampling, frontend=frontend), TEXT):
        if isinstance(step, Chunk) and step.frames:
            now = clock()
            opening = opening if frames else now - began
            frames += step.frames
            if now >= deadline and frames > 1:
                return _Sentence(opening, now - began, frames, complete=False)
    return _Sentence(opening, clock() - began, frames, complete=True)


def _combinations(model: ConvertedModel, facts: HardwareFacts) -> Iterator[tuple[str, str, int]]:
    budget = thread_budget(facts)
    for language in model.precisions(LANGUAGE):
        codec = available(model, DECODER, "fp32" if language == "fp32" else "int8")
        if not room_for(model, language, codec):
            log.info("%s in %s is not measured: there is not enough free memory", model.name, language)
            continue
        for threads in sorted({budget.half, budget.threads}):
            yield language, codec, threads


def calibrate_installed(choice: Choice, calibration: Calibration, facts: HardwareFacts) -> None:
    """Measure now, in this process; where the model cannot be run, say why on the log and go on without."""
    try:
        calibration.predict(calibrate(choice, facts))
    except (DaemonError, OSError) as error:
        log.warning("%s cannot be calibrated: %s", choice.name, error)
