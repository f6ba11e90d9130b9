"""Faster or slower speech at the same pitch, chunk by chunk.

WSOLA (Verhelst and Roelands, "An overlap-add technique based on waveform similarity", ICASSP 1993): pieces of
equal length are taken from the input at about ``speed`` times the distance at which they are laid down, each moved by
up to SEARCH_SECONDS to where it continues the piece before it best, and cross-faded with it. In fast speech the
distance follows what carries the words: `fishvoiced.synthesis.tempo.emphasis`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fishvoiced.synthesis.audio import Samples
from fishvoiced.synthesis.tempo.clock import EmphasizingClock, EvenClock

MIN_SPEED = 0.25
MAX_SPEED = 4.0
PIECE_SECONDS = 0.015  # more than a period of the deepest voice, less than a syllable
SEARCH_SECONDS = 0.010  # either way: together a period of a 50 Hz voice


class Stretcher:
    """Stretches one stretch of sound; what comes out is ``round(samples / speed)`` long in the end.

    The chunks' sizes make no difference to the sound, which should end softly, as a segment from the joiner does.
    ``speed`` 1 gives back every chunk as it came, at once; others hold back up to 60 ms of the input, 110 ms with
    ``emphasis``: what carries the words is then shortened less than the rest (only where ``speed`` is above 1).
    ``speed`` is a positive number.
    """

    def __init__(self, sample_rate: int, speed: float, *, emphasis: bool = False) -> None:
        assert speed > 0, "checked where it comes in"
        self._speed = speed
        self._clock = EmphasizingClock(sample_rate, speed) if emphasis and speed > 1 else EvenClock(speed)
        self._piece = round(PIECE_SECONDS * sample_rate)
        self._search = round(SEARCH_SECONDS * sample_rate)
        self._rise: Samples = (np.sin(np.pi / 2 * (np.arange(self._piece) + 0.5) / self._piece) ** 2).astype(np.float32)
        self._input: Samples = np.zeros(0, np.float32)
        self._dropped = 0  # samples already cut off the front of the input
        self._received = 0
        self._laid = 0  # pieces laid down
        self._natural: Samples | None = None  # what followed the last piece in the input: [piece]

    def push(self, samples: Samples) -> Samples:
        """More input → all output that no later input can change."""
        self._received += len(samples)
        if self._speed == 1:
            return samples
        self._input = np.concatenate([self._input, samples])
        self._clock.push(samples)
        return self._lay_down(math.inf)

    def finish(self) -> Samples:
        """The rest of the output. The stretcher cannot be used again."""
        if self._speed == 1:
            return np.zeros(0, np.float32)
        length = round(self._received / self._speed) - self._laid * self._piece
        self._clock.finish(self._received, self._laid * self._piece)
        # Silence behind the end lets the last pieces look ahead as far as all others.
        padding = round(self._piece * (2 * self._speed + 2)) + self._search
        self._input = np.concatenate([self._input, np.zeros(padding, np.float32)])
        return self._lay_down(length)[: max(0, length)]

    def _lay_down(self, enough: float) -> Samples:
        """Pieces for as long as the input reaches, or until ``enough`` samples are laid."""
        laid: list[Samples] = []
        while len(laid) * self._piece < enough:
            # A piece is loudest at its middle, one piece behind its beginning; that moment is to come on time.
            middle = self._clock.input_at((self._laid + 1) * self._piece)
            if middle is None:
                break
            nominal = max(0, round(middle) - self._piece - self._dropped)
            if nominal + self._search + 2 * self._piece > len(self._input):
                break
            place = 0 if self._natural is None else self._best(nominal, self._natural)
            piece = self._input[place : place + self._piece]
            if self._natural is not None:
                piece = self._natural + (piece - self._natural) * self._rise
            laid.append(piece)
            self._natural = self._input[place + self._piece : place + 2 * self._piece]
            self._laid += 1
            gone = max(0, nominal - self._search)
            self._input, self._dropped = self._input[gone:], self._dropped + gone
        return np.concatenate(laid) if laid else np.zeros(0, np.float32)

    def _best(self, nominal: int, natural: Samples) -> int:
        """Where around ``nominal`` the input looks most like ``natural``: the highest normalized correlation."""
        first = max(0, nominal - self._search)
        region = self._input[first : nominal + self._search + self._piece].astype(np.float64)
        correlation = _correlate(region, natural.astype(np.float64))
        energy = np.concatenate([[0.0], np.cumsum(np.square(region))])
        likeness = correlation / np.sqrt(np.maximum(energy[self._piece :] - energy[: -self._piece], 1e-9))
        best = int(np.argmax(likeness))
        return first + best if likeness[best] > 1e-6 else nominal  # in silence any place is as good


def _correlate(region: NDArray[np.float64], template: NDArray[np.float64]) -> NDArray[np.float64]:
    """The dot product of ``template`` with ``region`` at every place where it fits."""
    size = 1 << (len(region) - 1).bit_length()
    spectrum = np.fft.rfft(region, size) * np.fft.rfft(template, size).conj()
    return np.fft.irfft(spectrum, size)[: len(region) - len(template) + 1]
