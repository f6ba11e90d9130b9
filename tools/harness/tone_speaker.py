"""A speaker of tones: one frame per word, at a pace, with faults on request. Also a real daemon process around it."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fishvoice.protocol import Synthesize, VoiceInfo
from fishvoiced.__main__ import daemon
from fishvoiced.config import Config
from fishvoiced.daemon import installed_governor
from fishvoiced.errors import BadRequest, EngineError, UnknownVoice
from fishvoiced.inference.governor import Governor, NoThrottling
from fishvoiced.synthesis.base import Chunk, Lightened, SegmentFailure, Step, Waiting
from fishvoiced.text.markup import read
from fishvoiced.text.spans import Script
from fishvoiced.voices.base import Loaded, Utterance
from fishvoiced.voices.speed import Speed
from tools.harness import jumping_clock

SAMPLE_RATE = 44100
FRAME_SAMPLES = 2048


@dataclass(frozen=True)
class Manner:
    """How the fake speaks: seconds per frame, per load, whether it can load at all, what is known of its speed; the
    real-time factor with which it can go on on a hot machine (None: it cannot); how long ``ELSEWHERE`` waits; how many
    share its steps; and its language (None: it reads everything)."""

    frame_seconds: float = 0.0
    load_seconds: float = 0.0
    broken: bool = False
    speed: Speed | None = None
    lighter: float | None = None
    elsewhere_seconds: float = 0.2
    streams: int = 1
    language: str | None = None


class ToneSpeaker:
    """Implements `fishvoiced.voices.base.Speaker`. Every word is one frame; some words are faults:

    ``CRASH`` a mistake in the engine, ``ENGINE`` an EngineError, ``LOST`` a segment that fails, ``HANG`` a step
    that never returns, ``NAN`` a chunk of NaN, ``EMPTY`` one without samples, ``BAD`` a BadRequest,
    ``ELSEWHERE`` waiting (0.2 s) for sound that is made by a server. A word with a full stop ends a segment.
    """

    def __init__(self, manner: Manner = Manner(), names: Sequence[str] = ("tone", "fast")) -> None:
        self.manner = manner
        self.names = tuple(names)
        self.models: dict[str, Loaded] = {}
        self.opened = 0
        self.closed = 0
        self.frames = 0
        self.resets = 0

    def voices(self) -> Sequence[VoiceInfo]:
        return [
            VoiceInfo(
                name=name,
                language=self.manner.language,
                model=f"{name}-model",
                sample_rate=SAMPLE_RATE,
                default=i == 0,
                description=f"{self.opened - self.closed} utterances are open",  # for tests in another process
            )
            for i, name in enumerate(self.names)
        ]

    def loaded(self) -> Sequence[Loaded]:
        return list(self.models.values())

    def load(self, voice: str | None) -> Loaded:
        name = voice or self.names[0]
        if name not in self.names:
            raise UnknownVoice(f"there is no voice {name!r}")
        if self.manner.broken:
            raise EngineError("the model does not load")
        if name not in self.models:
            time.sleep(self.manner.load_seconds)
            self.models[name] = Loaded(f"{name}-model", name, "tone", "fp32", speed=self.manner.speed)
        return self.models[name]

    def open(self, request: Synthesize, script: Script | None = None) -> Utterance:
        loaded = self.load(request.voice)
        self.opened += 1
        asked = threading.Event()

        def lighten() -> bool:
            asked.set()
            return self.manner.lighter is not None

        steps, streams = self._speak(request, asked), self.manner.streams
        return Utterance(steps, SAMPLE_RATE, loaded.voice, loaded.model, lighten=lighten, streams=streams)

    def read(self, request: Synthesize) -> Script:
        return read(request.text, "plain")

    def unload(self, model: str) -> None:
        self.models = {name: loaded for name, loaded in self.models.items() if loaded.model != model}

    def reset(self) -> None:
        self.resets += 1
        self.models.clear()

    def _speak(self, request: Synthesize, hot: threading.Event) -> Generator[Step, None, None]:
        words = request.text.split()
        length = len(request.text)
        segment = 0
        lighter = None if self.manner.lighter is None else Lightened("less speaks on", "less", self.manner.lighter)
        try:
            for index, word in enumerate(words):
                if self.manner.frame_seconds:
                    time.sleep(self.manner.frame_seconds)
                self.frames += 1
                if word == "CRASH":
                    raise ZeroDivisionError(f"a mistake in the engine: it quotes {request.text!r}")
                start, end = length * index // len(words), length * (index + 1) // len(words)
                yield self._step(word, index, segment, start, end)
                segment += word.endswith(".")
                if word.endswith(".") and lighter is not None and hot.is_set():
                    yield lighter
                    lighter = None
        finally:
            self.closed += 1

    def _step(self, word: str, index: int, segment: int, start: int, end: int) -> Step:
        match word:
            case "ENGINE":
                raise EngineError("the runtime failed")
            case "BAD":
                raise BadRequest("that cannot be spoken")
            case "HANG":
                time.sleep(3600)
            case "ELSEWHERE":
                return Waiting(self.manner.elsewhere_seconds)
            case "LOST":
                return SegmentFailure(segment, start, end, "this segment cannot be spoken")
            case "EMPTY":
                return Chunk(np.zeros(0, np.float32), 1, segment, start, end)
        level = np.nan if word == "NAN" else (index + 1) % 100 / 100
        return Chunk(np.full(FRAME_SAMPLES, level, np.float32), 1, segment, start, end, word.endswith("."))


def make(_settings: Config) -> ToneSpeaker:
    """A speaker as the process's environment asks for."""
    seconds, load = os.environ.get("TONE_FRAME", "0"), os.environ.get("TONE_LOAD", "0")
    rtf = os.environ.get("TONE_RTF")
    speed = None if rtf is None else Speed(float(rtf), None, 0, None)
    lighter = os.environ.get("TONE_LIGHTER")
    broken = "TONE_BROKEN" in os.environ
    language = os.environ.get("TONE_LANGUAGE")
    less = None if lighter is None else float(lighter)
    return ToneSpeaker(Manner(float(seconds), float(load), broken, speed, less, language=language))


def watch(settings: Config) -> Governor:
    """A recorded machine is watched; the real one's heat would only disturb."""
    return installed_governor(settings) if settings.monitor.root else NoThrottling()


if __name__ == "__main__":
    if "TONE_CLOCK" in os.environ:
        jumping_clock.install(Path(os.environ["TONE_CLOCK"]))
    sys.exit(daemon(sys.argv[1:], make, watch))
