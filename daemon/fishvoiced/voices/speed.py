"""How fast a model runs here: predicted, observed, and by precision."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Speed:
    """A loaded model's RTF: ``predicted`` by calibration, ``observed`` over ``utterances``, and how far off the
    prediction was, (predicted - observed) / observed; None: not known yet."""

    predicted: float | None
    observed: float | None
    utterances: int
    error: float | None

    @property
    def expected(self) -> float | None:
        """What to tell a listener."""
        return self.predicted if self.observed is None else self.observed
