"""What the inference thread asks of the voices: the `Speaker`, and one request opened by it as an `Utterance`."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

from fishvoice.protocol import Synthesize, VoiceInfo
from fishvoiced.synthesis.base import Step
from fishvoiced.voices.speed import Speed


@dataclass(frozen=True)
class Utterance:
    """A request on its way to sound.

    ``steps`` does at most one frame of work per ``next()``; closing it gives back all it holds. ``model`` is the
    key by which `Speaker.unload` frees what this utterance used. ``notice`` is told to the listener, e.g. that a
    stand-in voice speaks.
    """

    steps: Generator[Step, None, None]
    sample_rate: int
    frame_seconds: float
    voice: str
    model: str
    notice: str | None = None


@dataclass(frozen=True)
class Loaded:
    """A model that is in memory now."""

    model: str
    voice: str
    engine: str
    precision: str
    notice: str | None = None
    speed: Speed | None = None


class Speaker(Protocol):
    """Voices, their models, and which of them are in memory.

    Everything is called from the inference thread, except `voices` and `loaded`, which any thread may call at any
    time and which must not block on inference.
    """

    def voices(self) -> Sequence[VoiceInfo]:
        """The voices there are; exactly one is the default."""

    def loaded(self) -> Sequence[Loaded]:
        """The models in memory."""

    def load(self, voice: str | None) -> Loaded:
        """Bring the voice's model (None: the default voice's) into memory and warm it. Raises FishvoiceError."""

    def open(self, request: Synthesize) -> Utterance:
        """Resolve voice, seed, sampling and reference of ``request``, loading its model if need be.

        Slow work besides loading, such as encoding a reference recording, belongs into the first steps, which
        may yield None. Raises BadRequest for what cannot be spoken, any FishvoiceError for what fails.
        """

    def unload(self, model: str) -> None:
        """Free the model; no utterance of it is open. A model that is not loaded is no error."""

    def reset(self) -> None:
        """After a failed engine: free every model, so that the next use builds a new one."""
