"""A request that the inference thread has opened, and what it has cost so far."""

from __future__ import annotations

from dataclasses import dataclass

from fishvoice.protocol import SampleFormat
from fishvoiced.inference.cooling import Cooling
from fishvoiced.voices.base import Utterance


@dataclass
class ActiveRequest:
    """A request that was opened here: its steps, and what they have cost so far."""

    utterance: Utterance
    format: SampleFormat
    cooling: Cooling
    models: list[str]
    """Those that speak it: the last one now, the others before the machine became too hot for them."""
    work_seconds: float = 0.0
    cpu_seconds: float = 0.0  # since the last chunk
    audio_seconds: float = 0.0
    told: tuple[float, float] = (0.0, 0.0)  # work and sound up to the last segment's end

    def segment_cost(self) -> tuple[float, float]:
        """Seconds of work and of sound since the segment before ended."""
        work, sound = self.work_seconds - self.told[0], self.audio_seconds - self.told[1]
        self.told = (self.work_seconds, self.audio_seconds)
        return work, sound

    @property
    def model(self) -> str:
        """What speaks now."""
        return self.models[-1]

    def uses(self, model: str) -> bool:
        return model in self.models or model in self.utterance.others

    @property
    def rtf(self) -> float | None:
        """So far."""
        return self.work_seconds / self.audio_seconds if self.audio_seconds else None
