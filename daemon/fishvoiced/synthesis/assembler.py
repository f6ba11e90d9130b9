"""Rendered samples to chunks: joins, pauses, prosody, the place in the text, and when words and marks are reached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from fishvoice.protocol import MarkTime, WordTime
from fishvoiced.synthesis.audio import Samples
from fishvoiced.synthesis.base import Chunk, TimedSamples, Traits
from fishvoiced.synthesis.join import Joiner
from fishvoiced.synthesis.prosody import Sound
from fishvoiced.synthesis.spoken_length import Course
from fishvoiced.synthesis.trim import EdgeTrimmer
from fishvoiced.synthesis.word_times import WordTimes
from fishvoiced.text.lines import Line
from fishvoiced.text.spans import Pause

FIRST_GUESS_SECONDS = 2.0
"""How much of a voice's speech a first guess of its pace weighs as much as."""
SILENCE_SECONDS = 1.0
"""Of a pause in one chunk, so that one can be stopped in the middle."""


class Assembler:
    """Segment after segment: `begin`, `chunk` …, `end`; `pause` between them. Joins and prosody go on from one segment
    to the next unless the style changes. A voice that does not tell when it says which word gets estimates; they are
    better where they may come with a segment's end: ``to_file``, or a step renders all of it anyhow.

    Raises BadRequest for a ``sound`` out of range."""

    def __init__(self, traits: Traits, source: str, sound: Sound, *, to_file: bool = False) -> None:
        self._traits = traits
        self._waits = to_file or (traits.step_seconds is None and traits.on_this_cpu)
        self._source = source
        self._asked = sound if not traits.changes_speed else sound.at_own_speed()
        self._sound = self._asked
        self._prosody = sound.prosody(traits.sample_rate, stretches=not traits.changes_speed)
        self._joiner = Joiner(traits.sample_rate)
        self._expected = self._needed = FIRST_GUESS_SECONDS  # of all segments so far
        self._before = 0.0  # seconds of sound before the current segment
        self._rendered = 0  # samples of the current segment, before prosody

    @property
    def is_heard(self) -> bool:
        """Whether the current segment has any sound so far."""
        return self._rendered > 0

    def begin(self, index: int, line: Line, after_pause: bool, before_pause: bool) -> None:
        self._index, self._line = index, line
        self._course = Course(line)
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
        start = self._place()
        self._rendered += len(sound)
        end = self._place()
        found: Iterable[WordTime] = ()
        if timed is None and not self._waits:
            found = self._words.estimated(end, lambda place: self._course.at(place) * self._pace)
        elif timed is not None:
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
        seconds = self._seconds(self._rendered)
        words = self._since_beginning(self._rest(seconds))
        if seconds:
            self._expected += self._course.seconds
            self._needed += seconds
        ended = self._before + seconds / self._sound.speed
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

    @property
    def _pace(self) -> float:
        """Seconds of this voice for one of an average speaker's."""
        return self._needed / self._expected

    def _place(self) -> int:
        return min(self._course.place(self._seconds(self._rendered) / self._pace), self._line.end)

    def _rest(self, seconds: float) -> Iterable[WordTime]:
        """The words that have not been told yet, of a segment of ``seconds``."""
        if self._waits and self._words.none_is_spoken:
            pace = seconds / self._course.seconds
            yield from self._words.estimated(self._line.end, lambda place: self._course.at(place) * pace)
        yield from self._words.rest(seconds)

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
