"""The installed voices as the inference thread sees them: requests become utterances, models come and go."""

from __future__ import annotations

import hashlib
import logging
import secrets
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

from fishvoice.protocol import Sampling, Synthesize, VoiceInfo
from fishvoiced.config import Config
from fishvoiced.errors import BadReference, BadRequest
from fishvoiced.fish.calibration.figures import Calibration
from fishvoiced.fish.calibration.idle import IdleCalibration
from fishvoiced.fish.config import SamplingDefaults
from fishvoiced.fish.engine.base import Engine
from fishvoiced.fish.engine.select import EngineChoice, open_engine
from fishvoiced.fish.store.catalog import Catalog, Choice, user_models, user_voices
from fishvoiced.fish.store.models import ConvertedModel
from fishvoiced.fish.store.reference_audio import read_reference
from fishvoiced.fish.types import Codes, Frontend, Reference, SamplingOptions
from fishvoiced.fish.warm_up import load_frontend, prepare, warm_up
from fishvoiced.hardware.classify import classify
from fishvoiced.hardware.detect.collect import collect
from fishvoiced.hardware.facts import HardwareFacts
from fishvoiced.hardware.threads import thread_budget
from fishvoiced.hardware.tiers import profile_for
from fishvoiced.synthesis.base import Chunk, Speech, Step
from fishvoiced.synthesis.pipeline import synthesize
from fishvoiced.text.normalize import speakable
from fishvoiced.voices.base import Loaded, Utterance
from fishvoiced.voices.speed import Speed

log = logging.getLogger(__name__)

LEAST_SOUND_SECONDS = 1.0  # a shorter utterance says more about its opening than about the speed


@dataclass
class _Resident:
    engine: Engine
    frontend: Frontend
    notice: str | None
    model: ConvertedModel
    calibration: Calibration
    threads: int

    def speed(self) -> Speed:
        return self.calibration.speed(self.engine.precision, self.threads)


class InstalledSpeaker:
    """See :class:`fishvoiced.voices.base.Speaker`."""

    def __init__(self, settings: Config, catalog: Catalog | None = None, *, calibrates: bool = False) -> None:
        self._catalog = catalog or Catalog(user_models(), user_voices(), settings.voice)
        self._facts = collect()
        self._settings = settings.engine
        self._wanted = engine_choice(settings, self._facts)
        self._profile = profile_for(classify(self._facts).tier, self._facts)
        self._idle = IdleCalibration() if calibrates else None
        self._speaking = 0
        self._resident: dict[str, _Resident] = {}
        self._encoded: dict[str, Codes] = {}

    def voices(self) -> Sequence[VoiceInfo]:
        return self._catalog.infos()

    def loaded(self) -> Sequence[Loaded]:
        return [
            Loaded(model, model, r.engine.name, r.engine.precision, r.notice, r.speed())
            for model, r in list(self._resident.items())
        ]

    def load(self, voice: str | None) -> Loaded:
        choice = self._catalog.choose(voice)
        resident = self._load(choice)
        engine = resident.engine
        if choice.voice is not None:
            prepare(engine, self._catalog.reference(choice.voice, engine.config.codec), self._profile.segment_chars)
        self._rest(resident)
        return Loaded(choice.model.name, choice.name, engine.name, engine.precision, resident.notice, resident.speed())

    def open(self, request: Synthesize) -> Utterance:
        _check(request)
        choice = self._catalog.choose(request.voice)
        resident = self._load(choice)
        engine = resident.engine
        speech = Speech(
            text=request.text,
            seed=request.seed if request.seed is not None else secrets.randbits(32),
            sampling=resolve_sampling(request.sampling, engine, choice),
            speed=request.speed,
            frontend=resident.frontend,
            segment_characters=self._profile.segment_chars,
        )
        if request.payload is not None and not engine.config.codec.has_encoder:
            raise BadReference(f"voice {choice.name!r} cannot imitate a recording: its model has no encoder")
        return Utterance(
            steps=self._timed(resident, self._steps(engine, choice, speech, request)),
            sample_rate=engine.config.codec.sample_rate,
            frame_seconds=1.0 / engine.config.codec.frame_rate,
            voice=choice.name,
            model=choice.model.name,
            notice=resident.notice or _reference_notice(request),
        )

    def unload(self, model: str) -> None:
        resident = self._resident.pop(model, None)
        if resident is not None:
            resident.engine.close()

    def reset(self) -> None:
        for model in list(self._resident):
            self.unload(model)

    def _load(self, choice: Choice) -> _Resident:
        name = choice.model.name
        if name not in self._resident:
            calibration = Calibration(choice.model, self._facts)
            wanted = calibration.choice(self._wanted, self._settings)
            engine, notice = open_engine(choice.model, wanted, self._facts)
            warm_up(engine)
            threads = wanted.threads or thread_budget(self._facts).threads
            self._resident[name] = _Resident(engine, load_frontend(choice), notice, choice.model, calibration, threads)
            log.info("model %s is warm: engine %s, precision %s", name, engine.name, engine.precision)
        return self._resident[name]

    def _steps(
        self, engine: Engine, choice: Choice, speech: Speech, request: Synthesize
    ) -> Generator[Step, None, None]:
        references: tuple[Reference, ...] = ()
        if request.payload is not None:
            yield None  # encoding takes a while: let the loop have its say first
            references = (Reference(self._encode(engine, choice, request.payload), request.reference_text or ""),)
        elif choice.voice is not None:
            references = (self._catalog.reference(choice.voice, engine.config.codec),)
        yield from synthesize(engine, replace(speech, references=references))

    def _timed(self, resident: _Resident, steps: Generator[Step, None, None]) -> Generator[Step, None, None]:
        """The same steps; the real-time factor of those that come to their end is remembered."""
        work = sound = 0.0
        began = time.perf_counter()
        self._speaking += 1
        if self._idle is not None:
            self._idle.work()
        try:
            for step in steps:
                work += time.perf_counter() - began
                sound += len(step.samples) / resident.engine.config.codec.sample_rate if isinstance(step, Chunk) else 0
                yield step
                began = time.perf_counter()
            if sound >= LEAST_SOUND_SECONDS:
                _observe(resident, work / sound)
        finally:
            steps.close()
            self._speaking -= 1
            self._rest(resident)

    def _rest(self, resident: _Resident) -> None:
        """Nothing is to do for the moment."""
        wanted = resident.engine.name == "onnx" and not resident.calibration.figures
        if self._idle is not None and wanted and not self._speaking:
            self._idle.rest(resident.model, resident.calibration)

    def _encode(self, engine: Engine, choice: Choice, recording: bytes) -> Codes:
        key = f"{choice.model.checkpoint_hash} {hashlib.sha256(recording).hexdigest()}"
        if key not in self._encoded:
            while len(self._encoded) >= 8:  # the oldest goes: codes are small, but not nothing
                self._encoded.pop(next(iter(self._encoded)))
            self._encoded[key] = engine.encode(read_reference(recording, engine.config.codec.sample_rate))
        return self._encoded[key]


