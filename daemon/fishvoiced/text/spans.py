"""What the first stage yields: a request's text without its markup, as spans that know where they came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

MIN_RATE, MAX_RATE = 0.25, 4.0
MAX_SEMITONES = 12.0
MAX_GAIN = 4.0


@dataclass(frozen=True, slots=True)
class Prosody:
    """How a stretch sounds, relative to the voice: ``rate`` and ``volume`` are factors, ``pitch`` is semitones."""

    rate: float = 1.0
    pitch: float = 0.0
    volume: float = 1.0

    def within_limits(self) -> Prosody:
        return Prosody(
            min(max(self.rate, MIN_RATE), MAX_RATE),
            min(max(self.pitch, -MAX_SEMITONES), MAX_SEMITONES),
            min(max(self.volume, 0.0), MAX_GAIN),
        )


@dataclass(frozen=True, slots=True)
class Style:
    """What the markup around a text asks for. ``language`` and ``voice`` None: the request's."""

    prosody: Prosody = Prosody()
    language: str | None = None
    voice: str | None = None


PLAIN_STYLE = Style()


class Text(NamedTuple):
    """``text`` as the writer means it, for ``source[start:end]``.

    As long as its source it is that source, character by character; otherwise it stands for it as a whole (an
    entity, a line break that markup implies). ``alias``, ``phones`` and ``say_as`` say how it is read, ``code``
    that it is program text: see :class:`fishvoiced.text.spoken.words.Fixed`. ``announcement``: nobody has written it,
    and it is English.
    """

    text: str
    start: int
    end: int
    style: Style = PLAIN_STYLE
    alias: str | None = None
    phones: str | None = None
    say_as: str | None = None
    code: bool = False
    announcement: bool = False

    @property
    def is_fixed(self) -> bool:
        return self.code or self.alias is not None or self.phones is not None or self.say_as is not None


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence of exactly so many seconds, written at ``source[start:end]``."""

    seconds: float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Mark:
    """A name to be reported when speech comes to this place of the source."""

    name: str
    at: int


Span: TypeAlias = Text | Pause | Mark


@dataclass(frozen=True, slots=True)
class Script:
    """``source`` read: ``spans`` in its order. ``notices`` tell the listener what could not be understood."""

    source: str
    spans: tuple[Span, ...]
    notices: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What is left of the source without its markup."""
        return "".join(span.text for span in self.spans if isinstance(span, Text))
