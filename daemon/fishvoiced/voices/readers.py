"""Which voice reads which script, and what of a text nobody reads: known before any model is asked. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fishvoice.protocol import Synthesize, VoiceInfo
from fishvoiced.errors import NothingToSay
from fishvoiced.text.markup.read import read
from fishvoiced.text.scripts import language_of, runs, scripts_read
from fishvoiced.text.spans import Script, Text
from fishvoiced.voices.by_voice import cast

LOOKED_THROUGH = 2000  # characters: to look through longer texts would hold up the loop, and their front end looks, too
_NAMES = {"CJK": "Chinese", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean"}
_SAID = re.compile(r"[^\W_]")


@dataclass(frozen=True)
class Readers:
    """``voices`` there are, and those that the settings name for ``languages``."""

    voices: Sequence[VoiceInfo]
    languages: Mapping[str, str]

    def scripts_of(self, voice: str) -> frozenset[str] | None:
        """What the voice reads; None: everything."""
        return scripts_read(next((info.language for info in self.voices if info.name == voice), None))

    def voice_for(self, script: str) -> str | None:
        """The voice that the settings name for a language of this script."""
        named = self.languages.items()
        return next((voice for language, voice in named if script in (scripts_read(language) or ())), None)

    def unread(self, script: Script, main: str) -> tuple[str, ...]:
        """Notices of what is left out of ``script``, whose styles' voices are some of these, or None for ``main``.

        Raises NothingToSay if that is all.
        """
        lost: dict[str, tuple[str, ...]] = {}
        said = False
        for voice, text in texts_by_voice(script).items():
            name = voice or main
            lost[name], readable = self._left_out(text, name)
            said = said or readable
        scripts = tuple(dict.fromkeys(script for each in lost.values() for script in each))
        if scripts and not said:
            asked = " and ".join(repr(voice) for voice, each in lost.items() if each)
            raise NothingToSay(f"{_names(scripts)} text: {asked} cannot read it; {self._advice(scripts[0])}")
        return tuple(self.notice(voice, scripts) for voice, scripts in lost.items() if scripts)

    def notice(self, voice: str, scripts: Sequence[str]) -> str:
        """What to tell of text that is left out."""
        return f"{_names(scripts)} text is left out: voice {voice!r} does not read it; {self._advice(scripts[0])}"

    def _left_out(self, text: str, voice: str) -> tuple[tuple[str, ...], bool]:
        """The scripts of ``text`` that neither this voice nor one of the settings reads; whether the rest says
        anything."""
        found = runs(text, self.scripts_of(voice))
        lost = {run.script: None for run in found if run.script is not None and self.voice_for(run.script) is None}
        said = any(_SAID.search(run.text) for run in found if run.script not in lost)
        return tuple(lost), said

    def _advice(self, script: str) -> str:
        language = language_of(script) or "LANGUAGE"
        setting = f'name one that does in the settings, as in: [languages] {language} = "VOICE"'
        able = (info.name for info in self.voices if info.unavailable is None and _reads(info, script))
        name = next(able, None)
        return setting if name is None else f"ask for {name!r}, which does, or {setting}"


def check(request: Synthesize, default: str | None, voices: Sequence[VoiceInfo], languages: Mapping[str, str]) -> None:
    """Raise NothingToSay for a text that no voice of this request reads, before anything else is done for it.

    A text of some length is judged by all that is written in it, its markup included: cheap, and never too strict.
    Where the request's voice cannot speak, any other may have to stand in.
    """
    text = request.text
    if text.isascii() or (len(text) > LOOKED_THROUGH and not _all_lost(text[:LOOKED_THROUGH])):
        return
    readers, problem = Readers(voices, languages), None
    name = request.voice or default or next((info.name for info in voices if info.default), "")
    able = [info.name for info in voices if info.unavailable is None]
    if len(text) > LOOKED_THROUGH:
        script = Script(text, (Text(text, 0, len(text)),))
    elif name in able and "<" not in text and not any(run.script for run in runs(text, readers.scripts_of(name))):
        return  # nearly always; saves reading its markup
    else:
        script = read(text, request.markup)
    for main in [name] if name in able else able:
        try:
            readers.unread(cast(script, main, lambda: voices, languages)[0], main)
        except NothingToSay as error:
            problem = problem or error
        else:
            return
    if problem is not None:
        raise problem


def texts_by_voice(script: Script) -> dict[str | None, str]:
    """All that each voice has to say, None's being the request's own."""
    texts: dict[str | None, str] = {}
    for span in script.spans:
        if isinstance(span, Text):
            read = span.alias or span.phones or span.text
            texts[span.style.voice] = texts.get(span.style.voice, "") + read
    return texts


def _all_lost(text: str) -> bool:
    """Whether a voice that reads Latin letters alone would say nothing of it."""
    return not any(run.script is None and _SAID.search(run.text) for run in runs(text, scripts_read("en")))


def _reads(info: VoiceInfo, script: str) -> bool:
    readable = scripts_read(info.language)
    return readable is None or script in readable


def _names(scripts: Sequence[str]) -> str:
    return " and ".join(dict.fromkeys(_NAMES.get(script, script.capitalize()) for script in scripts))
