"""The seam of voices: what a kind implements (`Backend`, `LoadedModel`), and what inference asks (`Speaker`)."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence, Set
from dataclasses import dataclass
from typing import Protocol

from fishvoice.protocol import Synthesize, VoiceInfo
from fishvoiced.synthesis.base import Renderer, Step
from fishvoiced.text.spans import Script
from fishvoiced.voices.speed import Speed


@dataclass(frozen=True)
class LighterWay:
    """How a request can go on with less work, for when the machine is too hot for the way it began.

    ``model`` names what would speak, and ``notice`` tells the listener. ``ready`` must not block: the first call begins
    what has to be done before, such as loading; then ``make`` gives the renderer, and ``rtf`` what it costs (None: not
    known). ``ready`` and ``make`` raise DaemonError if the way cannot be gone.
    """

    model: str
    notice: str
    ready: Callable[[], bool]
    make: Callable[[], Renderer]
    rtf: Callable[[], float | None]


class LoadedModel(Protocol):
    """A model in memory. Used from the inference thread only, except ``speed``."""

    name: str
    engine: str
    precision: str
    notice: str | None
    """For the listener of every request, e.g. that another engine than the configured one runs."""

    def speed(self) -> Speed | None:
        """What is known of its real-time factor; any thread."""

    @property
    def streams(self) -> Streams:
        """At this moment; any thread."""

    def prepare(self, voice: str) -> None:
        """Compute ahead what requests to ``voice`` need besides the model. Raises DaemonError."""

    def renderer(self, request: Synthesize) -> Renderer:
        """Resolve seed, sampling and reference of ``request``, whose ``voice`` is one of this model's.

        Raises BadRequest, BadReference.
        """

    def lighter(self, request: Synthesize, renderer: Renderer) -> LighterWay | None:
        """The same voice with less work than ``renderer``, this model's for ``request``; None if there is no way."""

    def observe(self, rtf: float) -> None:
        """A request was spoken to its end at this real-time factor."""

    def close(self) -> None:
        """Give the memory back."""


class Backend(Protocol):
    """One kind of voice."""

    kind: str

    def default_voice(self) -> str | None:
        """The voice of this kind to speak when none is named; None if it has none."""

    def voices(self) -> Sequence[VoiceInfo]:
        """The voices of this kind. Any thread; must not block."""

    def model_of(self, voice: str) -> str | None:
        """The name of the model that speaks ``voice``; None if this kind has no such voice.

        Raises DaemonError if the voice is there but its model is not.
        """

    def load(self, voice: str) -> LoadedModel:
        """Bring the model of ``voice`` into memory and warm it. Raises DaemonError."""

    def busy(self, models: Sequence[LoadedModel]) -> None:
        """Something is being spoken: no work in the background now. ``models``: this kind's, in memory."""

    def idle(self, models: Sequence[LoadedModel]) -> None:
        """Nothing is being spoken: work in the background may begin after a while."""


@dataclass(frozen=True)
class Utterance:
    """A request on its way to sound.

    ``steps`` does at most one step of work per ``next()``; closing it gives back all it holds. ``model`` is the
    key by which `Speaker.unload` frees what this utterance used. ``notice`` is told to the listener, e.g. that a
    stand-in voice speaks. ``on_this_cpu`` False: heat does not concern it. ``lighten`` asks for less work from
    the next segment on, and says whether there is a way; `Lightened` among the steps tells when it is gone.
    ``streams``: utterances of this model that share the work of a step, if steps are asked of all of them in turn.
    """

    steps: Generator[Step, None, None]
    sample_rate: int
    voice: str
    model: str
    notice: str | None = None
    on_this_cpu: bool = True
    lighten: Callable[[], bool] = lambda: False
    others: Set[str] = frozenset()
    """Further models in it; more may come while it is spoken."""
    streams: int = 1


@dataclass(frozen=True)
class Streams:
    """How many segments and requests a model works on in one pass at ``most``, how many it has begun, and the memory
    that it set aside for what each has to remember; the system gives that as it is written."""

    most: int = 1
    begun: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Loaded:
    """A model that is in memory now."""

    model: str
    voice: str
    engine: str
    precision: str
    notice: str | None = None
    speed: Speed | None = None
    streams: Streams = Streams()


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
        """Bring the voice's model (None: the default voice's) into memory and warm it. Raises DaemonError."""

    def read(self, request: Synthesize) -> Script:
        """The text of ``request`` as spans. Any thread may call it; of a long text it takes a while."""

    def open(self, request: Synthesize, script: Script | None = None) -> Utterance:
        """Resolve voice, seed, sampling and reference of ``request``, loading its model if need be.

        Slow work besides loading, such as encoding a reference recording, belongs into the first steps, which
        may yield None. Raises BadRequest for what cannot be spoken, any DaemonError for what fails.
        """

    def unload(self, model: str) -> None:
        """Free the model; no utterance of it is open. A model that is not loaded is no error."""

    def reset(self) -> None:
        """After a failed engine: free every model, so that the next use builds a new one."""
