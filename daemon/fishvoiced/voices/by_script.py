"""A renderer for texts of several scripts: what its voice cannot read another one speaks, or it is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fishvoiced.errors import NothingToSay
from fishvoiced.synthesis.audio import Samples
from fishvoiced.synthesis.base import Lightened, Notice, Renderer, Rendering, TimedSamples, Traits, Waiting
from fishvoiced.text.lines import Line
from fishvoiced.text.scripts import Run, runs
from fishvoiced.voices.resampled import at_rate


class ScriptRouter:
    """See :class:`fishvoiced.synthesis.base.Renderer`. ``readable``: the scripts of ``renderer``'s voice; ``other``
    gives a renderer for another script, None if there is no such voice; ``notice`` tells of a script left out."""

    def __init__(
        self,
        renderer: Renderer,
        readable: frozenset[str],
        other: Callable[[str], Renderer | None],
        notice: Callable[[str], str],
    ) -> None:
        self._renderer = renderer
        self._readable = readable
        self._other = other
        self._notice = notice
        self._others: dict[str, Renderer | None] = {}

    @property
    def traits(self) -> Traits:
        return self._renderer.traits

    def prepare(self) -> Iterator[None]:
        return self._renderer.prepare()

    def render(self, index: int, line: Line) -> Rendering:
        """Raises NothingToSay, behind all that can be said, for what was left out."""
        found = runs(_as_read(line), self._readable)
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
                if any(character.isalnum() for character in part.text):
                    left_out.append(str(error))
        if left_out:
            raise NothingToSay("; ".join(dict.fromkeys(left_out)))

    def _run(self, index: int, run: Run, part: Line, left_out: list[str]) -> Rendering:
        if run.script is None:
            yield from map(_untimed, self._renderer.render(index, part))
            return
        renderer = self._for(run.script)
        if renderer is None:
            left_out.append(self._notice(run.script))
            return
        yield from renderer.prepare()
        steps = renderer.render(index, part.in_language(renderer.traits.language))
        yield from map(_untimed, at_rate(steps, renderer.traits.sample_rate, self.traits.sample_rate))

    def _for(self, script: str) -> Renderer | None:
        if script not in self._others:
            self._others[script] = self._other(script)
        return self._others[script]


def _as_read(line: Line) -> str:
    """``line.text``, with Latin letters wherever it is said how to read it."""
    text = line.text
    for fixed in line.fixed:
        if fixed.alias or fixed.phones:
            text = text[: fixed.start] + "x" * (fixed.end - fixed.start) + text[fixed.end :]
    return text


def _untimed(
    step: Samples | TimedSamples | Waiting | Notice | Lightened | None,
) -> Samples | Waiting | Notice | Lightened | None:
    """A stretch's own word times do not hold within the whole segment."""
    return step.samples if isinstance(step, TimedSamples) else step
