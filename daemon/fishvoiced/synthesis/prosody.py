"""Speed, pitch and volume of a request, applied to the sound of any voice chunk by chunk.

Pitch is a time stretch followed by resampling, which changes length back: ``pitch`` p is a stretch to p times the
length, and then p times fewer samples per second of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fishvoiced.errors import BadRequest
from fishvoiced.synthesis.audio import Samples
from fishvoiced.synthesis.tempo.time_stretch import MAX_SPEED, MIN_SPEED, Stretcher
from fishvoiced.text.spans import Prosody as Style

MIN_PITCH, MAX_PITCH = 0.5, 2.0
"""Factors of the voice's own: an octave down and up."""
MAX_VOLUME = 2.0


@dataclass(frozen=True)
class Sound:
    """Speed, pitch and volume as factors of the voice's own."""

    speed: float = 1.0
    pitch: float = 1.0
    volume: float = 1.0

    def at_own_speed(self) -> Sound:
        return replace(self, speed=1.0)

    def styled(self, style: Style) -> Sound:
        """With a stretch of text's own prosody on top, as far as the limits go."""
        if style == Style():
            return self
        return Sound(
            min(max(self.speed * style.rate, MIN_SPEED), MAX_SPEED),
            min(max(self.pitch * 2.0 ** (style.pitch / 12.0), MIN_PITCH), MAX_PITCH),
            min(self.volume * style.volume, MAX_VOLUME),
        )

    def prosody(self, sample_rate: int, *, stretches: bool = True) -> Prosody:
        """Raises BadRequest for a factor out of range."""
        return Prosody(sample_rate, self.speed, self.pitch, self.volume, stretches=stretches)


class Prosody:
    """What comes out is ``round(samples / speed)`` long in the end, or as long as what went in if ``stretches`` is
    False: then the voice has applied the speed itself.

    1, 1 and 1 give back every chunk as it came, at once. Raises BadRequest for a factor out of range.
    """

    def __init__(
        self, sample_rate: int, speed: float = 1.0, pitch: float = 1.0, volume: float = 1.0, *, stretches: bool = True
    ) -> None:
        _check("speed", speed, MIN_SPEED, MAX_SPEED)
        _check("pitch", pitch, MIN_PITCH, MAX_PITCH)
        _check("volume", volume, 0.0, MAX_VOLUME)
        self._volume = np.float32(volume)
        tempo = speed if stretches else 1.0
        self._stretcher = Stretcher(sample_rate, tempo / pitch, emphasis=tempo > 1)
        self._resampler = None if pitch == 1 else _Resampler(sample_rate, pitch)

    def push(self, samples: Samples) -> Samples:
        """More sound → all that no later sound can change."""
        stretched = self._stretcher.push(samples)
        return self._louder(stretched if self._resampler is None else self._resampler.push(stretched))

    def finish(self) -> Samples:
        """The rest. The prosody is of no use afterwards."""
        rest = self._stretcher.finish()
        return self._louder(rest if self._resampler is None else self._resampler.finish(rest))

    def _louder(self, samples: Samples) -> Samples:
        return samples if self._volume == 1 else samples * self._volume


class _Resampler:
    """``pitch`` times fewer samples, by soxr's stream; in float32, where it does not dither."""

    def __init__(self, sample_rate: int, pitch: float) -> None:
        import soxr  # 20 ms that only a changed pitch pays

        self._stream: Any = soxr.ResampleStream(sample_rate * pitch, sample_rate, 1, dtype="float32", quality="MQ")

    def push(self, samples: Samples) -> Samples:
        made: Samples = self._stream.resample_chunk(samples)
        return made

    def finish(self, samples: Samples) -> Samples:
        made: Samples = self._stream.resample_chunk(samples, last=True)
        return made


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # NaN fails, too
        raise BadRequest(f"{name} must be between {low:g} and {high:g}, not {value:g}")
