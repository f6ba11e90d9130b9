"""The kind "piper": imported voices found, loaded and spoken, sentence by sentence."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fishvoice.protocol import Synthesize, VoiceInfo
from fishvoiced.backends.piper.store import PiperFiles, PiperStore
from fishvoiced.errors import BadReference, MissingExtra, NothingToSay, UnknownVoice
from fishvoiced.synthesis.base import Reads, Renderer, Rendering, Traits
from fishvoiced.synthesis.edges import audible
from fishvoiced.synthesis.said import said
from fishvoiced.text.lines import Line
from fishvoiced.text.passages import is_english
from fishvoiced.voices.base import LighterWay, LoadedModel, Streams
from fishvoiced.voices.speed import Speed

if TYPE_CHECKING:
    from fishvoiced.backends.piper.library import Piper

MAX_SEGMENT_CHARACTERS = 120  # a step is a whole sentence, and a cancel waits for its end

SENTENCE_PAUSE = 0.25  # between those of one segment


class PiperRenderer:
    """See :class:`fishvoiced.synthesis.base.Renderer`."""

    def __init__(self, piper: Piper, language: str = "en") -> None:
        self._piper = piper
        self._language = language

    @property
    def traits(self) -> Traits:
        reads: Reads = "spoken" if is_english(self._language) else "phonetic"
        return Traits(self._piper.sample_rate, None, MAX_SEGMENT_CHARACTERS, language=self._language, reads=reads)

    def prepare(self) -> Iterator[None]:
        return iter(())

    def render(self, index: int, line: Line) -> Rendering:
        rate, sentences = self._piper.sample_rate, list(self._piper.sentences(said(line, self.traits)))
        if not sentences:
            raise NothingToSay("there is nothing in this text that the voice can pronounce")
        for number, ids in enumerate(sentences, 1):
            yield None
            sound = self._piper.sound(ids)
            start, end = audible(sound, rate)
            pause = round(SENTENCE_PAUSE * rate) if number < len(sentences) else 0
            yield np.concatenate([sound[start:end], np.zeros(pause, np.float32)])


class PiperModel:
    """See :class:`fishvoiced.voices.base.LoadedModel`."""

    engine = "onnx"
    precision = "fp32"
    notice: str | None = None
    streams = Streams()

    def __init__(self, name: str, piper: Piper, language: str = "en") -> None:
        self.name = name
        self._piper = piper
        self._language = language
        self._observed: float | None = None
        self._utterances = 0

    def speed(self) -> Speed | None:
        return Speed(None, self._observed, self._utterances, None)

    def prepare(self, voice: str) -> None:
        """There is nothing to compute ahead."""

    def renderer(self, request: Synthesize) -> PiperRenderer:
        if request.payload is not None:
            raise BadReference(f"voice {request.voice!r} cannot imitate a recording; see: fishvoice voices")
        return PiperRenderer(self._piper, self._language)

    def lighter(self, request: Synthesize, renderer: Renderer) -> LighterWay | None:
        return None

    def observe(self, rtf: float) -> None:
        self._observed, self._utterances = rtf, self._utterances + 1

    def close(self) -> None:
        """Memory goes with the last reference."""


class PiperBackend:
    """See :class:`fishvoiced.voices.base.Backend`."""

    kind = "piper"

    def __init__(self, store: PiperStore, threads: int) -> None:
        self._store = store
        self._threads = threads

    def default_voice(self) -> str | None:
        return None

    def voices(self) -> Sequence[VoiceInfo]:
        unavailable = None if _installed() else "Piper is not installed: pip install 'fishvoice[piper]'"
        damaged = [VoiceInfo(name, unavailable=reason) for name, reason in self._store.damaged().items()]
        return [self._info(files, unavailable) for files in self._store.voices()] + damaged

    def model_of(self, voice: str) -> str | None:
        """Raises VoiceUnavailable if the voice is damaged."""
        return None if self._store.find(voice) is None else f"piper/{voice}"

    def load(self, voice: str) -> PiperModel:
        """Raises MissingExtra, ModelStoreError, VoiceUnavailable, EngineError."""
        files = self._store.find(voice)
        if files is None:
            raise UnknownVoice(f"there is no Piper voice {voice!r}")
        if not _installed():
            raise MissingExtra("piper", f"voice {voice!r}")
        from fishvoiced.backends.onnx_sessions import Runtime
        from fishvoiced.backends.piper.library import Piper

        files.check_graph()
        piper = Piper(files.graph, files.config, Runtime(threads=self._threads))
        for ids in piper.sentences("a"):
            piper.sound(ids)
        return PiperModel(f"piper/{voice}", piper, files.language)

    def busy(self, models: Sequence[LoadedModel]) -> None:
        """There is no work in the background."""

    def idle(self, models: Sequence[LoadedModel]) -> None:
        """There is no work in the background."""

    def _info(self, files: PiperFiles, unavailable: str | None) -> VoiceInfo:
        return VoiceInfo(
            name=files.name,
            language=files.language,
            model=f"piper/{files.name}",
            sample_rate=files.sample_rate,
            description=f"Piper {files.settings.dataset}".strip(),
            kind=self.kind,
            license="see its model card",
            unavailable=unavailable,
        )


def _installed() -> bool:
    return importlib.util.find_spec("piper") is not None
