"""Everything that can speak on this machine, by name: models, the user's voices made from recordings, the default.

A *model* speaks with its own voice; a *voice* of the user is a model and a reference recording. Names are looked
up among the voices first.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

import fishvoiced
from fishvoice import paths
from fishvoice.protocol import VoiceInfo
from fishvoiced.backends.fish import frontends
from fishvoiced.backends.fish.config import CodecConfig
from fishvoiced.backends.fish.store.models import ConvertedModel, ModelStore
from fishvoiced.backends.fish.store.voices import Voice, VoiceStore
from fishvoiced.backends.fish.types import Reference
from fishvoiced.errors import UnknownVoice, VoiceUnavailable

STARTER = "starter"
STARTER_FOLDER = Path(fishvoiced.__file__).parent / "starter"


def user_models(*elsewhere: Path) -> ModelStore:
    """The models this user has converted, the ones that came with the package, and single folders elsewhere."""
    shipped = STARTER_FOLDER.glob("converted/*") if STARTER_FOLDER.is_dir() else ()
    return ModelStore(paths.cache_dir() / "models", (*elsewhere, *shipped))


def user_voices() -> VoiceStore:
    return VoiceStore(paths.data_dir() / "voices")


@dataclass(frozen=True)
class Choice:
    """What a name stands for: a model, and the user's voice where it is one."""

    name: str
    model: ConvertedModel
    voice: Voice | None = None


class Catalog:
    """``default`` is the configured default voice's name, or None for the starter voice."""

    def __init__(self, models: ModelStore, voices: VoiceStore, default: str | None = None) -> None:
        self._models = models
        self._voices = voices
        self._default = default

    def choose(self, name: str | None) -> Choice:
        """Raises UnknownVoice, naming what there is; VoiceUnavailable if the voice is damaged."""
        wanted = name or self._default or self._first()
        choice = self.find(wanted)
        if choice is None:
            known = ", ".join(info.name for info in self.infos()) or "none: fishvoice models import CHECKPOINT"
            raise UnknownVoice(f"there is no voice {wanted!r}; the voices are: {known}")
        return choice

    def find(self, name: str) -> Choice | None:
        """What ``name`` stands for; None if there is no such voice. Raises UnknownVoice if its model is missing,
        VoiceUnavailable if it is damaged."""
        saved = self._voices.all()
        if reason := self._damaged().get(name):
            raise VoiceUnavailable(reason)
        if name in {voice.name for voice in saved.voices}:
            voice = self._voices.get(name)
            model = self._models.find(voice.model)
            if model is None:
                raise UnknownVoice(f"voice {name!r} needs the model {voice.model!r}: import its checkpoint again")
            return Choice(name, model, voice)
        model = self._models.find(name)
        return None if model is None else Choice(model.name, model)

    def default(self) -> str | None:
        """The voice to speak when none is named; None if there is none."""
        return self._default or next((info.name for info in self.infos() if info.default), None)

    def reference(self, voice: Voice, codec: CodecConfig) -> Reference:
        return self._voices.reference(voice.name, codec)

    def infos(self) -> list[VoiceInfo]:
        """Every voice there is; exactly one is the default if there are any."""
        models = [m for m in self._models.models() if isinstance(m, ConvertedModel)]
        infos = [
            VoiceInfo(
                name=model.name,
                language="en" if model.config.frontend in frontends.NAMES else None,
                model=model.name,
                sample_rate=model.config.codec.sample_rate,
                clones=model.config.codec.has_encoder,
                description=model.config.description,
                kind="fish",
                license=model.config.license,
            )
            for model in models
        ]
        rates = {model.name: model.config.codec.sample_rate for model in models}
        saved = self._voices.all()
        infos += [
            VoiceInfo(v.name, v.language, v.model, rates.get(v.model), description=v.description, kind="fish")
            for v in saved.voices
        ]
        default = self._default or (self._first() if infos else None)
        damaged = [VoiceInfo(name, unavailable=reason) for name, reason in self._damaged().items()]
        return [msgspec.structs.replace(info, default=info.name == default) for info in infos] + damaged

    def _damaged(self) -> dict[str, str]:
        """Voices and models that lie there and cannot be used, with the reasons."""
        return self._models.damaged() | {voice.name: voice.reason for voice in self._voices.all().damaged}

    def _first(self) -> str:
        """The starter voice, else whatever model there is."""
        names = [m.name for m in self._models.models() if isinstance(m, ConvertedModel)]
        if STARTER in names or not names:
            return STARTER
        return names[0]
