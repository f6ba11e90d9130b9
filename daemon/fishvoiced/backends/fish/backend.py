"""The Fish kind of voice: converted models and the voices saved from recordings, found, loaded and opened."""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from fishvoice.protocol import Sampling, Synthesize, VoiceInfo
from fishvoiced.backends.fish.calibration.figures import Calibration
from fishvoiced.backends.fish.calibration.idle import IdleCalibration
from fishvoiced.backends.fish.config import SamplingDefaults
from fishvoiced.backends.fish.engine.base import Engine
from fishvoiced.backends.fish.engine.lighter import LoadedMeanwhile, lighter_precision, room_for
from fishvoiced.backends.fish.engine.select import EngineChoice, available, open_engine
from fishvoiced.backends.fish.renderer import FishRenderer
from fishvoiced.backends.fish.store.catalog import Catalog, Choice, user_models, user_voices
from fishvoiced.backends.fish.store.models import DECODER, LANGUAGE, ConvertedModel, codec_of
from fishvoiced.backends.fish.store.reference_audio import read_reference
from fishvoiced.backends.fish.types import Codes, Frontend, Reference, SamplingOptions
from fishvoiced.backends.fish.warm_up import load_frontend, prepare, warm_up
from fishvoiced.config import Config
from fishvoiced.errors import BadReference, EngineError
from fishvoiced.hardware.classify import classify
from fishvoiced.hardware.detect.collect import collect
from fishvoiced.hardware.facts import HardwareFacts
from fishvoiced.hardware.threads import thread_budget
from fishvoiced.hardware.tiers import profile_for
from fishvoiced.synthesis.base import Renderer
from fishvoiced.voices.base import LighterWay, LoadedModel, Streams
from fishvoiced.voices.speed import Speed

log = logging.getLogger(__name__)

KEPT_ENCODINGS = 8


@dataclass
class FishModel:
    """See :class:`fishvoiced.voices.base.LoadedModel`."""

    choice: Choice
    catalog: Catalog
    loaded_engine: Engine
    frontend: Frontend
    notice: str | None
    calibration: Calibration
    threads: int
    segment_characters: int
    lighter_engine: Callable[[str], LoadedMeanwhile]
    """Loads it with the language model in this precision."""
    smallest: str = "int4"
    """The precision with the fewest bits for which this machine has fast kernels."""
    numbers_in_words: bool = False

    def __post_init__(self) -> None:
        self.name = self.choice.model.name
        self.engine, self.precision = self.loaded_engine.name, self.loaded_engine.precision
        self._encoded: dict[str, Codes] = {}
        self._lighter: dict[str, LoadedMeanwhile] = {}

    def speed(self) -> Speed:
        return self.calibration.speed(self.precision, self.threads)

    @property
    def streams(self) -> Streams:
        return self.loaded_engine.usage()

    def prepare(self, voice: str) -> None:
        """Prefill the saved voice's reference."""
        saved = self.catalog.choose(voice).voice
        if saved is not None:
            reference = self.catalog.reference(saved, self.loaded_engine.config.codec)
            prepare(self.loaded_engine, reference, self.segment_characters)

    def renderer(self, request: Synthesize) -> FishRenderer:
        choice = self._chosen(request.voice)
        engine, recording = self.loaded_engine, request.payload
        if recording is not None and not engine.config.codec.has_encoder:
            raise BadReference(
                f"voice {choice.name!r} cannot imitate a recording: its model has no encoder; S1-mini has one: "
                "fishvoice models pull"
            )
        references: tuple[Reference, ...] = ()
        if recording is None and choice.voice is not None:
            references = (self.catalog.reference(choice.voice, engine.config.codec),)
        return FishRenderer(
            engine,
            seed=request.seed if request.seed is not None else secrets.randbits(32),
            sampling=resolve_sampling(request.sampling, engine, choice),
            references=references,
            frontend=self.frontend,
            numbers_in_words=self.numbers_in_words,
            language=(choice.voice.language if choice.voice else None) or "en",
            segment_characters=self.segment_characters,
            encode=None
            if recording is None
            else lambda: Reference(self._encode(recording), request.reference_text or ""),
        )

    def lighter(self, request: Synthesize, renderer: Renderer) -> LighterWay | None:
        """Its language model in fewer bits, if that was converted and is faster here. Not for a request that names a
        seed: that asks for the very same sound again."""
        if self.engine != "onnx" or request.seed is not None or not isinstance(renderer, FishRenderer):
            return None
        language, _, codec = self.precision.partition("+")
        converted = self.choice.model.precisions(LANGUAGE)
        smaller = lighter_precision(language, converted, self.smallest, self.calibration.figures)
        if smaller is None:
            return None
        precision = f"{smaller}+{codec}"
        loading = self._lighter.setdefault(smaller, self.lighter_engine(smaller))
        return LighterWay(
            f"{self.name} in {smaller}",
            f"{request.voice!r} goes on in {smaller} instead of {language}, because the machine is too hot for more",
            loading.ready,
            lambda: replace(renderer, engine=loading.engine(), encode=None),
            lambda: self.calibration.speed(precision, self.threads).expected,
        )

    def _chosen(self, voice: str | None) -> Choice:
        """The model's own voice needs no look at the disk, whose files may have been replaced meanwhile."""
        if self.choice.voice is None and voice == self.choice.name:
            return self.choice
        return self.catalog.choose(voice)

    def observe(self, rtf: float) -> None:
        try:
            self.calibration.observe(self.precision, self.threads, rtf)
        except OSError as error:
            log.warning("the observed speed cannot be kept: %s", error)

    def close(self) -> None:
        for loading in self._lighter.values():
            loading.close()
        self.loaded_engine.close()

    def _encode(self, recording: bytes) -> Codes:
        key = hashlib.sha256(recording).hexdigest()
        if key not in self._encoded:
            while len(self._encoded) >= KEPT_ENCODINGS:  # the oldest goes: codes are small, but not nothing
                self._encoded.pop(next(iter(self._encoded)))
            rate = self.loaded_engine.config.codec.sample_rate
            self._encoded[key] = self.loaded_engine.encode(read_reference(recording, rate))
        return self._encoded[key]


