"""Texts in which the voice changes (SSML's ``voice``, ``lang``): who speaks what, and a renderer of several voices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from fishvoice.protocol import VoiceInfo
from fishvoiced.synthesis.base import Renderer, Rendering, Traits
from fishvoiced.text.lines import Line
from fishvoiced.text.spans import Script, Span, Style, Text
from fishvoiced.voices.resampled import at_rate


def cast(
    script: Script, main: str, voices: Callable[[], Sequence[VoiceInfo]], languages: Mapping[str, str]
) -> tuple[Script, tuple[str, ...]]:
    """``script`` with every style's ``voice`` one of ``voices``, or None where ``main`` speaks; and notices.

    A voice asked for by name speaks if it is here. A language is spoken by ``main`` if that is its own, else by the
    voice that ``languages`` (of the settings) names for it, else by the first one that has it.
    """
    styles = dict.fromkeys(span.style for span in script.spans if isinstance(span, Text))
    if all(style.voice is None and style.language is None for style in styles):
        return script, ()
    known = {info.name: info for info in voices() if info.unavailable is None or info.name == main}
    chosen: dict[Style, Style] = {}
    notices: dict[str, None] = {}
    for style in styles:
        chosen[style], notice = _chosen(style, main, known, languages)
        notices.update({notice: None} if notice else {})
    return replace(script, spans=tuple(_spoken_by(span, chosen) for span in script.spans)), tuple(notices)


def _spoken_by(span: Span, chosen: Mapping[Style, Style]) -> Span:
    return span._replace(style=chosen[span.style]) if isinstance(span, Text) else span


def _chosen(
    style: Style, main: str, known: Mapping[str, VoiceInfo], languages: Mapping[str, str]
) -> tuple[Style, str | None]:
    notice = None
    if style.voice is not None:
        asked = (style.voice, *style.voice.split())  # a name, or several in the order of preference
        name = next((name for name in asked if name in known), None)
        if name is not None:
            language = known[name].language if name != main else None
            return replace(style, voice=None if name == main else name, language=language or style.language), None
        notice = f"there is no voice {style.voice[:80]!r} for a part of this text; {main!r} speaks it"
    if style.language is None or _has(known.get(main), style.language):
        return replace(style, voice=None), notice
    wanted = (name for language, name in languages.items() if _base(language) == _base(style.language))
    able = (info.name for info in known.values() if info.language and _has(info, style.language))
    name = next((name for name in (*wanted, *able) if name in known and name != main), None)
    if name is None:
        told = f"no voice here speaks {style.language[:20]!r}; {main!r} reads it as its own language"
        return replace(style, voice=None, language=None), notice or told
    return replace(style, voice=name, language=known[name].language or style.language), notice


def _has(info: VoiceInfo | None, language: str) -> bool:
    """Whether a voice speaks ``language``; one without a language speaks any."""
    return info is None or info.language is None or _base(info.language) == _base(language)


def _base(language: str) -> str:
    return language.replace("_", "-").split("-")[0].lower()


class VoiceRouter:
    """See :class:`fishvoiced.synthesis.base.Renderer`: ``renderer`` speaks, and ``others`` what is theirs by name, at
    the rate that was announced."""

    def __init__(self, renderer: Renderer, others: Mapping[str, Renderer]) -> None:
        self._renderer = renderer
        self._others = others
        self._traits = _together(renderer.traits, [other.traits for other in others.values()])

    @property
    def traits(self) -> Traits:
        return self._traits

    def prepare(self) -> Iterator[None]:
        yield from self._renderer.prepare()
        for other in self._others.values():
            yield from other.prepare()

    def render(self, index: int, line: Line) -> Rendering:
        other = self._others.get(line.style.voice or "")
        if other is None:
            yield from self._renderer.render(index, line)
            return
        steps = other.render(index, line.for_voice(other.traits.language, other.traits.known_words))
        yield from at_rate(steps, other.traits.sample_rate, self.traits.sample_rate)


def _together(main: Traits, others: Sequence[Traits]) -> Traits:
    """Segments that suit all, and heat minded if any of them works on this computer."""
    return replace(
        main,
        max_segment_characters=min(traits.max_segment_characters for traits in (main, *others)),
        on_this_cpu=any(traits.on_this_cpu for traits in (main, *others)),
    )
