"""Who speaks a request: its voice, those of its markup and of other scripts, and those that may take over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from fishvoice.protocol import Synthesize, VoiceInfo
from fishvoiced.synthesis.base import Renderer
from fishvoiced.text.spans import Script
from fishvoiced.voices.base import LighterWay, LoadedModel
from fishvoiced.voices.by_script import ScriptRouter
from fishvoiced.voices.by_voice import VoiceRouter, cast
from fishvoiced.voices.fallback import WithFallback
from fishvoiced.voices.lighter import WithLighter, other_voice
from fishvoiced.voices.readers import Readers, texts_by_voice


@dataclass(frozen=True)
class Cast:
    """``renderer`` speaks ``script``. ``others`` are the names of models besides the voice's own; more may come while
    it is spoken. ``lighten``: see :class:`fishvoiced.voices.base.Utterance`."""

    renderer: Renderer
    script: Script
    notices: tuple[str, ...]
    others: set[str]
    lighten: Callable[[], bool]


@dataclass(frozen=True)
class Casting:
    """``load`` brings a voice's model into memory; ``languages`` are the settings' voices by language."""

    load: Callable[[str], LoadedModel]
    voices: Callable[[], Sequence[VoiceInfo]]
    languages: Mapping[str, str]

    def cast(self, model: LoadedModel, request: Synthesize, script: Script) -> Cast:
        """All who speak ``script``, a request to a voice of ``model``.

        Raises NothingToSay if there is nothing that any of them reads.
        """
        main, readers = request.voice or "", Readers(self.voices(), self.languages)
        script, notices = cast(script, main, lambda: readers.voices, self.languages)
        notices += readers.unread(script, main)
        return _Part(self, readers, request, script, notices, set()).cast(model)


@dataclass(frozen=True)
class _Part:
    """One request that is being cast."""

    casting: Casting
    readers: Readers
    request: Synthesize
    script: Script
    notices: tuple[str, ...]
    others: set[str]

    def cast(self, model: LoadedModel) -> Cast:
        texts = texts_by_voice(self.script)
        speaking = self._with_others(model)
        main = self._reading(speaking, self.request, texts.pop(None, ""))
        named = {voice: self._named(voice, text) for voice, text in texts.items() if voice is not None}
        return Cast(
            VoiceRouter(main, named) if named else main,
            self.script,
            self.notices,
            self.others,
            speaking.lighten if isinstance(speaking, WithLighter) else lambda: False,
        )

    def _named(self, voice: str, text: str) -> Renderer:
        """The renderer of a voice that the markup names for ``text``."""
        renderer, asked = self._as(voice)
        return self._reading(self._guarded(renderer, asked), asked, text)

    def _reading(self, renderer: Renderer, asked: Synthesize, text: str) -> Renderer:
        """``renderer`` with others for what its voice cannot read of ``text``."""
        voice = asked.voice or ""
        readable = self.readers.scripts_of(voice)
        if readable is None or text.isascii():
            return renderer
        return ScriptRouter(renderer, readable, self._other, lambda script: self.readers.notice(voice, [script]))

    def _with_others(self, model: LoadedModel) -> Renderer:
        """The renderer of the request to ``model``, with those that may speak on in its place."""
        renderer = model.renderer(self.request)
        if not renderer.traits.on_this_cpu:
            return self._guarded(renderer, self.request)
        found = (model.lighter(self.request, renderer), self._fallback_way())
        ways = [way for way in found if way is not None]
        return WithLighter(renderer, ways) if ways else renderer

    def _guarded(self, renderer: Renderer, asked: Synthesize) -> Renderer:
        """A renderer of sound that is made elsewhere, with the request's fallback voice behind it."""
        name = asked.fallback_voice
        if name is None or renderer.traits.on_this_cpu:
            return renderer
        fallback = self.casting.load(name)  # now, so that it speaks in time
        self.others.add(fallback.name)
        instead = _to(name, asked)
        return WithFallback(renderer, asked.first_audio_within, name, lambda: fallback.renderer(instead))

    def _fallback_way(self) -> LighterWay | None:
        """The request's fallback voice, for when the machine is too hot for its own; not for one that imitates."""
        name = self.request.fallback_voice
        if name is None or name == self.request.voice or self.request.payload is not None:
            return None
        model = next((info.model for info in self.readers.voices if info.name == name), None)
        return None if model is None else other_voice(self.request, name, model, self.casting.load)

    def _other(self, script: str) -> Renderer | None:
        """A renderer of the voice that the user named for a language of this script."""
        voice = self.readers.voice_for(script)
        return None if voice is None else self._as(voice)[0]

    def _as(self, voice: str) -> tuple[Renderer, Synthesize]:
        """A renderer of another voice for a part of the request, and what it is asked."""
        asked = _to(voice, self.request)
        model = self.casting.load(voice)
        self.others.add(model.name)
        return model.renderer(asked), asked


def _to(voice: str, request: Synthesize) -> Synthesize:
    """``request`` to another voice, which follows no recording."""
    return msgspec.structs.replace(request, voice=voice, payload=None, reference_text=None)
