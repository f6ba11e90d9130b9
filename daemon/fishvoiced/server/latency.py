"""How fast the voices have been lately, and what that promises to the next request. Pure; nothing is invented:
what has not been measured is None.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from fishvoice.protocol import Predicted, Synthesize

WINDOW = 1024
_WEIGHT = 0.3  # of the newest measurement: the last handful of requests decide


@dataclass(frozen=True)
class FinishedRequest:
    """One finished request. ``opening_seconds`` is from the first step of work to the first chunk."""

    voice: str
    characters: int
    work_seconds: float
    audio_seconds: float
    opening_seconds: float | None


@dataclass
class _Voice:
    opening: float | None = None
    deviation: float = 0.0  # of the openings, on average
    work_per_character: float | None = None
    audio_per_character: float | None = None
    rtf: float | None = None
    expected_rtf: float | None = None  # until one was measured


@dataclass
class LatencyEstimator:
    """Moving averages per voice, and a bounded window of the times to first audio for the percentiles."""

    _voices: dict[str, _Voice] = field(default_factory=dict)
    _all: _Voice = field(default_factory=_Voice)
    _first_audio: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))

    def record(self, measured: FinishedRequest) -> None:
        """Learn from a request that was spoken to its end."""
        for voice in (self._voices.setdefault(measured.voice, _Voice()), self._all):
            if measured.opening_seconds is not None:
                if voice.opening is not None:
                    voice.deviation = _blend(voice.deviation, abs(measured.opening_seconds - voice.opening))
                voice.opening = _blend(voice.opening, measured.opening_seconds)
            if measured.audio_seconds > 0 and measured.characters > 0:
                voice.work_per_character = _blend(voice.work_per_character, measured.work_seconds / measured.characters)
                voice.audio_per_character = _blend(
                    voice.audio_per_character, measured.audio_seconds / measured.characters
                )
                voice.rtf = _blend(voice.rtf, measured.work_seconds / measured.audio_seconds)

    def expect(self, voice: str, rtf: float | None) -> None:
        """What calibration, or an earlier process, has found out about a voice."""
        self._voices.setdefault(voice, _Voice()).expected_rtf = rtf

    def heard(self, first_audio_seconds: float) -> None:
        """A request's first chunk was sent so long after the request arrived."""
        self._first_audio.append(first_audio_seconds)

    def predict(
        self, voice: str | None, characters: int, characters_ahead: int, load_seconds: float | None = 0.0
    ) -> Predicted:
        """What a request for ``characters`` may expect behind ``characters_ahead`` others, and behind the load of its
        model (None: not known)."""
        own = self._voice(voice)
        known = own.opening, self.wait(characters_ahead), load_seconds
        return Predicted(
            first_audio_seconds=None if None in known else sum(part for part in known if part is not None),
            rtf=own.expected_rtf if own.rtf is None else own.rtf,
            audio_seconds=None if own.audio_per_character is None else own.audio_per_character * characters,
        )

    def soonest(self, voice: str | None, characters_ahead: int, load_seconds: float | None) -> float | None:
        """The first sound does not come before so many seconds: what was never measured counts for nothing, except a
        load, which is never for nothing: then None."""
        if load_seconds is None:
            return None
        return load_seconds + (self.wait(characters_ahead) or 0.0) + (self._voice(voice).opening or 0.0)

    def longest_opening(self, voice: str | None) -> float:
        """What a first sound takes at most, all but never more; 0 where nothing was measured."""
        own = self._voice(voice)
        return 0.0 if own.opening is None else own.opening + 4 * own.deviation

    def work(self, characters: int) -> float:
        """As `wait`, with 0 for what was not measured."""
        return self.wait(characters) or 0.0

    def _voice(self, voice: str | None) -> _Voice:
        return self._all if voice is None else self._voices.get(voice, _Voice())

    def wait(self, characters: int) -> float | None:
        """Seconds of work for so many characters; None if nothing was measured yet."""
        if characters == 0:
            return 0.0
        return None if self._all.work_per_character is None else characters * self._all.work_per_character

    @property
    def rtf(self) -> float | None:
        """The real-time factor of late, over all voices."""
        return self._all.rtf

    def first_audio_percentiles(self) -> dict[str, float]:
        """p50, p90 and p99 in seconds over the last requests; empty before the first."""
        heard = sorted(self._first_audio)
        if not heard:
            return {}
        return {f"p{p}": heard[min(len(heard) - 1, len(heard) * p // 100)] for p in (50, 90, 99)}


def _blend(old: float | None, new: float) -> float:
    return new if old is None else (1 - _WEIGHT) * old + _WEIGHT * new


@dataclass(frozen=True)
class DeadlineMet:
    """The request as it will be spoken, perhaps with its fallback voice, and what it may expect."""

    request: Synthesize
    predicted: Predicted
    notice: str | None = None


@dataclass(frozen=True)
class DeadlineMissed:
    """``first_audio_within`` cannot be kept: it would take ``seconds`` at least, of which ``wait`` behind others.

    ``seconds`` is None where a model has to be loaded first and never was: then nothing can be promised.
    """

    seconds: float | None
    within: float
    wait: float | None

    def __str__(self) -> str:
        if self.seconds is None:
            return (
                "the voice's model is not in memory, and how long loading takes is not known before its first time: "
                "load it beforehand, with an empty text and keep_alive, or ask without first_audio_within"
            )
        return f"the first sound would come after {self.seconds:.2f} s; {self.within:g} s were asked for"


def check_deadline(
    pace: LatencyEstimator,
    request: Synthesize,
    default_voice: str | None,
    characters_ahead: int,
    load_seconds: Callable[[str | None], float | None],
) -> DeadlineMet | DeadlineMissed:
    """Whether the request's deadline can be kept, with its own voice or the one that it allows instead.

    ``load_seconds``: how long it takes until a voice's model is in memory, 0 if it is, None if unknown. With a
    loaded model of which nothing was measured yet, nothing speaks against trying.
    """

    def expected(voice: str | None) -> tuple[Predicted, float | None]:
        load = load_seconds(voice)
        return (
            pace.predict(voice, len(request.text), characters_ahead, load),
            pace.soonest(voice, characters_ahead, load),
        )

    voice, within = request.voice or default_voice, request.first_audio_within
    predicted, soonest = expected(voice)
    if within is None or (soonest is not None and soonest <= within):
        return DeadlineMet(request, predicted)
    fallback = request.fallback_voice
    if fallback is not None and fallback != voice:
        instead, sooner = expected(fallback)
        if sooner is not None and sooner <= within:
            notice = f"{fallback} speaks, because {voice or 'the voice asked for'} would come too late"
            return DeadlineMet(msgspec.structs.replace(request, voice=fallback), instead, notice)
    return DeadlineMissed(soonest, within, pace.wait(characters_ahead))
