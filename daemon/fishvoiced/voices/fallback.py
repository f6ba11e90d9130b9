"""A renderer whose sound is made elsewhere, with a voice of this computer behind it for when that fails or is late."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from fishvoiced.errors import DaemonError
from fishvoiced.synthesis.base import Notice, Renderer, Rendering, TimedSamples, Traits
from fishvoiced.text.lines import Line
from fishvoiced.voices.resampled import at_rate


class WithFallback:
    """See :class:`fishvoiced.synthesis.base.Renderer`. ``within``: seconds from now to the first sound."""

    def __init__(self, renderer: Renderer, within: float | None, fallback: str, make: Callable[[], Renderer]) -> None:
        self._renderer = renderer
        self._until = None if within is None else time.monotonic() + within
        self._fallback = fallback
        self._make = make
        self._local: Renderer | None = None

    @property
    def traits(self) -> Traits:
        return self._renderer.traits

    def prepare(self) -> Iterator[None]:
        return self._renderer.prepare()

    def render(self, index: int, line: Line) -> Rendering:
        """A segment that has begun elsewhere is not begun again here; all behind a failure is spoken here."""
        if self._local is None:
            heard = False
            steps = self._renderer.render(index, line)
            try:
                for step in steps:
                    if isinstance(step, np.ndarray | TimedSamples):
                        heard, self._until = True, None
                    elif not heard and self._is_late():
                        steps.close()
                        reason = "it did not answer in time"
                        break
                    yield step
                else:
                    return
            except DaemonError as error:
                if heard:
                    raise
                reason = str(error)
            self._local = self._make()
            yield Notice(f"{self._fallback!r} speaks instead of the voice asked for: {reason}")
        yield from self._here(self._local, index, line)

    def _is_late(self) -> bool:
        return self._until is not None and time.monotonic() >= self._until

    def _here(self, local: Renderer, index: int, line: Line) -> Rendering:
        """The local voice at the rate that was announced."""
        yield from local.prepare()
        yield from at_rate(local.render(index, line), local.traits.sample_rate, self.traits.sample_rate)