class FishBackend:
    """See :class:`fishvoiced.voices.base.Backend`."""

    kind = "fish"

    def __init__(self, settings: Config, catalog: Catalog | None = None, *, calibrates: bool = False) -> None:
        self._catalog = catalog or Catalog(user_models(), user_voices(), settings.voice)
        self._facts = collect()
        self._settings = settings.engine
        self._numbers_in_words = settings.text.numbers == "spoken"
        self._wanted = engine_choice(settings, self._facts)
        self._profile = profile_for(classify(self._facts).tier, self._facts)
        self._calibration = IdleCalibration() if calibrates else None

    def default_voice(self) -> str | None:
        return self._catalog.default()

    def voices(self) -> Sequence[VoiceInfo]:
        return self._catalog.infos()

    def model_of(self, voice: str) -> str | None:
        choice = self._catalog.find(voice)
        return None if choice is None else choice.model.name

    def load(self, voice: str) -> FishModel:
        choice = self._catalog.choose(voice)
        calibration = Calibration(choice.model, self._facts)
        wanted = calibration.choice(self._wanted, self._settings)
        engine, notice = open_engine(choice.model, wanted, self._facts)
        warm_up(engine)

        def lighter(precision: str) -> LoadedMeanwhile:
            return LoadedMeanwhile(partial(self._open_lighter, choice.model, replace(wanted, lm_precision=precision)))

        return FishModel(
            choice,
            self._catalog,
            engine,
            load_frontend(choice),
            notice,
            calibration,
            wanted.threads or thread_budget(self._facts).threads,
            self._profile.segment_chars,
            lighter,
            self._profile.lm_precision,
            self._numbers_in_words,
        )

    def _open_lighter(self, model: ConvertedModel, choice: EngineChoice) -> Engine:
        """Raises EngineError, ModelStoreError, also where both would not fit into memory."""
        if not room_for(model, choice.lm_precision, available(model, DECODER, choice.codec_precision)):
            raise EngineError("there is not enough free memory for it beside the one that runs")
        engine, _ = open_engine(model, replace(choice, name="onnx"), self._facts)
        return engine

    def busy(self, models: Sequence[LoadedModel]) -> None:
        if self._calibration is not None:
            self._calibration.work()

    def idle(self, models: Sequence[LoadedModel]) -> None:
        """Calibrate a model that runs in ONNX Runtime and was never measured, or only beside other work."""
        unmeasured = [
            model
            for model in models
            if isinstance(model, FishModel) and model.engine == "onnx" and not model.calibration.complete
        ]
        if self._calibration is not None and unmeasured:
            self._calibration.rest(unmeasured[-1].choice.model, unmeasured[-1].calibration)


def engine_choice(settings: Config, facts: HardwareFacts) -> EngineChoice:
    """The tier's profile, where the user's configuration does not say otherwise."""
    profile = profile_for(classify(facts).tier, facts)
    language = settings.engine.precision
    return EngineChoice(
        name=settings.engine.name,
        lm_precision=profile.lm_precision if language == "auto" else language,
        codec_precision=profile.codec_precision if language == "auto" else codec_of(language),
        threads=settings.engine.threads,
        streams=settings.engine.streams,
        device=settings.engine.device,
    )


def resolve_sampling(asked: Sampling, engine: Engine, choice: Choice) -> SamplingOptions:
    """The request's options; where it names none the voice's, else the model's. Raises BadRequest."""
    default: SamplingDefaults = (choice.voice.sampling if choice.voice else None) or engine.config.sampling
    return SamplingOptions(
        default.temperature if asked.temperature is None else asked.temperature,
        default.top_p if asked.top_p is None else asked.top_p,
        default.repetition_penalty if asked.repetition_penalty is None else asked.repetition_penalty,
    )
