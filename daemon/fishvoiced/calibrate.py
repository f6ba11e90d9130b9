"""Calibrating: the real kernels in the real loop, for each converted precision and two numbers of threads.

The daemon lets a process of its own do it when nobody has asked for anything for a while, so that it is in
nobody's way, takes none of the daemon's memory, and can be ended at once when somebody does ask.
"""

from __future__ import annotations

import argparse
import atexit
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from subprocess import DEVNULL, Popen

import psutil

from fishvoiced.calibration import Calibration, Figure
from fishvoiced.catalog import Choice
from fishvoiced.engine.base import Engine
from fishvoiced.engine.select import EngineChoice, available, open_engine
from fishvoiced.errors import EngineError, FishvoiceError
from fishvoiced.fish.types import Frontend, SamplingOptions
from fishvoiced.hardware.collect import collect
from fishvoiced.hardware.facts import HardwareFacts
from fishvoiced.hardware.threads import thread_budget
from fishvoiced.model.store import DECODER, LANGUAGE, ConvertedModel
from fishvoiced.synthesis.base import Chunk, Speech
from fishvoiced.synthesis.pipeline import CHARACTERS_PER_SECOND, synthesize

log = logging.getLogger(__name__)

SECONDS = 2.0
"""Of measuring, for all combinations together; loading comes on top."""
LEAST_SECONDS = 0.3
IDLE_SECONDS = 20.0
TEXT = "She opened the window and listened to the rain for a while."


def calibrate(choice: Choice, facts: HardwareFacts, seconds: float = SECONDS) -> tuple[Figure, ...]:
    """A figure for each precision that fits into memory, with half of the threads and with all of them.

    Raises FishvoiceError when the model cannot be run at all.
    """
    from fishvoiced.speaker import load_frontend, warm_up

    model, frontend = choice.model, load_frontend(choice)
    combinations = list(_combinations(model, facts))
    share = max(LEAST_SECONDS, seconds / max(1, len(combinations)))
    figures = []
    for language, codec, threads in combinations:
        engine, _ = open_engine(model, EngineChoice("onnx", language, codec, threads), facts)
        try:
            warm_up(engine, frames=3)
            figures.append(Figure(language, codec, threads, rtf(engine, frontend, share)))
        finally:
            engine.close()
    return tuple(figures)


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


def _speak(engine: Engine, frontend: Frontend, seed: int, deadline: float, clock: Callable[[], float]) -> _Sentence:
    """A sentence, broken off at the first chunk after the deadline, but never before its second."""
    defaults = engine.config.sampling
    sampling = SamplingOptions(defaults.temperature, defaults.top_p, defaults.repetition_penalty)
    began, opening, frames = clock(), 0.0, 0
    for step in synthesize(engine, Speech(TEXT, seed, sampling, frontend=frontend)):
        if isinstance(step, Chunk) and step.frames:
            now = clock()
            opening = opening if frames else now - began
            frames += step.frames
            if now >= deadline and frames > 1:
                return _Sentence(opening, now - began, frames, complete=False)
    return _Sentence(opening, clock() - began, frames, complete=True)


def _combinations(model: ConvertedModel, facts: HardwareFacts) -> Iterator[tuple[str, str, int]]:
    budget = thread_budget(facts)
    room = psutil.virtual_memory().available
    for language in model.precisions(LANGUAGE):
        codec = available(model, DECODER, "fp32" if language == "fp32" else "int8")
        parts = (model.folder / f"{LANGUAGE}-{language}", model.folder / f"{DECODER}-{codec}")
        size = sum(file.stat().st_size for part in parts for file in part.iterdir())
        if 2 * size > room:
            log.info("%s in %s is not measured: %d MB are too much here", model.name, language, size >> 20)
            continue
        for threads in sorted({budget.half, budget.threads}):
            yield language, codec, threads


def calibrate_command(argv: Sequence[str]) -> int:
    """``fishvoiced calibrate FOLDER``: measure a converted model and keep the figures."""
    parser = argparse.ArgumentParser(prog="fishvoiced calibrate", description="Measure how fast a model is here.")
    parser.add_argument("folder", type=Path, help="a converted model's folder; see: fishvoice models list")
    model = ConvertedModel.open(parser.parse_args(argv).folder)
    facts = collect()
    Calibration(model, facts).predict(calibrate(Choice(model.name, model), facts))
    return 0


class IdleCalibration:
    """Has a model measured once nothing was to do for a while. Called from the inference thread."""

    def __init__(self, idle_seconds: float = IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        atexit.register(self.work)
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self.process: Popen[bytes] | None = None

    def rest(self, model: ConvertedModel, calibration: Calibration) -> None:
        """There is nothing to do, and the model has no figures yet."""
        with self._lock:
            self._stop()
            self._timer = threading.Timer(self._idle_seconds, self._run, (model, calibration))
            self._timer.name, self._timer.daemon = "idle-calibration", True
            self._timer.start()

    def work(self) -> None:
        """There is something to do: no measuring now."""
        with self._lock:
            self._stop()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.process is not None:
            self.process.kill()

    def _run(self, model: ConvertedModel, calibration: Calibration) -> None:
        with self._lock:
            if self._timer is not threading.current_thread():  # stopped at the last moment
                return
            command = [sys.executable, "-m", "fishvoiced", "calibrate", str(model.folder)]
            try:
                process = self.process = Popen(command, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL)
            except OSError as error:
                log.warning("%s is not calibrated: %s", model.name, error)
                return
        code = process.wait()
        with self._lock:
            if self.process is process:
                self.process = None
        if code == 0:
            log.info("calibrated %s", model.name)
            calibration.reload()
        elif code > 0:  # else somebody wanted to speak
            log.warning("%s could not be calibrated; `fishvoiced calibrate %s` says why", model.name, model.folder)


def calibrate_installed(choice: Choice, calibration: Calibration, facts: HardwareFacts) -> None:
    """Measure now, in this process; where the model cannot be run, say why on the log and go on without."""
    try:
        calibration.predict(calibrate(choice, facts))
    except (FishvoiceError, OSError) as error:
        log.warning("%s cannot be calibrated: %s", choice.name, error)
