"""The registry of voices: names to backends, models in memory, and the real-time factor of what was spoken."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from fishvoice.protocol import Synthesize, VoiceInfo
from fishvoiced.errors import BadReference, BadRequest, DaemonError, NothingToSay, UnknownVoice, VoiceUnavailable
from fishvoiced.synthesis.base import Chunk, Lightened, Step, Traits
from fishvoiced.synthesis.pipeline import synthesize
from fishvoiced.text.markup.read import CodeBlocks, read
from fishvoiced.text.normalize import may_be_spoken
from fishvoiced.text.own_words.file import OwnWords, WordsFile
from fishvoiced.text.spans import Script
from fishvoiced.voices.base import Backend, Loaded, LoadedModel, Utterance
from fishvoiced.voices.casting import Casting

log = logging.getLogger(__name__)

LEAST_SOUND_SECONDS = 1.0  # a shorter utterance says more about its opening than about the speed


@dataclass(frozen=True)
class _Resident:
    backend: Backend
    model: LoadedModel


class VoiceRegistry:
    """See :class:`fishvoiced.voices.base.Speaker`. Of two voices of one name the earlier backend's is meant;
    ``default`` is the configured default voice, None for the first backend's that has one; ``languages`` are the
    voices to speak what another voice cannot read, by language. ``words`` are the user's own, ``code_blocks`` is what
    is done with those of Markdown."""

    def __init__(
        self,
        backends: Sequence[Backend],
        default: str | None = None,
        languages: Mapping[str, str] | None = None,
        words: WordsFile | None = None,
        code_blocks: CodeBlocks = "read",
    ) -> None:
        self._backends = tuple(backends)
        self._default = default
        self._casting = Casting(self._load, self.voices, languages or {})
        self._words = words
        self._code_blocks: CodeBlocks = code_blocks
        self._resident: dict[str, _Resident] = {}
        self._standing_in: dict[str, str] = {}
        self._spoken: dict[str, str] = {}  # voices, and the models that spoke them
        self._known: dict[str, VoiceInfo] = {}
        self._speaking = 0

    def voices(self) -> Sequence[VoiceInfo]:
        infos: dict[str, VoiceInfo] = {}
        for backend in self._backends:
            for info in self._voices_of(backend):
                infos.setdefault(info.name, info)
        for name in self._spoken.keys() - infos.keys():
            model = self._spoken[name]
            # Its model is in memory still, though the files are gone. Where they are not, the voice was removed.
            if model in self._resident and name in self._known and model not in infos:
                infos[name] = self._known[name]
        self._known = infos
        default, resident = self._default or self._default_voice(), self._resident
        return [
            msgspec.structs.replace(info, default=info.name == default, loaded=info.loaded or info.model in resident)
            for info in infos.values()
        ]

    def _voices_of(self, backend: Backend) -> Sequence[VoiceInfo]:
        """One kind whose files cannot be read costs that kind alone."""
        try:
            return backend.voices()
        except (OSError, DaemonError) as error:
            log.warning("the voices of kind %s cannot be listed: %s", backend.kind, error)
            return ()

    def loaded(self) -> Sequence[Loaded]:
        return [_loaded(each.model, name, self._standing_in.get(name)) for name, each in list(self._resident.items())]

    def load(self, voice: str | None) -> Loaded:
        name, model, notice = self._choose(voice)
        model.prepare(name)
        self._rest()
        return _loaded(model, name, notice)

    def read(self, request: Synthesize) -> Script:
        return read(request.text, request.markup, code_blocks=self._code_blocks)

    def open(self, request: Synthesize, script: Script | None = None) -> Utterance:
        _check(request)
        name, model, notice = self._choose(request.voice)
        script = script or self.read(request)
        cast = self._casting.cast(model, msgspec.structs.replace(request, voice=name), script)
        traits = cast.renderer.traits
        words = OwnWords(self._words, traits.language, name)
        sound = (request.speed, request.pitch, request.volume)
        steps = synthesize(cast.renderer, cast.script, *sound, own_words=words, to_file=request.to_file)
        notices = [notice, model.notice, *cast.notices, *script.notices, *words.notices]
        return Utterance(
            steps=self._timed(model, traits, steps),
            sample_rate=traits.sample_rate,
            voice=name,
            model=model.name,
            notice="; ".join(filter(None, notices)) or _reference_notice(request),
            on_this_cpu=traits.on_this_cpu,
            lighten=cast.lighten,
            others=cast.others,
            streams=traits.streams,
        )

    def unload(self, model: str) -> None:
        resident = self._resident.pop(model, None)
        if resident is not None:
            resident.model.close()

    def reset(self) -> None:
        for model in list(self._resident):
            self.unload(model)

    # -- names -----------------------------------------------------------------------------------------------

    def _name(self, voice: str | None) -> str:
        name = voice or self._default or self._default_voice()
        if name is None:
            raise UnknownVoice("there is no voice; import one with: fishvoice models import CHECKPOINT")
        return name

    def _default_voice(self) -> str | None:
        return next((name for backend in self._backends if (name := backend.default_voice())), None)

    def _choose(self, voice: str | None) -> tuple[str, LoadedModel, str | None]:
        """The voice that speaks when ``voice`` is asked for, its model, and what to tell if it is another one."""
        name = self._name(voice)
        try:
            return name, self._load(name), None
        except VoiceUnavailable as error:
            problem = error
        for stand_in in self._stand_ins(name):
            try:
                model = self._load(stand_in)
            except DaemonError as error:
                log.warning("voice %s cannot stand in: %s", stand_in, error)
                continue
            notice = f"voice {name!r} cannot speak ({problem}); {stand_in!r} speaks instead"
            if self._standing_in.get(model.name) != notice:
                log.warning("%s", notice)
            self._standing_in[model.name] = notice
            return stand_in, model, notice
        raise problem

    def _stand_ins(self, name: str) -> Iterator[str]:
        """The voices to speak instead of ``name``: the configured default, then each kind's own."""
        defaults = dict.fromkeys([self._default, *(backend.default_voice() for backend in self._backends)])
        yield from (voice for voice in defaults if voice is not None and voice != name)

    def _load(self, voice: str) -> LoadedModel:
        """The model of ``voice``. One in memory goes on even when its files are gone, as in an upgrade."""
        resident = self._resident.get(self._spoken.get(voice, ""))
        for backend in self._backends:
            try:
                name = backend.model_of(voice)
            except (DaemonError, OSError):
                if resident is None:
                    raise
                name = None
            if name is None:
                continue
            self._spoken[voice] = name
            if name not in self._resident:
                self._resident[name] = _Resident(backend, backend.load(voice))
                model = self._resident[name].model
                log.info("model %s is warm: engine %s, precision %s", name, model.engine, model.precision)
            return self._resident[name].model
        if resident is not None:
            return resident.model
        known = ", ".join(info.name for info in self.voices()) or "none: fishvoice models import CHECKPOINT"
        raise UnknownVoice(f"there is no voice {voice!r}; the voices are: {known}")

    # -- speaking --------------------------------------------------------------------------------------------

    def _timed(
        self, model: LoadedModel, traits: Traits, steps: Generator[Step, None, None]
    ) -> Generator[Step, None, None]:
        """The same steps; the real-time factor of those that come to their end is observed."""
        work = sound = 0.0
        lightened = False
        began = time.perf_counter()
        self._speaking += 1
        self._tell_backends()
        try:
            for step in steps:
                work += time.perf_counter() - began
                sound += len(step.samples) / traits.sample_rate if isinstance(step, Chunk) else 0
                lightened = lightened or isinstance(step, Lightened)
                yield step
                began = time.perf_counter()
            if sound >= LEAST_SOUND_SECONDS and not lightened:
                model.observe(work / sound)
        finally:
            steps.close()
            self._speaking -= 1
            self._rest()

    def _rest(self) -> None:
        if not self._speaking:
            self._tell_backends()

    def _tell_backends(self) -> None:
        for backend in self._backends:
            models = [resident.model for resident in self._resident.values() if resident.backend is backend]
            if self._speaking:
                backend.busy(models)
            else:
                backend.idle(models)


def _loaded(model: LoadedModel, voice: str, notice: str | None) -> Loaded:
    said = notice or model.notice
    return Loaded(model.name, voice, model.engine, model.precision, said, model.speed(), model.streams)


def _reference_notice(request: Synthesize) -> str | None:
    if request.payload is not None and not (request.reference_text or "").strip():
        return "the voice is imitated better if you also give the words of the recording (--reference-text)"
    return None


def _check(request: Synthesize) -> None:
    if not may_be_spoken(request.text):
        raise NothingToSay("there is nothing to speak in this text: it has no letters and no digits")
    if request.seed is not None and not 0 <= request.seed < 1 << 64:
        raise BadRequest(f"seed must be between 0 and 2^64 - 1, not {request.seed}")
    if request.payload is None and request.reference_text is not None:
        raise BadReference("a reference text came without its recording (--reference FILE)")
