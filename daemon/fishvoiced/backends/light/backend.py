"""The kind "light": which of its voices are here, and their models in memory."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING

from fishvoice.protocol import Synthesize, VoiceInfo
from fishvoiced.backends.light import package
from fishvoiced.errors import BadReference, UnknownVoice, VoiceUnavailable
from fishvoiced.synthesis.base import Renderer
from fishvoiced.text.lines import Line
from fishvoiced.voices.base import LighterWay, LoadedModel, Streams
from fishvoiced.voices.speed import Speed

if TYPE_CHECKING:
    from fishvoiced.backends.light.hibari import Facts, Network, Reader
    from fishvoiced.backends.light.renderer import LightRenderer

log = logging.getLogger(__name__)

DEFAULT = "heart"
LICENSE = "Apache-2.0"
SAMPLE_RATE = 24_000
_WARM_UP = "the voice is warm, and speaks."


class LightModel:
    """See :class:`fishvoiced.voices.base.LoadedModel`."""

    engine = "onnx"
    precision = "int8"
    notice: str | None = None
    streams = Streams()

    def __init__(self, name: str, network: Network, reader: Reader) -> None:
        self.name = name
        self._network, self._reader = network, reader
        self._observed: float | None = None
        self._utterances = 0

    def speed(self) -> Speed | None:
        return Speed(None, self._observed, self._utterances, None)

    def prepare(self, voice: str) -> None:
        """There is nothing to compute ahead."""

    def renderer(self, request: Synthesize) -> LightRenderer:
        from fishvoiced.backends.light.renderer import LightRenderer

        if request.payload is not None:
            raise BadReference(
                f"voice {request.voice!r} cannot imitate a recording; S1-mini can: fishvoice models pull"
            )
        seed = secrets.randbits(32) if request.seed is None else request.seed
        return LightRenderer(self._network, self._reader, seed)

    def lighter(self, request: Synthesize, renderer: Renderer) -> LighterWay | None:
        return None

    def observe(self, rtf: float) -> None:
        self._observed, self._utterances = rtf, self._utterances + 1

    def close(self) -> None:
        """Memory goes with the last reference."""


class LightBackend:
    """See :class:`fishvoiced.voices.base.Backend`. ``load_package`` raises VoiceUnavailable where there is none."""

    kind = "light"

    def __init__(self, load_package: Callable[[], ModuleType] = package.load) -> None:
        self._problem: VoiceUnavailable | None = None
        self._known: dict[str, Facts] = {}
        try:
            self._package = load_package()
            self._known = self._package.known_voices()
        except VoiceUnavailable as error:
            log.warning("the light voices cannot speak: %s", error)
            self._problem = error

    def default_voice(self) -> str | None:
        return DEFAULT

    def voices(self) -> Sequence[VoiceInfo]:
        if self._problem is not None:
            return [self._info(DEFAULT, "en-US", "the natural voice", str(self._problem))]
        return [
            self._info(name, facts.language, facts.description, self._missing(name))
            for name, facts in self._known.items()
        ]

    def model_of(self, voice: str) -> str | None:
        known = voice in self._known or (self._problem is not None and voice == DEFAULT)
        return f"hibari/{voice}" if known else None

    def load(self, voice: str) -> LightModel:
        """Raises VoiceUnavailable if the package is missing or broken, UnknownVoice if the voice was never fetched."""
        if self._problem is not None:
            raise self._problem
        if missing := self._missing(voice):
            raise UnknownVoice(f"voice {voice!r} is {missing}")
        try:
            return self._load(voice)
        except Exception as error:  # files of the package that are missing or damaged raise what they will
            raise VoiceUnavailable(f"{package.PACKAGE}: {type(error).__name__}: {error}") from error

    def busy(self, models: Sequence[LoadedModel]) -> None:
        """There is no work in the background."""

    def idle(self, models: Sequence[LoadedModel]) -> None:
        """There is no work in the background."""

    def _load(self, voice: str) -> LightModel:
        facts = self._known[voice]
        network = self._package.Network(facts.path)
        model = LightModel(f"hibari/{voice}", network, self._package.Reader(british=facts.british))
        warm_up = model.renderer(Synthesize(id="warm-up", text=_WARM_UP, voice=voice, seed=0))
        for _ in warm_up.render(0, Line.of(_WARM_UP)):
            pass
        return model

    def _missing(self, voice: str) -> str | None:
        """How to get a voice that is not here; None if it is."""
        return None if self._known[voice].path.is_file() else _not_fetched(voice)

    def _info(self, name: str, language: str, description: str, unavailable: str | None) -> VoiceInfo:
        return VoiceInfo(
            name=name,
            language=language,
            model=f"hibari/{name}",
            sample_rate=SAMPLE_RATE,
            description=description,
            kind=self.kind,
            license=LICENSE,
            unavailable=unavailable,
        )


def _not_fetched(voice: str) -> str:
    return f"not downloaded yet: fishvoice models pull hibari/{voice}"
