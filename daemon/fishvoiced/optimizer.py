"""In-process API: detect the machine, load a model and synthesize, without daemon or sockets."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from fishvoice.protocol import Sampling, Synthesize
from fishvoiced.backends.fish.backend import FishBackend, engine_choice
from fishvoiced.backends.fish.store.catalog import Catalog, user_models, user_voices
from fishvoiced.backends.fish.store.models import ConvertedModel
from fishvoiced.config import Config
from fishvoiced.daemon import installed_speaker
from fishvoiced.doctor.diagnosis import diagnose
from fishvoiced.doctor.view import banner
from fishvoiced.errors import BadReference, CheckpointError, EngineError
from fishvoiced.hardware.detect.collect import collect
from fishvoiced.hardware.environment import apply_environment, environment
from fishvoiced.inference.cooling import Cooling
from fishvoiced.inference.governor import Governor, StepCost
from fishvoiced.monitor import thermal_governor
from fishvoiced.monitor.records.history import History
from fishvoiced.monitor.records.journal import Journal
from fishvoiced.synthesis.audio import Samples
from fishvoiced.synthesis.base import Chunk, Lightened, Notice, SegmentFailure, Step
from fishvoiced.voices.base import Speaker, Utterance
from fishvoiced.voices.registry import VoiceRegistry

log = logging.getLogger(__name__)


@dataclass
class SegmentMetrics:
    """One segment: the characters of the text that it says, what it cost, and what slowed it down or made it fail.

    ``rest_seconds`` were spent letting the machine cool; ``throttled`` is the machine's state meanwhile.
    """

    text_start: int
    text_end: int
    audio_seconds: float = 0.0
    work_seconds: float = 0.0
    rest_seconds: float = 0.0
    throttled: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class SynthesisMetrics:
    """What a synthesis cost. ``rtf``: wall seconds of work per second of sound; rests are no work. ``notice``: of the
    machine or the voice, for the person."""

    rtf: float
    audio_seconds: float
    wall_seconds: float
    first_audio_seconds: float
    frames: int
    segments: int
    segment_errors: tuple[str, ...]
    engine: str
    precision: str
    voice: str
    rest_seconds: float
    per_segment: tuple[SegmentMetrics, ...]
    notice: str | None


class UniversalFishSpeechOptimizer:
    """Detects the machine, sets its environment, converts and loads the model, and speaks with care for the heat.

    Args:
        model_path: a Fish checkpoint folder (converted at first use, cached then), a converted model's folder, or None
            for the default voice.
        settings: overrides of engine, precision and threads; by default the built-in ones.
        out: where the machine, the models' states and the expected speed-up are told; None: nowhere.
        governor: what slows long, heavy speech down when the machine is hot; by default this machine's monitor.

    Raises:
        CheckpointError, ModelStoreError, MissingExtra, UnknownVoice: when there is nothing to load.
    """

    def __init__(
        self,
        model_path: str | Path | None = None,
        settings: Config | None = None,
        *,
        out: TextIO | None = sys.stderr,
        governor: Governor | None = None,
    ) -> None:
        self.settings = settings or Config()
        self._out = out
        facts = collect()
        self.environment = apply_environment(environment(facts, self.settings.engine.threads or None))
        log.info("environment for PyTorch: %s", self.environment)
        self._tell(banner(diagnose(facts)))
        self._speaker = self._voices(model_path)
        self.loaded = self._speaker.load(None)
        state = f"{self.loaded.engine}, {self.loaded.precision}"
        self._tell(f"{self.loaded.model}: loaded ({state})" + (f"; {self.loaded.notice}" if self.loaded.notice else ""))
        self._governor = governor or thermal_governor.installed(self.settings, History(), Journal())
        self._keys = count()

    def close(self) -> None:
        """Stop watching the machine and free the model."""
        self._governor.stop()
        self._speaker.reset()

    def _voices(self, model_path: str | Path | None) -> Speaker:
        if model_path is None:
            return installed_speaker(self.settings)
        folder = self._model(Path(model_path)).folder
        backend = FishBackend(self.settings, Catalog(user_models(folder), user_voices(), folder.name))
        return VoiceRegistry([backend], folder.name)

    def _model(self, path: Path) -> ConvertedModel:
        """The converted model, converting it first where that was never done."""
        if (path / "about").is_dir():
            return ConvertedModel.open(path)
        if not (path / "config.json").exists():
            raise CheckpointError(f"{path} is neither a Fish checkpoint folder nor a converted model")
        from fishvoiced.backends.fish.convert.importer import import_checkpoint

        choice = engine_choice(self.settings, collect())
        did: list[str] = []

        def progress(what: str, share: float) -> None:
            if 0 < share < 1 and what not in did:
                did.append(what)
                self._tell(f"{share:4.0%} {what}")

        model = import_checkpoint(path, user_models(), choice.lm_precision, choice.codec_precision, progress)
        if model.unconverted is not None:
            self._tell(f"{model.name}: {model.unconverted}; PyTorch speaks instead, several times slower")
        else:
            self._tell(f"{model.name}: {'converted' if did else 'cached'}, language model {choice.lm_precision}")
        return model

    def synthesize(
        self,
        text: str,
        reference_audio: str | Path | None = None,
        *,
        reference_text: str | None = None,
        seed: int | None = None,
        speed: float = 1.0,
        sampling: Sampling | None = None,
        progress: Callable[[float], None] = lambda share: None,
    ) -> tuple[Samples, int, dict[str, Any]]:
        """Speak ``text``. ``progress`` is told after each segment which share of the text, 0-1, is done.

        Returns:
            The sound, float32 [samples] within ±1; its sample rate in Hz; the metrics of
            :class:`SynthesisMetrics` as a dictionary.

        Raises:
            BadRequest: nothing to speak, options out of range. BadReference: the recording cannot be used, or the voice
            cannot imitate. EngineError: not a single segment could be spoken.
        """
        request = Synthesize(
            id="optimizer",
            text=text,
            seed=seed,
            speed=speed,
            sampling=sampling or Sampling(),
            payload=_read(reference_audio),
            reference_text=reference_text,
        )
        run = _Run(next(self._keys), self._speaker.open(request), self._governor, len(text), progress)
        run.speak(self.loaded.speed.expected if self.loaded.speed is not None else None)
        audio = np.concatenate([chunk.samples for chunk in run.chunks]) if run.chunks else np.zeros(0, np.float32)
        errors = tuple(segment.error for segment in run.segments.values() if segment.error is not None)
        if not len(audio) or run.first is None:
            raise EngineError("nothing could be spoken: " + "; ".join(errors))
        seconds = len(audio) / run.utterance.sample_rate
        told = self._governor.spoken(run.utterance.voice, run.work / seconds, seconds)
        metrics = SynthesisMetrics(
            rtf=run.work / seconds,
            audio_seconds=seconds,
            wall_seconds=run.work + run.rests,
            first_audio_seconds=run.first,
            frames=sum(chunk.frames for chunk in run.chunks),
            segments=len(run.segments),
            segment_errors=errors,
            engine=self.loaded.engine,
            precision=self.loaded.precision,
            voice=run.utterance.voice,
            rest_seconds=run.rests,
            per_segment=tuple(run.segments.values()),
            notice="; ".join(filter(None, (run.utterance.notice, *run.notices, told))) or None,
        )
        log.info("%.1f s of sound, RTF %.2f%s", seconds, metrics.rtf, f"; {metrics.notice}" if metrics.notice else "")
        return audio, run.utterance.sample_rate, asdict(metrics)

    def _tell(self, line: str) -> None:
        log.info("%s", line)
        if self._out is not None:
            print(line, file=self._out, flush=True)


@dataclass
class _Run:
    """One text on its way: steps and rests in turn, as the inference thread of the daemon takes them."""

    key: int
    utterance: Utterance
    governor: Governor
    characters: int
    progress: Callable[[float], None]
    notices: list[str] = field(default_factory=list)
    chunks: list[Chunk] = field(default_factory=list)
    segments: dict[int, SegmentMetrics] = field(default_factory=dict)
    work: float = 0.0
    rests: float = 0.0
    first: float | None = None

    def __post_init__(self) -> None:
        self.cooling = Cooling(self.governor, self.key, self.utterance, self.characters)

    def speak(self, rtf: float | None) -> None:
        if self.utterance.on_this_cpu:
            self.governor.began(self.key, "text", rtf)
        self.governor.busy(True)
        try:
            steps = self.utterance.steps
            rested, state = self._rest()
            began, cpu = time.perf_counter(), time.process_time()
            while not isinstance(step := next(steps, _END), _End):
                self._took(step, time.perf_counter() - began, time.process_time() - cpu, rested, state)
                rested, state = self._rest()
                began, cpu = time.perf_counter(), time.process_time()
        finally:
            self.governor.busy(False)
            self.governor.finished(self.key)
            self.utterance.steps.close()

    def _rest(self) -> tuple[float, str | None]:
        """Let the machine cool as long as the governor says; for how long, and its state."""
        rested = 0.0
        while (delay := self.cooling.delay()).seconds > 0:
            if not rested:
                log.info("the machine is hot (%s): resting", delay.state)
            time.sleep(delay.seconds)
            rested += delay.seconds
        self.rests += rested
        return rested, delay.state

    def _took(self, step: Step, work: float, cpu: float, rested: float, state: str | None) -> None:
        self.work += work
        sound = len(step.samples) / self.utterance.sample_rate if isinstance(step, Chunk) else 0.0
        ended = isinstance(step, Chunk) and step.ends_segment
        self.governor.step_done(self.key, StepCost(work, cpu, sound, ended))
        if isinstance(step, Notice | Lightened):
            self._told(step)
        if not isinstance(step, Chunk | SegmentFailure):
            return
        segment = self.segments.setdefault(step.segment, SegmentMetrics(step.text_start, step.text_end))
        segment.text_end = max(segment.text_end, step.text_end)
        segment.work_seconds += work
        segment.rest_seconds += rested
        segment.throttled = segment.throttled or state
        if isinstance(step, SegmentFailure):
            segment.error = step.message
            log.warning("segment %d failed: %s", step.segment, step.message)
            return
        self.chunks.append(step)
        self.cooling.spoken(step.text_end, sound)
        segment.audio_seconds += sound
        if self.first is None and len(step.samples):
            self.first = self.work + self.rests
        if ended:
            self.progress(step.text_end / max(1, self.characters))

    def _told(self, step: Notice | Lightened) -> None:
        """Of the request, for the person; one that goes on with less work costs less from here on."""
        log.info("%s", step.message)
        self.notices.append(step.message)
        if isinstance(step, Lightened):
            self.governor.began(self.key, "text", step.rtf)
            self.cooling.lightened()


class _End:
    pass


_END = _End()


def _read(recording: str | Path | None) -> bytes | None:
    if recording is None:
        return None
    try:
        return Path(recording).read_bytes()
    except OSError as error:
        raise BadReference(f"the reference recording {recording} cannot be read: {error.strerror}") from error
