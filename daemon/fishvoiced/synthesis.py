"""The one page: a request's text → chunks of sound.

A generator of steps. Between any two frames it hands control back (None when there is no sound yet), so that
its caller may stop, pause or slow it down at every frame; dropping the generator is how a request is cancelled.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from fishvoiced.engine.base import Codes, Engine, Samples, SamplingOptions


@dataclass(frozen=True)
class Reference:
    """A recording to speak like: its codes [num_codebooks, frames] and what it says."""

    codes: Codes
    text: str


@dataclass(frozen=True)
class Speech:
    """What to speak, and how; everything resolved and checked."""

    text: str
    seed: int
    sampling: SamplingOptions
    speed: float = 1.0
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True)
class Chunk:
    """Sound of ``frames`` frames, and the characters [text_start, text_end) of the request it is estimated to say."""

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


def synthesize(engine: Engine, speech: Speech) -> Iterator[Step]:
    """Speak ``speech`` with ``engine``. Raises BadRequest, before the first step, if there is nothing to say."""
    raise NotImplementedError
