"""A renderer for texts of several scripts: what its voice cannot read another one speaks, or it is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from fishvoiced.errors import NothingToSay
from fishvoiced.synthesis.audio import Samples
from fishvoiced.synthesis.base import Lightened, Notice, Renderer, Rendering, TimedSamples, Traits, Waiting
from fishvoiced.text.lines import Line
from fishvoiced.text.scripts import Run, runs
from fishvoiced.voices.resampled import at_rate

ADVICE = 'name one that does in the settings, as in: [languages] ru = "VOICE"'
_NAMES = {"CJK": "Chinese", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean"}


class ScriptRouter:
    """See :class:`fishvoiced.synthesis.base.Renderer`. ``readable``: the scripts of ``renderer``'s voice; ``other``
    gives a renderer for another script, None if there is no such voice."""

    def __init__(
        self, renderer: Renderer, readable: frozenset[str], other: Callable[[str], Renderer | None], voice: str
    ) -> None:
        self._renderer = renderer
        self._readable = readable
        self._other = other
        self._voice = voice
        self._others: dict[str, Renderer | None] = {}

    @property
    def traits(self) -> Traits:
        return self._renderer.traits

    def prepare(self) -> Iterator[None]:
        return self._renderer.prepare()

    def render(self, index: int, line: Line) -> Rendering:
        """Raises NothingToSay, behind all that can be said, for what was left out."""
        found = runs(line.text, self._readable)
        if all(run.script is None for run in found):
            yield from self._renderer.render(index, line)
            return
        left_out: list[str] = []
        at = 0
        for run in found:
            part = line.part(at, at + len(run.text))
            at += len(run.text)
            try:
                yield from self._run(index, run, part, left_out)
            except NothingToSay as error:
                if any(character.isalnum() for character in run.text):
                    left_out.append(str(error))
        if left_out:
            raise NothingToSay("; ".join(dict.fromkeys(left_out)))

    def _run(self, index: int, run: Run, part: Line, left_out: list[str]) -> Rendering:
        if run.script is None:
            yield from map(_untimed, self._renderer.render(index, part))
            return
        renderer = self._for(run.script)
        if renderer is None:
            left_out.append(unreadable(self._voice, [run.script]))
            return
        yield from renderer.prepare()
        steps = renderer.render(index, part.in_language(renderer.traits.language))
        yield from map(_untimed, at_rate(steps, renderer.traits.sample_rate, self.traits.sample_rate))

    def _for(self, script: str) -> Renderer | None:
        if script not in self._others:
            self._others[script] = self._other(script)
        return self._others[script]


def left_out(text: str, readable: frozenset[str], covered: Callable[[str], bool]) -> tuple[str, ...]:
    """The scripts of ``text`` that neither this voice nor a covering one reads. Raises NothingToSay if that is all."""
    found = runs(text, readable)
    lost = tuple(dict.fromkeys(run.script for run in found if run.script is not None and not covered(run.script)))
    spoken = "".join(run.text for run in found if run.script not in lost)
    if lost and not any(character.isalnum() for character in spoken):
        raise NothingToSay(f"{_names(lost)} text: no voice here reads it; {ADVICE}")
    return lost


def unreadable(voice: str, scripts: Sequence[str]) -> str:
    """What to tell of text that was left out."""
    return f"{_names(scripts)} text is left out: voice {voice!r} does not read it; {ADVICE}"


def _names(scripts: Sequence[str]) -> str:
    return " and ".join(dict.fromkeys(_NAMES.get(script, script.capitalize()) for script in scripts))


def _untimed(
    step: Samples | TimedSamples | Waiting | Notice | Lightened | None,
) -> Samples | Waiting | Notice | Lightened | None:
    """A stretch's own word times do not hold within the whole segment."""
    return step.samples if isinstance(step, TimedSamples) else step
