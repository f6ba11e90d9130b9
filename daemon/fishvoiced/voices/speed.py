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


@dataclass(frozen=True, slots=True)
class PrecisionFigure:
    """One measured way to run a model and the RTF that it predicts. ``threads`` None: the voice decides itself."""

    precision: str
    threads: int | None
    predicted_rtf: float
    disturbed: bool = False
    """Other programs took part of the machine meanwhile: nothing is chosen by it, and it is measured again."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What this machine measured of itself: the calibration's figures, the choice among them, and
    the RTF observed over ``utterances`` (None before the first)."""

    model: str
    figures: tuple[PrecisionFigure, ...]
    precision: str
    threads: int | None
    observed_rtf: float | None = None
    utterances: int = 0

    @property
    def predicted_rtf(self) -> float | None:
        """The prediction for the chosen combination."""
        chosen = (f for f in self.figures if f.precision == self.precision and f.threads == self.threads)
        return next((figure.predicted_rtf for figure in chosen), None)

    @property
    def expected_rtf(self) -> float | None:
        """Observed, else predicted."""
        return self.predicted_rtf if self.observed_rtf is None else self.observed_rtf

    @property
    def prediction_error(self) -> float | None:
        """(predicted - observed) / observed; None until both are known."""
        predicted, observed = self.predicted_rtf, self.observed_rtf
        if predicted is None or not observed:
            return None
        return (predicted - observed) / observed
