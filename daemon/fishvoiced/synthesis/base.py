"""What synthesis takes and gives: a request's speech, and the steps in which it becomes sound."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from fishvoiced.fish.types import Frontend, Reference, SamplingOptions
from fishvoiced.synthesis.audio import Samples

MAX_SEGMENT_CHARACTERS = 200


@dataclass(frozen=True)
class Speech:
    """What to speak, and how; everything resolved and checked."""

    text: str
    seed: int
    sampling: SamplingOptions
    speed: float = 1.0
    references: tuple[Reference, ...] = ()
    frontend: Frontend = field(default=lambda text: text)
    segment_characters: int = MAX_SEGMENT_CHARACTERS


@dataclass(frozen=True)
class Chunk:
    """Sound of ``frames`` frames, and the characters [text_start, text_end) of the request it is estimated to say.

    0 frames: the end of a segment, with the pause after it.
    """

    samples: Samples
    frames: int
    segment: int
    text_start: int
    text_end: int


@dataclass(frozen=True)
class SegmentFailure:
    """A segment that could not be spoken; the following ones still are."""

    segment: int
    text_start: int
    text_end: int
    message: str


Step: TypeAlias = Chunk | SegmentFailure | None
