"""A request's text to chunks of sound, for every kind of voice.

A generator of steps. Between any two steps of work it hands control back (None when there is no sound yet), so that
its caller may stop, pause or slow it down there; closing the generator is how a request is cancelled.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable

import numpy as np

from fishvoice.protocol import WordTime
from fishvoiced.errors import BadRequest, DaemonError, NothingToSay, VoiceUnavailable
from fishvoiced.synthesis.audio import Samples
from fishvoiced.synthesis.base import Chunk, Renderer, SegmentFailure, Step, TimedSamples, Traits
from fishvoiced.synthesis.join import Joiner, pause_after
from fishvoiced.synthesis.prosody import Prosody
from fishvoiced.synthesis.word_times import WordTimes
from fishvoiced.text.normalize import normalize
from fishvoiced.text.segment import Segment, split

CHARACTERS_PER_SECOND = 15.0
"""How fast people speak: only a first guess, for the chunks' places in the text."""


def synthesize(
    renderer: Renderer, text: str, speed: float = 1.0, pitch: float = 1.0, volume: float = 1.0
) -> Generator[Step, None, None]:
    """Speak ``text`` at ``speed``, ``pitch`` and ``volume`` times the voice's own.

    A segment in which the voice can pronounce nothing is a failure among others; if there was nothing else, the
    steps end with NothingToSay.

    Raises BadRequest at once if there is nothing to say, or one of the factors is out of range.
    """
    segments = split(text, renderer.traits.max_segment_characters)
    if not segments:
        raise BadRequest("there is nothing to speak in this text: it has no letters and no digits")
    traits = renderer.traits
    prosody = Prosody(traits.sample_rate, speed, pitch, volume, stretches=not traits.changes_speed)
    assembler = _SegmentAssembler(traits, text, prosody, 1.0 if traits.changes_speed else speed)
    return _speak(renderer, text, assembler, segments)


def _speak(
    renderer: Renderer, text: str, assembler: _SegmentAssembler, segments: list[Segment]
) -> Generator[Step, None, None]:
    yield from renderer.prepare()
    heard, unspoken = False, None
    for index, segment in enumerate(segments):
        following = segments[index + 1] if index + 1 < len(segments) else None
        gap = text[segment.end : following.start] if following else ""
        assembler.begin(index, segment)
        try:
            for step in renderer.render(index, normalize(segment.text)):
                yield assembler.chunk(step) if isinstance(step, np.ndarray | TimedSamples) else step
        except DaemonError as error:
            if isinstance(error, VoiceUnavailable) and not (heard or assembler.is_heard):
                raise  # the other segments would fail alike, each after its own time limit
            unspoken = error if isinstance(error, NothingToSay) else unspoken
            yield SegmentFailure(index, segment.start, segment.end, str(error))
        heard = heard or assembler.is_heard
        pause = pause_after(segment.text, gap) if following and assembler.is_heard else 0.0
        yield assembler.end(pause, last=not following)
    if unspoken is not None and not heard:
        raise unspoken


class _SegmentAssembler:
    """Rendered samples to chunks: joins, pauses, prosody, and the place in the text. Joins and prosody go on from one
    segment to the next. ``speed`` is how much shorter the prosody makes the sound."""

    def __init__(self, traits: Traits, text: str, prosody: Prosody, speed: float) -> None:
        self._traits = traits
        self._text = text
        self._prosody = prosody
        self._speed = speed
        self._joiner = Joiner(traits.sample_rate)
        self._characters_per_sample = CHARACTERS_PER_SECOND / traits.sample_rate
        self._before = 0  # samples of all segments and pauses before the current one, not yet sped up
        self._rendered = 0  # samples of the current segment

    @property
    def is_heard(self) -> bool:
        """Whether the current segment has any sound so far."""
        return self._rendered > 0

    def begin(self, index: int, segment: Segment) -> None:
        self._index, self._segment = index, segment
        self._words = WordTimes(self._text, segment.start, segment.end)

    def chunk(self, rendered: Samples | TimedSamples) -> Chunk:
        """More of the current segment."""
        timed = rendered if isinstance(rendered, TimedSamples) else None
        sound = rendered.samples if isinstance(rendered, TimedSamples) else rendered
        start, begins = self._place(), self._seconds(self._rendered)
        self._rendered += len(sound)
        end = self._place()
        if timed is None:
            found = self._words.estimated(start, end, begins, self._seconds(len(sound)))
        else:
            found = self._words.spoken(timed.words)
        samples = self._prosody.push(self._joiner.push(sound))
        return Chunk(samples, self._traits.frames(sound), self._index, start, end, words=self._since_beginning(found))

    def end(self, pause_seconds: float, *, last: bool) -> Chunk:
        """The current segment is over: its end, and a pause."""
        pause = self._joiner.end_segment(pause_seconds)
        samples = self._prosody.push(pause)
        if last:
            samples = np.concatenate([samples, self._prosody.finish()])
        start, segment = self._place(), self._segment
        words = self._since_beginning(self._words.rest(self._seconds(self._rendered)))
        if self._rendered:
            self._characters_per_sample = (segment.end - segment.start) / self._rendered
        self._before += self._rendered + round(pause_seconds * self._traits.sample_rate)
        self._rendered = 0
        return Chunk(samples, 0, self._index, start, segment.end, ends_segment=True, words=words)

    def _place(self) -> int:
        place = self._segment.start + round(self._rendered * self._characters_per_sample)
        return min(place, self._segment.end)

    def _seconds(self, samples: int) -> float:
        return samples / self._traits.sample_rate

    def _since_beginning(self, words: Iterable[WordTime]) -> tuple[WordTime, ...]:
        """Times in the segment as times in the request's sound."""
        begins = self._seconds(self._before)
        return tuple(
            WordTime(word.text_start, word.text_end, round((begins + word.seconds) / self._speed, 4)) for word in words
        )