def engine_choice(settings: Config, facts: HardwareFacts) -> EngineChoice:
    """The tier's profile, where the user's configuration does not say otherwise."""
    profile = profile_for(classify(facts).tier, facts)
    language = settings.engine.precision
    return EngineChoice(
        name=settings.engine.name,
        language=profile.lm_precision if language == "auto" else language,
        codec=profile.codec_precision if language == "auto" else _codec_for(language),
        threads=settings.engine.threads,
    )


def _codec_for(language: str) -> str:
    """The codec's precision that goes with a language model's of the user's choice."""
    return language if language in ("fp32", "fp16") else "int8"


def resolve_sampling(asked: Sampling, engine: Engine, choice: Choice) -> SamplingOptions:
    """The request's options; where it names none the voice's, else the model's. Raises BadRequest."""
    default: SamplingDefaults = (choice.voice.sampling if choice.voice else None) or engine.config.sampling
    return SamplingOptions(
        default.temperature if asked.temperature is None else asked.temperature,
        default.top_p if asked.top_p is None else asked.top_p,
        default.repetition_penalty if asked.repetition_penalty is None else asked.repetition_penalty,
    )


def _observe(resident: _Resident, rtf: float) -> None:
    try:
        resident.calibration.observe(resident.engine.precision, resident.threads, rtf)
    except OSError as error:
        log.warning("the observed speed cannot be kept: %s", error)


def _reference_notice(request: Synthesize) -> str | None:
    if request.payload is not None and not (request.reference_text or "").strip():
        return "the voice is imitated better if you also give the words of the recording (--reference-text)"
    return None


def _check(request: Synthesize) -> None:
    if not speakable(request.text):
        raise BadRequest("there is nothing to speak in this text: it has no letters and no digits")
    if request.seed is not None and not 0 <= request.seed < 1 << 64:
        raise BadRequest(f"seed must be between 0 and 2^64 - 1, not {request.seed}")
    if request.payload is None and request.reference_text is not None:
        raise BadReference("a reference text came without its recording (--reference FILE)")
