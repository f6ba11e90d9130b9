"""Rendered samples to chunks: joins, pauses, prosody, the place in the text, and when words and marks are reached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from fishvoice.protocol import MarkTime, WordTime
from fishvoiced.synthesis.audio import Samples
from fishvoiced.synthesis.base import Chunk, TimedSamples, Traits
from fishvoiced.synthesis.join import Joiner
from fishvoiced.synthesis.prosody import Sound
from fishvoiced.synthesis.trim import EdgeTrimmer
from fishvoiced.synthesis.word_times import WordTimes
from fishvoiced.text.lines import Line
from fishvoiced.text.spans import Pause

CHARACTERS_PER_SECOND = 15.0
"""How fast people speak: only a first guess, for the chunks' places in the text."""
SILENCE_SECONDS = 1.0
"""Of a pause in one chunk, so that one can be stopped in the middle."""


class Assembler:
    """Segment after segment: `begin`, `chunk` …, `end`; `pause` between them. Joins and prosody go on from one segment
    to the next unless the style changes. Raises BadRequest for a ``sound`` out of range."""

    def __init__(self, traits: Traits, source: str, sound: Sound) -> None:
        self._traits = traits
        self._source = source
        self._asked = sound if not traits.changes_speed else sound.at_own_speed()
        self._sound = self._asked
        self._prosody = sound.prosody(traits.sample_rate, stretches=not traits.changes_speed)
        self._joiner = Joiner(traits.sample_rate)
        self._characters_per_sample = CHARACTERS_PER_SECOND / traits.sample_rate
        self._before = 0.0  # seconds of sound before the current segment
        self._rendered = 0  # samples of the current segment, before prosody

    @property
    def is_heard(self) -> bool:
        """Whether the current segment has any sound so far."""
        return self._rendered > 0

    def begin(self, index: int, line: Line, after_pause: bool, before_pause: bool) -> None:
        self._index, self._line = index, line
        self._words = WordTimes(self._source, line.start, line.end, line.word_places)
        self._marks = list(line.marks)
        self._trimmer = EdgeTrimmer(self._traits.sample_rate, start=after_pause, end=before_pause)
        wanted = self._asked.styled(line.style.prosody)
        if wanted != self._sound:
            self._sound = wanted
            self._prosody = wanted.prosody(self._traits.sample_rate)

    def chunk(self, rendered: Samples | TimedSamples) -> Chunk:
        """More of the current segment."""
        timed = rendered if isinstance(rendered, TimedSamples) else None
        made = rendered.samples if isinstance(rendered, TimedSamples) else rendered
        sound = self._trimmer.push(made)
        start, begins = self._place(), self._seconds(self._rendered)
        self._rendered += len(sound)
        end = self._place()
        if timed is None:
            found = self._words.estimated(start, end, begins, self._seconds(len(sound)))
        else:
            found = self._words.spoken([(word, self._without_edge(seconds)) for word, seconds in timed.words])
        samples = self._prosody.push(self._joiner.push(sound))
        words = self._since_beginning(found)
        frames = self._traits.frames(made)
        return Chunk(samples, frames, self._index, start, end, words=words, marks=self._passed(words))

    def end(self, pause_seconds: float, *, last: bool) -> Chunk:
        """The current segment is over: its end, and a pause. ``last``: its sound does not go on in the next one."""
        rest = self._trimmer.finish()
        self._rendered += len(rest)
        samples = self._prosody.push(np.concatenate([self._joiner.push(rest), self._joiner.end_segment(pause_seconds)]))
        if last:
            samples = np.concatenate([samples, self._prosody.finish()])
            self._prosody = self._sound.prosody(self._traits.sample_rate)
        start, line = self._place(), self._line
        words = self._since_beginning(self._words.rest(self._seconds(self._rendered)))
        if self._rendered:
            self._characters_per_sample = (line.end - line.start) / self._rendered
        ended = self._before + self._seconds(self._rendered) / self._sound.speed
        marks = (*self._passed(words), *(MarkTime(name, round(ended, 4)) for _, name in self._marks))
        self._before = ended + pause_seconds / self._sound.speed
        self._rendered = 0
        return Chunk(samples, 0, self._index, start, line.end, ends_segment=True, words=words, marks=marks)

    def pause(self, pause: Pause, index: int) -> Iterator[Chunk]:
        """Silence of exactly the writer's length, whatever the speed."""
        rate = self._traits.sample_rate
        left = round(pause.seconds * rate)
        self._before += left / rate
        while left:
            count = min(left, round(SILENCE_SECONDS * rate))
            left -= count
            yield Chunk(np.zeros(count, np.float32), 0, index, pause.start, pause.end)

    def _place(self) -> int:
        place = self._line.start + round(self._rendered * self._characters_per_sample)
        return min(place, self._line.end)

    def _seconds(self, samples: int) -> float:
        return samples / self._traits.sample_rate

    def _without_edge(self, seconds: float) -> float:
        return max(0.0, seconds - self._seconds(self._trimmer.dropped))

    def _since_beginning(self, words: Iterable[WordTime]) -> tuple[WordTime, ...]:
        """Times in the segment as times in the request's sound."""
        return tuple(
            WordTime(word.text_start, word.text_end, round(self._before + word.seconds / self._sound.speed, 4))
            for word in words
        )

    def _passed(self, words: tuple[WordTime, ...]) -> tuple[MarkTime, ...]:
        """The marks before or at the words that have become known."""
        passed: list[MarkTime] = []
        for word in words:
            while self._marks and self._marks[0][0] <= word.text_start:
                passed.append(MarkTime(self._marks.pop(0)[1], word.seconds))
        return tuple(passed)
