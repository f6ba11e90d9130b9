"""How fast the voices have been lately, and what that promises to the next request. Pure; nothing is invented:
what has not been measured is None.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import msgspec

from fishvoice.protocol import Predicted, Synthesize

WINDOW = 1024
_WEIGHT = 0.3  # of the newest measurement: the last handful of requests decide


@dataclass(frozen=True)
class Measured:
    """One finished request. ``opening_seconds`` is from the first step of work to the first chunk."""

    voice: str
    characters: int
    work_seconds: float
    audio_seconds: float
    opening_seconds: float | None


@dataclass
class _Voice:
    opening: float | None = None
    work_per_character: float | None = None
    audio_per_character: float | None = None
    rtf: float | None = None
    expected_rtf: float | None = None  # until one was measured


@dataclass
class Pace:
    """Moving averages per voice, and a bounded window of the times to first audio for the percentiles."""

    _voices: dict[str, _Voice] = field(default_factory=dict)
    _all: _Voice = field(default_factory=_Voice)
    _first_audio: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))

    def record(self, measured: Measured) -> None:
        """Learn from a request that was spoken to its end."""
        for voice in (self._voices.setdefault(measured.voice, _Voice()), self._all):
            if measured.opening_seconds is not None:
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
        """A listener's first chunk left, so long after his request came."""
        self._first_audio.append(first_audio_seconds)

    def predict(self, voice: str | None, characters: int, characters_ahead: int) -> Predicted:
        """What a request for ``characters`` may expect behind ``characters_ahead`` others."""
        own = self._voices.get(voice, _Voice()) if voice is not None else self._all
        wait = self.wait(characters_ahead)
        return Predicted(
            first_audio_seconds=None if own.opening is None or wait is None else wait + own.opening,
            rtf=own.expected_rtf if own.rtf is None else own.rtf,
            audio_seconds=None if own.audio_per_character is None else own.audio_per_character * characters,
        )

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
class Promised:
    """The request as it will be spoken, perhaps with its fallback voice, and what it may expect."""

    request: Synthesize
    predicted: Predicted
    notice: str | None = None


@dataclass(frozen=True)
class Late:
    """``first_audio_within`` cannot be kept: it would take ``seconds``, of which ``wait`` behind others."""

    seconds: float
    within: float
    wait: float | None

    def __str__(self) -> str:
        return f"the first sound would come after {self.seconds:.2f} s; {self.within:g} s were asked for"


def promise(pace: Pace, request: Synthesize, default_voice: str | None, characters_ahead: int) -> Promised | Late:
    """Whether the request's deadline can be kept, with its own voice or the one that it allows instead.

    Without a deadline, or before anything was measured, nothing speaks against trying.
    """
    voice, size, within = request.voice or default_voice, len(request.text), request.first_audio_within
    predicted = pace.predict(voice, size, characters_ahead)
    seconds = predicted.first_audio_seconds
    if within is None or seconds is None or seconds <= within:
        return Promised(request, predicted)
    wait = pace.wait(characters_ahead)
    fallback = request.fallback_voice
    if fallback is not None and fallback != voice:
        instead = pace.predict(fallback, size, characters_ahead)
        soonest = wait if instead.first_audio_seconds is None else instead.first_audio_seconds
        if soonest is None or soonest <= within:
            notice = f"{fallback} speaks, because {voice or 'the voice asked for'} would come too late"
            return Promised(msgspec.structs.replace(request, voice=fallback), instead, notice)
    return Late(seconds, within, wait)
