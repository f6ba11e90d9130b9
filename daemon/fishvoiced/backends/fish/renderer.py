"""One request to a Fish model: segments of text to codes, and codes to samples in growing blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import TypeAlias

import numpy as np

from fishvoiced.backends.fish.engine.base import Engine, Generation
from fishvoiced.backends.fish.prompt import build_prompt
from fishvoiced.backends.fish.types import Codes, Frontend, Reference, SamplingOptions
from fishvoiced.errors import DaemonError, NothingToSay
from fishvoiced.synthesis.base import MAX_SEGMENT_CHARACTERS, Reads, Rendering, Traits
from fishvoiced.synthesis.said import said
from fishvoiced.text.english import EnglishFrontend
from fishvoiced.text.lines import Line

SLOWEST_CHARACTERS_PER_SECOND = 4.0
SPARE_SECONDS = 4.0
"""A segment that takes longer than its characters at the slowest pace plus this is babble, and is cut off."""

References: TypeAlias = tuple[Reference, ...]


@dataclass
class FishRenderer:
    """See :class:`fishvoiced.synthesis.base.Renderer`. ``encode`` makes a reference of the request's own recording;
    it is slow, and called by `prepare`."""

    engine: Engine
    seed: int
    sampling: SamplingOptions
    references: References = ()
    frontend: Frontend = field(default=lambda text: text)
    numbers_in_words: bool = False
    segment_characters: int = MAX_SEGMENT_CHARACTERS
    encode: Callable[[], Reference] | None = None
    language: str = "en"

    def __post_init__(self) -> None:
        self._coming: Mapping[int, Line] = {}
        self._begun: dict[int, Generation] = {}  # of segments to come

    @property
    def traits(self) -> Traits:
        codec = self.engine.config.codec
        step, streams = 1.0 / codec.frame_rate, self.engine.streams
        most = self.segment_characters
        if isinstance(self.frontend, EnglishFrontend):
            known = self.frontend.words
            return Traits(codec.sample_rate, step, most, reads="spoken", known_words=known, streams=streams)
        reads: Reads = "numbered" if self.numbers_in_words else "written"
        return Traits(codec.sample_rate, step, most, language=self.language, reads=reads, streams=streams)

    def prepare(self) -> Iterator[None]:
        """Encode the recording to imitate, where there is one. Raises BadReference."""
        if self.encode is not None:
            yield None  # encoding takes a while: let the caller look round first
            self.references = (self.encode(),)

    def beside(self, coming: Mapping[int, Line]) -> None:
        self._coming = coming

    def render(self, index: int, line: Line) -> Rendering:
        """Each segment begins with a fresh decoder, as upstream decodes them."""
        decoder = self.engine.decoder()
        generation = self._begun.pop(index, None) or self._generation(index, line)
        with closing(generation):
            for codes in self._blocks(generation):
                yield None if codes is None else decoder.decode(codes)

    def close(self) -> None:
        while self._begun:
            self._begun.popitem()[1].close()

    def _prepared(self, text: str) -> str:
        return self.frontend.of_spoken(text) if isinstance(self.frontend, EnglishFrontend) else self.frontend(text)

    def _generation(self, index: int, line: Line) -> Generation:
        engine = self.engine
        text = said(line, self.traits)
        read = self._prepared(text)
        if not read.strip(" ,.?!"):
            raise NothingToSay("there is nothing in this text that the voice can pronounce")
        prompt = build_prompt(engine.tokenizer, engine.config.dual_ar.num_codebooks, read, self.references)
        limit = most_frames(len(text), engine.config.codec.frame_rate)
        return engine.generate(prompt, self.sampling, segment_seed(self.seed, index), limit)

    def _blocks(self, generation: Generation) -> Iterator[Codes | None]:
        """Codes of one segment in growing blocks; None after each step that completes no block."""
        sizes = block_sizes()
        block: list[Codes] = []
        size = next(sizes)
        for codes in generation:
            block.append(codes)
            if len(block) == size:
                yield np.concatenate(block, axis=1)
                block, size = [], next(sizes)
            else:
                yield None
            if self._begin_another():
                yield None
            for other in self._coming:
                if other in self._begun:
                    self._begun[other].ride()
        if block:
            yield np.concatenate(block, axis=1)

    def _begin_another(self) -> bool:
        """Begin one of the segments to come, if there is one that was not begun and can be."""
        for index, line in self._coming.items():
            if index not in self._begun:
                try:
                    generation = self._generation(index, line)
                except DaemonError:
                    return False  # its own turn will tell why
                self._begun[index] = generation
                generation.begin()
                return True
        return False


def most_frames(characters: int, frame_rate: float) -> int:
    """The frame limit of a segment of so many characters: more is babble."""
    return int((SPARE_SECONDS + characters / SLOWEST_CHARACTERS_PER_SECOND) * frame_rate)


def block_sizes() -> Iterator[int]:
    """Frames per codec run: the first sound at once, then larger blocks, which cost less per frame.

    Fixed rather than fitted to the clock, so that a seed decides every bit of the sound.
    """
    return chain((1, 1, 2, 2, 4, 4), repeat(8))


def segment_seed(seed: int, index: int) -> int:
    """Segments draw independently, and each the same whatever the others are."""
    return int(np.random.SeedSequence([seed, index]).generate_state(1, np.uint64)[0])
