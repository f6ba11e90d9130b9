"""The one page: a request's text → chunks of sound.

A generator of steps. Between any two frames it hands control back (None when there is no sound yet), so that
its caller may stop, pause or slow it down at every frame; dropping the generator is how a request is cancelled.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from itertools import chain, repeat

import numpy as np

from fishvoiced.errors import BadRequest, FishvoiceError
from fishvoiced.fish.engine.base import Engine
from fishvoiced.fish.prompt import build_prompt
from fishvoiced.fish.types import Codes
from fishvoiced.synthesis.audio import Samples
from fishvoiced.synthesis.base import Chunk, SegmentFailure, Speech, Step
from fishvoiced.synthesis.join import Joiner, pause_after
from fishvoiced.synthesis.time_stretch import Stretcher
from fishvoiced.text.normalize import normalize
from fishvoiced.text.segment import Segment, split

CHARACTERS_PER_SECOND = 15.0
"""How fast people speak: only a first guess, for the chunks' places in the text."""
SLOWEST_CHARACTERS_PER_SECOND = 4.0
SPARE_SECONDS = 4.0
"""A segment that takes longer than its characters at the slowest pace plus this is babble, and is cut off."""


def synthesize(engine: Engine, speech: Speech) -> Generator[Step, None, None]:
    """Speak ``speech`` with ``engine``. Raises BadRequest at once if there is nothing to say."""
    segments = split(speech.text, speech.segment_characters)
    if not segments:
        raise BadRequest("there is nothing to speak in this text: it has no letters and no digits")
    return _speak(engine, speech, segments)


def _speak(engine: Engine, speech: Speech, segments: list[Segment]) -> Generator[Step, None, None]:
    voice = _Output(engine, speech.speed)
    for index, segment in enumerate(segments):
        following = segments[index + 1] if index + 1 < len(segments) else None
        gap = speech.text[segment.end : following.start] if following else ""
        try:
            for codes in _blocks(engine, speech, index, segment):
                yield None if codes is None else voice.chunk(codes, index, segment)
        except FishvoiceError as error:
            yield SegmentFailure(index, segment.start, segment.end, str(error))
        yield voice.end_segment(
            index, segment, pause_after(segment.text, gap) if following else 0.0, last=not following
        )


def _blocks(engine: Engine, speech: Speech, index: int, segment: Segment) -> Iterator[Codes | None]:
    """Codes of one segment in growing blocks; None after each frame that completes no block."""
    text = speech.frontend(normalize(segment.text))
    books = engine.config.dual_ar.num_codebooks
    prompt = build_prompt(engine.tokenizer, books, text, speech.references)
    limit = most_frames(len(segment.text), engine.config.codec.frame_rate)
    sizes = block_sizes()
    block: list[Codes] = []
    size = next(sizes)
    for codes in engine.generate(prompt, speech.sampling, segment_seed(speech.seed, index), limit):
        block.append(codes)
        if len(block) == size:
            yield np.concatenate(block, axis=1)
            block, size = [], next(sizes)
        else:
            yield None
    if block:
        yield np.concatenate(block, axis=1)


def most_frames(characters: int, frame_rate: float) -> int:
    """Of a segment of so many characters: more is babble."""
    return int((SPARE_SECONDS + characters / SLOWEST_CHARACTERS_PER_SECOND) * frame_rate)


def block_sizes() -> Iterator[int]:
    """Frames per codec run: the first sound at once, then larger blocks, which cost less per frame.

    Fixed rather than fitted to the clock, so that a seed decides every bit of the sound.
    """
    return chain((1, 1, 2, 2, 4, 4), repeat(8))


def segment_seed(seed: int, index: int) -> int:
    """Segments draw independently, and each the same whatever the others are."""
    return int(np.random.SeedSequence([seed, index]).generate_state(1, np.uint64)[0])


class _Output:
    """Codes → sound: decoder, joins, speed; and where in the text it is.

    Each segment begins with a fresh decoder, as upstream decodes them, but joins and speed go on.
    """

    def __init__(self, engine: Engine, speed: float) -> None:
        self._engine = engine
        rate = engine.config.codec.sample_rate
        self._joiner = Joiner(rate)
        self._stretcher = Stretcher(rate, speed) if speed != 1.0 else None
        self._decoder = engine.decoder()
        self._frames = 0
        self._pace = CHARACTERS_PER_SECOND / engine.config.codec.frame_rate  # characters per frame

    def chunk(self, codes: Codes, index: int, segment: Segment) -> Chunk:
        samples = self._joiner.push(self._decoder.decode(codes))
        start = self._place(segment)
        self._frames += codes.shape[1]
        return Chunk(self._paced(samples), codes.shape[1], index, start, self._place(segment))

    def end_segment(self, index: int, segment: Segment, pause_seconds: float, *, last: bool) -> Chunk:
        samples = self._paced(self._joiner.end_segment(pause_seconds))
        if last and self._stretcher is not None:
            samples = np.concatenate([samples, self._stretcher.finish()])
        start = self._place(segment)
        if self._frames:
            self._pace = (segment.end - segment.start) / self._frames
        self._frames = 0
        self._decoder = self._engine.decoder()
        return Chunk(samples, 0, index, start, segment.end)

    def _place(self, segment: Segment) -> int:
        return min(segment.start + round(self._frames * self._pace), segment.end)

    def _paced(self, samples: Samples) -> Samples:
        return samples if self._stretcher is None else self._stretcher.push(samples)
