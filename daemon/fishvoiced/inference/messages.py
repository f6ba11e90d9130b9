"""What the loop asks of the inference thread, and what that says back: frozen records only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from fishvoice.protocol import MarkTime, SegmentError, Synthesize, WordTime
from fishvoiced.inference.governor import Delay
from fishvoiced.voices.base import Loaded


@dataclass(frozen=True)
class Job:
    """A request to work on."""

    key: int
    request: Synthesize


@dataclass(frozen=True)
class Opened:
    """Work on a request begins. ``load_seconds``: what loading its model took; None if that was in memory."""

    key: int
    sample_rate: int
    voice: str
    model: str
    notice: str | None
    load_seconds: float | None = None


@dataclass(frozen=True)
class Sound:
    """PCM in the request's format, made with ``work_seconds`` of inference since the request was opened."""

    key: int
    pcm: bytes
    frames: int
    seconds: float
    segment: int
    text_start: int
    text_end: int
    throttled: str | None
    work_seconds: float
    words: tuple[WordTime, ...] = ()
    marks: tuple[MarkTime, ...] = ()
    ends_segment: bool = False


@dataclass(frozen=True)
class Elsewhere:
    """The request's sound is being made elsewhere: nothing to compute for it until ``until`` (monotonic seconds)."""

    key: int
    until: float


@dataclass(frozen=True)
class Resting:
    """The request stands still until ``until`` (monotonic seconds), perhaps longer, because the machine is hot."""

    key: int
    until: float
    delay: Delay


@dataclass(frozen=True)
class Noticed:
    """Something that the listener is to be told with the next sound, or at the request's end."""

    key: int
    message: str


@dataclass(frozen=True)
class SegmentLost:
    key: int
    error: SegmentError


@dataclass(frozen=True)
class Done:
    """All was generated, in ``work_seconds`` of inference; ``notice`` is for the listener."""

    key: int
    work_seconds: float
    notice: str | None = None


@dataclass(frozen=True)
class Failed:
    """The request is lost; if the engine is to blame, `Rebuilt` came before."""

    key: int
    code: str
    message: str


@dataclass(frozen=True)
class Rebuilt:
    """The engine failed and was thrown away; ``reason`` and, of a mistake, ``where`` it happened are for the log."""

    reason: str
    where: str = ""


@dataclass(frozen=True)
class Ready:
    """A model is in memory, as `load` asked, after ``seconds``; None if it was there already."""

    tag: int
    loaded: Loaded
    seconds: float | None


@dataclass(frozen=True)
class NotReady:
    """A model could not be loaded."""

    tag: int
    code: str
    message: str


@dataclass(frozen=True)
class Unloaded:
    model: str


@dataclass(frozen=True)
class Load:
    """Bring a voice's model into memory."""

    tag: int
    voice: str | None


@dataclass(frozen=True)
class Unload:
    """Free a model."""

    model: str


@dataclass(frozen=True)
class Discard:
    """A request has ended: give back what it holds."""

    key: int


Order: TypeAlias = Job | Load | Unload | Discard
Event: TypeAlias = (
    Opened | Sound | Elsewhere | Resting | Noticed | SegmentLost | Done | Failed | Rebuilt | Ready | NotReady | Unloaded
)
