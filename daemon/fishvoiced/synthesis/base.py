"""What synthesis asks of a kind of voice (`Renderer`), and the steps in which a request becomes sound."""

from __future__ import annotations

from collections.abc import Container, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from fishvoice.protocol import MarkTime, WordTime
from fishvoiced.synthesis.audio import Samples
from fishvoiced.text.lines import Line

MAX_SEGMENT_CHARACTERS = 200

Reads: TypeAlias = Literal["written", "numbered", "phonetic", "spoken"]
Alphabet: TypeAlias = Literal["ipa", "misaki"]


@dataclass(frozen=True)
class Waiting:
    """Nothing to compute here for up to ``seconds``: the sound is made elsewhere."""

    seconds: float


@dataclass(frozen=True)
class TimedSamples:
    """Sound of a voice that knows when it says what: each spoken word, and the seconds from the segment's first sample
    to its beginning. ``words`` need not lie in ``samples``; over a segment they come once and in order."""

    samples: Samples
    words: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Notice:
    """Something that the listener should know of the request from here on."""

    message: str


@dataclass(frozen=True)
class Lightened:
    """From here on the request is spoken with less work, because the machine is too hot.

    ``message`` is for the listener; ``model`` names what speaks now, and ``rtf`` is what that costs here (None: not
    known).
    """

    message: str
    model: str
    rtf: float | None


Rendering: TypeAlias = Generator[Samples | TimedSamples | Waiting | Notice | Lightened | None, None, None]
"""One segment on its way to sound: samples [n], or None for a step of work without sound yet. ``close()`` cancels."""


@dataclass(frozen=True)
class Traits:
    """What the rest of the daemon must know of a renderer.

    ``step_seconds`` is the sound made per step of work; None where a step renders a whole segment, so that a cancel
    waits for its end. ``on_this_cpu`` False: sound is made elsewhere, and neither heat nor calibration concerns it.
    ``changes_speed``: the renderer applies the request's speed itself, so that no time stretch follows.

    ``reads`` is what the voice is to be given of a line. "written": normalized text without markup, in ``language``;
    "numbered": the same with numbers written out; "phonetic": the same as "written", but fixed pronunciations as in
    "spoken"; "spoken": words as they are said, letters' names as capitals, the
    pause marks ``, . ? !``, and ``[word](/phones/)`` in ``alphabet`` where a pronunciation is fixed. ``known_words``
    are those that a voice can pronounce whatever their spelling. ``streams``: segments that it works on at a time, at
    little more than the cost of one, if it is `SideBySide`.
    """

    sample_rate: int
    step_seconds: float | None
    max_segment_characters: int = MAX_SEGMENT_CHARACTERS
    on_this_cpu: bool = True
    changes_speed: bool = False
    language: str = "en"
    reads: Reads = "written"
    alphabet: Alphabet = "ipa"
    known_words: Container[str] = frozenset()
    streams: int = 1

    def frames(self, samples: Samples) -> int:
        """How many steps of work made ``samples``; 0 for a kind that does not work in frames."""
        return 0 if self.step_seconds is None else round(len(samples) / self.sample_rate / self.step_seconds)


class Renderer(Protocol):
    """One request to one voice, with everything resolved: voice, seed, sampling, reference."""

    @property
    def traits(self) -> Traits:
        """Constant for the renderer's life."""

    def prepare(self) -> Iterator[None]:
        """Slow work before the first segment, such as encoding a reference recording, in steps.

        Raises DaemonError if the request cannot be spoken at all.
        """

    def render(self, index: int, line: Line) -> Rendering:
        """The sound of segment ``index``; `fishvoiced.synthesis.said.said` gives its text as the traits want it.

        Raises DaemonError if this segment cannot be spoken; the following ones still are.
        """


@runtime_checkable
class SideBySide(Protocol):
    """A `Renderer` that can work on segments to come together with the one that is rendered."""

    def beside(self, coming: Mapping[int, Line]) -> None:
        """Work on these, by index, too, from the next step on and until told otherwise; they are rendered later."""

    def close(self) -> None:
        """The request is over: give back what was begun."""


@dataclass(frozen=True)
class Chunk:
    """Sound, and the characters [text_start, text_end) of the request that it is estimated to say.

    ``frames`` counts the frames that were made for it; 0 for kinds without frames. ``ends_segment``: the last of
    its segment, with the pause after it. ``words``: what has become known, in seconds from the request's first sample.
    """

    samples: Samples
    frames: int
    segment: int
    text_start: int
    text_end: int
    ends_segment: bool = False
    words: tuple[WordTime, ...] = ()
    marks: tuple[MarkTime, ...] = ()


@dataclass(frozen=True)
class SegmentFailure:
    """A segment that could not be spoken; the following ones still are."""

    segment: int
    text_start: int
    text_end: int
    message: str


Step: TypeAlias = Chunk | SegmentFailure | Waiting | Notice | Lightened | None
