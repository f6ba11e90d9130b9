"""A request's text to chunks of sound, for every kind of voice.

A generator of steps. Between any two steps of work it hands control back (None when there is no sound yet), so that
its caller may stop, pause or slow it down there; closing the generator is how a request is cancelled.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from fishvoiced.errors import BadRequest, DaemonError
from fishvoiced.synthesis.audio import Samples
from fishvoiced.synthesis.base import Chunk, Renderer, SegmentFailure, Step
from fishvoiced.synthesis.join import Joiner, pause_after
from fishvoiced.synthesis.time_stretch import Stretcher
from fishvoiced.text.normalize import normalize
from fishvoiced.text.segment import Segment, split

CHARACTERS_PER_SECOND = 15.0
"""How fast people speak: only a first guess, for the chunks' places in the text."""


def synthesize(renderer: Renderer, text: str, speed: float = 1.0) -> Generator[Step, None, None]:
    """Speak ``text`` at ``speed`` times the voice's own. Raises BadRequest at once if there is nothing to say."""
    segments = split(text, renderer.traits.max_segment_characters)
    if not segments:
        raise BadRequest("there is nothing to speak in this text: it has no letters and no digits")
    return _speak(renderer, text, speed, segments)


def _speak(renderer: Renderer, text: str, speed: float, segments: list[Segment]) -> Generator[Step, None, None]:
    yield from renderer.prepare()
    assembler = _SegmentAssembler(renderer, speed)
    for index, segment in enumerate(segments):
        following = segments[index + 1] if index + 1 < len(segments) else None
        gap = text[segment.end : following.start] if following else ""
        assembler.begin(index, segment)
        try:
            for step in renderer.render(index, normalize(segment.text)):
                yield assembler.chunk(step) if isinstance(step, np.ndarray) else step
        except DaemonError as error:
            yield SegmentFailure(index, segment.start, segment.end, str(error))
        yield assembler.end(pause_after(segment.text, gap) if following else 0.0, last=not following)


class _SegmentAssembler:
    """Rendered samples to chunks: joins, pauses, speed, and the place in the text. Joins and speed go on from one
    segment to the next."""

    def __init__(self, renderer: Renderer, speed: float) -> None:
        self._traits = renderer.traits
        rate = self._traits.sample_rate
        self._joiner = Joiner(rate)
        self._stretcher = Stretcher(rate, speed) if speed != 1.0 and not self._traits.changes_speed else None
        self._characters_per_sample = CHARACTERS_PER_SECOND / rate
        self._rendered = 0  # samples of the current segment

    def begin(self, index: int, segment: Segment) -> None:
        self._index, self._segment = index, segment

    def chunk(self, rendered: Samples) -> Chunk:
        """More of the current segment."""
        samples = self._stretched(self._joiner.push(rendered))
        start = self._place()
        self._rendered += len(rendered)
        return Chunk(samples, self._traits.frames(rendered), self._index, start, self._place())

    def end(self, pause_seconds: float, *, last: bool) -> Chunk:
        """The current segment is over: its end, and a pause."""
        samples = self._stretched(self._joiner.end_segment(pause_seconds))
        if last and self._stretcher is not None:
            samples = np.concatenate([samples, self._stretcher.finish()])
        start, segment = self._place(), self._segment
        if self._rendered:
            self._characters_per_sample = (segment.end - segment.start) / self._rendered
        self._rendered = 0
        return Chunk(samples, 0, self._index, start, segment.end, ends_segment=True)

    def _place(self) -> int:
        place = self._segment.start + round(self._rendered * self._characters_per_sample)
        return min(place, self._segment.end)

    def _stretched(self, samples: Samples) -> Samples:
        return samples if self._stretcher is None else self._stretcher.push(samples)
