"""Which moment of the input is to be heard when. Pure."""

from __future__ import annotations

import math

import numpy as np

from fishvoiced.synthesis.audio import Samples
from fishvoiced.synthesis.tempo.emphasis import Emphasis, Weights

DRIFT_SECONDS = 0.1
"""Of output: so far ahead of an even clock or behind it, the speed is e times higher or lower to make up for it."""
MOST_SHORTENED = 2.5  # times what an even clock does


class EvenClock:
    """Every moment counts alike."""

    def __init__(self, speed: float) -> None:
        self._speed = speed

    def push(self, samples: Samples) -> None:
        """More of the input."""

    def finish(self, samples: int, laid: int) -> None:
        """The input has ended after so many samples, of the output so many have been laid down."""

    def input_at(self, output: int) -> float | None:
        """The sample of the input that comes at sample ``output``; None: not known yet."""
        return output * self._speed


class EmphasizingClock:
    """Moments that carry the words are shortened less, all others more: for ``speed`` above 1.

    It never drifts far from an even clock, and ends with it.
    """

    def __init__(self, sample_rate: int, speed: float) -> None:
        self._emphasis = Emphasis(sample_rate)
        self._hop = self._emphasis.hop
        self._speed = speed
        self._slack = DRIFT_SECONDS * sample_rate
        self._outputs = [0.0]  # at the end of every hop from number `_first` on
        self._first = 0
        self._ended = False

    def push(self, samples: Samples) -> None:
        """More of the input."""
        self._add(self._emphasis.push(samples))

    def finish(self, samples: int, laid: int) -> None:
        """The input has ended after so many samples, of the output so many have been laid down."""
        self._add(self._emphasis.finish())
        self._ended = True
        # What has not been laid down yet is fitted into what is left of the time.
        end, left = max(self._outputs[-1], laid + 1.0), max(0.0, samples / self._speed - laid)
        self._outputs = [at if at <= laid else laid + (at - laid) * left / (end - laid) for at in self._outputs]

    def input_at(self, output: int) -> float | None:
        """The sample of the input that comes at sample ``output``; None: not known yet."""
        if output >= self._outputs[-1]:
            behind = (output - self._outputs[-1]) * self._speed
            return self._hop * (self._first + len(self._outputs) - 1) + behind if self._ended else None
        while len(self._outputs) > 2 and self._outputs[1] <= output:
            self._outputs.pop(0)
            self._first += 1
        start, end = self._outputs[0], self._outputs[1]
        return self._hop * (self._first + (output - start) / (end - start))

    def _add(self, weights: Weights) -> None:
        even = self._hop / self._speed
        for weight in weights:
            ahead = self._outputs[-1] - even * (self._first + len(self._outputs) - 1)
            length = even * float(weight) * math.exp(-ahead / self._slack)
            self._outputs.append(self._outputs[-1] + float(np.clip(length, even / MOST_SHORTENED, self._hop)))
