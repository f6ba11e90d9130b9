"""A renderer with lighter ways of speaking behind it, for when the machine is too hot for the one asked for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from fishvoice.protocol import Synthesize
from fishvoiced.errors import DaemonError
from fishvoiced.synthesis.base import Lightened, Renderer, Rendering, SideBySide, Traits
from fishvoiced.text.lines import Line
from fishvoiced.voices.base import LighterWay, LoadedModel
from fishvoiced.voices.resampled import at_rate

log = logging.getLogger(__name__)


class WithLighter:
    """See :class:`fishvoiced.synthesis.base.Renderer`. ``ways`` are gone in order, one each time that it is asked to
    `lighten`; a segment is spoken to its end as it began."""

    def __init__(self, renderer: Renderer, ways: Sequence[LighterWay]) -> None:
        self._renderer = self._speaking = renderer
        self._ways = list(ways)
        self._asked = False

    @property
    def traits(self) -> Traits:
        return self._renderer.traits

    def lighten(self) -> bool:
        """Go the next way from the next segment on, if it is ready by then; whether there is one."""
        self._asked = True
        self._is_ready()
        return bool(self._ways)

    def prepare(self) -> Iterator[None]:
        return self._renderer.prepare()

    def render(self, index: int, line: Line) -> Rendering:
        if self._asked and self._is_ready():
            yield from self._change(self._ways.pop(0))
        self._asked = False
        speaking = self._speaking
        yield from at_rate(speaking.render(index, line), speaking.traits.sample_rate, self.traits.sample_rate)

    def beside(self, coming: Mapping[int, Line]) -> None:
        """To `SideBySide` renderers; but none is begun that another one may have to speak."""
        if isinstance(self._speaking, SideBySide):
            self._speaking.beside({} if self._asked else coming)

    def close(self) -> None:
        if isinstance(self._speaking, SideBySide):
            self._speaking.close()

    def _is_ready(self) -> bool:
        """Whether the next way can be gone now. One that never can be is left out."""
        while self._ways:
            try:
                return self._ways[0].ready()
            except DaemonError as error:
                _leave_out(self._ways.pop(0), error)
        return False

    def _change(self, way: LighterWay) -> Iterator[Lightened | None]:
        try:
            renderer = way.make()
            yield from renderer.prepare()
        except DaemonError as error:
            _leave_out(way, error)
        else:
            self.close()
            self._speaking = renderer
            yield Lightened(way.notice, way.model, way.rtf())


def other_voice(request: Synthesize, name: str, model: str, load: Callable[[str], LoadedModel]) -> LighterWay:
    """Going on with voice ``name``, which the user allows for ``request``; ``load`` gives its ``model``."""
    asked = msgspec.structs.replace(request, voice=name)

    def rtf() -> float | None:
        speed = load(name).speed()
        return None if speed is None else speed.expected

    return LighterWay(
        model,
        f"{name!r} speaks on, because the machine is too hot for {request.voice!r}",
        ready=lambda: True,
        make=lambda: load(name).renderer(asked),
        rtf=rtf,
    )


def _leave_out(way: LighterWay, error: DaemonError) -> None:
    log.warning("%s cannot speak instead on a hot machine: %s", way.model, error)
