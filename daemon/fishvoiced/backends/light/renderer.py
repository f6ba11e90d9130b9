"""One request to a light voice: spoken words → sound and the time of every word, phrase by phrase."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fishvoiced.backends.light.hibari import FRAME_SAMPLES, SAMPLE_RATE, Network, Parameters, Reader
from fishvoiced.backends.light.phrases import Phrase, phrases
from fishvoiced.backends.light.spoken import MARKS, SENTENCE_ENDS, Token, tokens
from fishvoiced.errors import NothingToSay
from fishvoiced.synthesis.audio import Samples
from fishvoiced.synthesis.base import Rendering, TimedSamples, Traits
from fishvoiced.synthesis.edges import audible, joined
from fishvoiced.synthesis.said import said
from fishvoiced.text.lines import Line

MAX_SEGMENT_CHARACTERS = 400
NOTHING_TO_SAY = "this voice speaks English; it cannot read this text"
CLAUSE_PAUSE = 0.14
SENTENCE_PAUSE = 0.28
SEAM_FRAMES = 1
"""Either side of a cut between two words without a mark: there both sounds overlap."""
SHORT_PHONEMES, LEAD = 12, ": "
"""A letter or a single word is understood better when it is pronounced as if behind a colon."""
ONSET_FRAMES = 8  # a consonant is heard up to 100 ms before its first frame


class LightRenderer:
    """See :class:`fishvoiced.synthesis.base.Renderer`."""

    def __init__(self, network: Network, reader: Reader, seed: int) -> None:
        self._network, self._reader, self._seed = network, reader, seed

    @property
    def traits(self) -> Traits:
        return Traits(
            SAMPLE_RATE, None, MAX_SEGMENT_CHARACTERS, reads="spoken", alphabet="misaki", known_words=self._reader
        )

    def prepare(self) -> Iterator[None]:
        return iter(())

    def render(self, index: int, line: Line) -> Rendering:
        speech = Speech(self._network, self._reader, said(line, self.traits))
        if speech.is_empty:
            raise NothingToSay(NOTHING_TO_SAY)
        yield from speech.render((self._seed, index), quick=index == 0)


@dataclass(frozen=True)
class _Written:
    """A phrase's phonemes as one string, and where each of its tokens stands in it."""

    phonemes: str
    spans: tuple[tuple[int, int], ...]
    lead: int = 0
    """Characters before the first token, whose sound is not kept."""


class Speech:
    """Spoken words with their pronunciation; nothing is computed before `render`."""

    def __init__(self, network: Network, reader: Reader, spoken: str) -> None:
        self._network = network
        found = tokens(spoken)
        read = [network.known(phonemes) for phonemes in reader.phonemes(found)]
        said = [(token, phonemes) for token, phonemes in zip(found, read, strict=True) if phonemes]
        self._tokens = [token for token, _ in said]
        self._phonemes = [phonemes for _, phonemes in said]

    @property
    def is_empty(self) -> bool:
        """Whether there is no word that has a pronunciation."""
        return all(token.is_mark for token in self._tokens)

    def render(self, seed: Sequence[int], *, quick: bool) -> Iterator[TimedSamples | None]:
        """The sound phrase by phrase, each after a None: a step of work without sound. Same seed, same samples.

        ``quick``: the first sound is waited for.
        """
        line = _Line(self._tokens)
        for number, phrase in enumerate(phrases(self._tokens, self._phonemes, quick=quick)):
            written = self._write(phrase)
            parameters = self._network.parameters(written.phonemes)
            yield None
            yield line.lay(phrase, written, parameters, np.random.default_rng([*seed, number]))

    def _write(self, phrase: Phrase) -> _Written:
        first, last = phrase.start - phrase.before, phrase.end + phrase.after
        short = sum(map(len, self._phonemes[first:last])) <= SHORT_PHONEMES
        text, spans = LEAD if short else "", []
        for place in range(first, last):
            text += " " if place > first and not self._tokens[place].is_mark else ""
            spans.append((len(text), len(text) + len(self._phonemes[place])))
            text += self._phonemes[place]
        return _Written(text if text[-1] in MARKS else text + ".", tuple(spans), len(LEAD) if short else 0)


class _Line:
    """Phrases' sound one behind the other: silence cut off, pauses put in, seams closed."""

    def __init__(self, words: Sequence[Token]) -> None:
        self._tokens = words
        self._held: Samples = np.zeros(0, np.float32)  # the end of what the next phrase's sound is faded into
        self._given = 0  # samples

    def lay(
        self, phrase: Phrase, written: _Written, parameters: Parameters, random: np.random.Generator
    ) -> TimedSamples:
        """The phrase's sound as far as nothing behind it changes it, and its words."""
        begin, end = _frames(phrase, written, parameters.ends)
        samples = parameters.sound(begin, end, random)
        first, last = audible(samples, SAMPLE_RATE)
        first, last = 0 if phrase.before else first, len(samples) if phrase.after else last
        origin = begin * FRAME_SAMPLES + first - self._given + len(self._held)
        samples = joined(self._held, samples[first:last], SAMPLE_RATE)
        words = self._timed(phrase, written, parameters.ends, origin)
        if phrase.after:
            seam = len(samples) - 2 * SEAM_FRAMES * FRAME_SAMPLES
            samples, self._held = samples[:seam], samples[seam:]
        else:
            self._held = samples[:0]
            samples = np.concatenate([samples, np.zeros(self._pause(phrase), np.float32)])
        self._given += len(samples)
        return TimedSamples(samples, words)

    def _pause(self, phrase: Phrase) -> int:
        """Samples of silence behind the phrase; what follows the last one is not known here."""
        if phrase.end == len(self._tokens):
            return 0
        seconds = SENTENCE_PAUSE if self._tokens[phrase.end - 1].text in SENTENCE_ENDS else CLAUSE_PAUSE
        return round(seconds * SAMPLE_RATE)

    def _timed(
        self, phrase: Phrase, written: _Written, ends: NDArray[np.int64], origin: int
    ) -> tuple[tuple[str, float], ...]:
        def seconds(frame: int) -> float:
            return max(0, int(frame) * FRAME_SAMPLES - origin) / SAMPLE_RATE

        return tuple(
            (self._tokens[place].text, seconds(ends[first]))
            for place, (first, _) in enumerate(written.spans[phrase.before :], phrase.start)
            if place < phrase.end and not self._tokens[place].is_mark
        )


def _frames(phrase: Phrase, written: _Written, ends: NDArray[np.int64]) -> tuple[int, int]:
    """Frames [begin, end) of the phrase's own words, without the silence that the network puts around all."""
    spans, own = written.spans, len(written.spans) - phrase.after
    if phrase.before:
        begin = int(ends[spans[phrase.before - 1][1]]) - SEAM_FRAMES
    else:
        begin = max(0, int(ends[written.lead]) - ONSET_FRAMES)
    last = own - 1
    while last > phrase.before and written.phonemes[spans[last][0]] in MARKS:
        last -= 1
    return begin, int(ends[spans[last][1]]) + (SEAM_FRAMES if phrase.after else 0)
