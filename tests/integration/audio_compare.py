"""Hearing what the microphone has recorded: is all of a sound in it, once and in order? And which words are it?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np
import soxr
from numpy.typing import NDArray
from pocketsphinx import Decoder

from tools.harness.desktop import AUDIBLE, RATE, Samples

EAR_RATE = 16000
BAND = 8000  # sampling rate whose band every voice and resampler leaves alone
FINE_RATE = 32000  # two resamplers do not delay by whole samples
BLOCK_SECONDS = 0.05
LEAST_SECONDS = 0.0125  # a block that a gap has split is looked for in parts down to this
NEAR_SECONDS = 0.03  # two clocks of sound drift less than this from one block to the next
SAME = 0.8  # correlation of two blocks that are one; half of all other blocks stay below 0.4
PEAK = 0.02  # a voice is nearly periodic: places this much less alike are not the place
GAP_SECONDS = 0.001
SOFT_SECONDS = 0.1  # of a voice, not audible yet: without them its first block may be found a period too late
FAINT = 0.1  # of the loudest block: softer ones are not missed


@dataclass(frozen=True)
class Likeness:
    """Shares of what is audible: ``kept`` of the wanted sound is in the recording, in its order; ``added`` of the
    recording is not of it.

    A cut lowers ``kept``, a repetition, however short, raises ``added``; gaps and loudness change neither.
    """

    kept: float
    added: float
    seconds: float

    @property
    def whole(self) -> bool:
        """Nothing cut, doubled or put in."""
        return self.kept >= 0.95 and self.added <= 0.06


def likeness(wanted: Samples, heard: Samples) -> Likeness:
    """How much of ``wanted`` is in ``heard``; both at the microphone's rate."""
    wanted, heard = without_gaps(wanted), without_gaps(heard)
    search = _Search(_whitened(wanted), _whitened(heard))
    size = round(BLOCK_SECONDS * FINE_RATE)
    sought, there = _audible(wanted), _audible(heard)
    kept = sum(search.find(number * size, (number + 1) * size) for number in sought)
    alien = sum(not search.covered[number * size : (number + 1) * size].any() for number in there) / max(1, len(there))
    return Likeness(kept / max(1, size * len(sought)), max(alien, search.inserted), len(heard) / RATE)


def without_gaps(samples: Samples) -> Samples:
    """``samples`` without stretches of nothing but zeros: these are played while a busy machine sends nothing."""
    edges = np.diff(np.concatenate([[0], samples == 0, [0]]).astype(np.int8))
    begins, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    kept = np.ones(len(samples), bool)
    for begin, end in zip(begins, ends, strict=True):
        if end - begin >= GAP_SECONDS * RATE:
            kept[begin:end] = False
    return samples[kept]


class _Search:
    """Looks for one block after the other, each behind the one before it. Positions count samples at FINE_RATE."""

    def __init__(self, wanted: NDArray[np.float64], heard: NDArray[np.float64]) -> None:
        self._wanted = wanted
        self._heard = heard
        self._lag = 0  # how much later the last one found was heard
        self._end = 0  # of the last one found
        self._first: int | None = None  # the lag of the first one found
        self.covered = np.zeros(len(heard), bool)

    @property
    def inserted(self) -> float:
        """How much longer it has become between the first block found and the last: a share of what was wanted."""
        return 0.0 if self._first is None else (self._lag - self._first) / len(self._wanted)

    def find(self, start: int, end: int) -> int:
        """How many samples of ``wanted[start:end]`` are there, whole or in parts; else farther on.

        Three quarters are all: the fourth is where a busy machine has put a gap.
        """
        near = self._near(start, end) or self._found(start, end, self._end, len(self._heard))
        return end - start if 4 * near >= 3 * (end - start) else near

    def _near(self, start: int, end: int) -> int:
        near = round(NEAR_SECONDS * FINE_RATE)
        found = self._found(start, end, max(0, start + self._lag - near), end + self._lag + near)
        middle = (start + end) // 2
        if found or middle - start < LEAST_SECONDS * FINE_RATE:
            return found
        return self._near(start, middle) + self._near(middle, end)

    def _found(self, start: int, end: int, first: int, last: int) -> int:
        place = _place(self._wanted[start:end], self._heard[first:last], max(0, start + self._lag - first))
        if place is None:
            return 0
        self._lag, self._end = first + place - start, first + place + end - start
        self._first = self._lag if self._first is None else self._first
        self.covered[first + place : self._end] = True
        return end - start


def as_clear(pairs: Sequence[tuple[str, Samples, Samples]], margin: float = 0.1) -> None:
    """Of (text, recording, direct) as many words are understood of the recordings as of the direct sounds.

    How many that are is the voice's business; a program on the way must not lose any.
    """
    recorded = [found(text, heard_words(recording)) for text, recording, _ in pairs]
    spoken = [found(text, heard_words(direct)) for text, _, direct in pairs]
    assert np.mean(recorded) >= np.mean(spoken) - margin, (recorded, spoken)


def audible(samples: Samples) -> Samples:
    """From the first to the last that a microphone's recording would begin and end with."""
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > AUDIBLE)
    return samples[loud[0] : loud[-1] + 1] if len(loud) else samples[:0]


def last_stretch(samples: Samples, gap_seconds: float = 1.0, soft_seconds: float = 0.0) -> Samples:
    """What follows the last silence of ``gap_seconds`` that has sound behind it, and ``soft_seconds`` around it."""
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > AUDIBLE)
    if not len(loud):
        return samples[:0]
    begins = loud[1:][np.diff(loud) > gap_seconds * RATE]
    begin, soft = int(begins[-1] if len(begins) else loud[0]), round(soft_seconds * RATE)
    return samples[max(0, begin - soft) : loud[-1] + 1 + soft]


def heard_words(samples: Samples) -> list[str]:
    """What an American English ear takes ``samples`` for."""
    sound = _listened(without_gaps(samples))
    loud = np.flatnonzero(np.abs(sound) > AUDIBLE / 4)
    if not len(loud):
        return []
    sound = np.pad(sound[loud[0] : loud[-1] + 1], EAR_RATE // 5)
    decoder = Decoder(loglevel="FATAL")
    decoder.start_utt()
    decoder.process_raw(np.clip(sound, -32768, 32767).astype(np.int16).tobytes(), full_utt=True)
    decoder.end_utt()
    found = decoder.hyp()
    return words(found.hypstr) if found else []


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def found(wanted: str, heard: list[str]) -> float:
    """The share of the words of ``wanted`` that were heard, in their order."""
    matcher = SequenceMatcher(None, words(wanted), heard, autojunk=False)
    return sum(block.size for block in matcher.get_matching_blocks()) / len(words(wanted))


def _listened(samples: Samples) -> NDArray[np.float64]:
    return np.asarray(soxr.resample(samples.astype(np.float64), RATE, EAR_RATE))


def _whitened(samples: Samples) -> NDArray[np.float64]:
    """Differentiated twice, or a voice's fundamental would make every block look like every other one."""
    sound = np.diff(soxr.resample(samples.astype(np.float64), RATE, BAND), n=2, prepend=[0.0, 0.0])
    return np.asarray(soxr.resample(sound, BAND, FINE_RATE))


def _audible(samples: Samples) -> list[int]:
    """The numbers of the blocks that can be heard."""
    size = round(BLOCK_SECONDS * RATE)
    blocks = samples[: len(samples) // size * size].reshape(-1, size).astype(np.float64)
    levels = np.sqrt(np.mean(np.square(blocks), axis=1))
    return [int(number) for number in np.flatnonzero(levels >= max(FAINT * levels.max(initial=0), AUDIBLE / 4))]


def _place(block: NDArray[np.float64], region: NDArray[np.float64], likely: int) -> int | None:
    """Where in ``region`` ``block`` is, however loud; of several places the one next to ``likely``. None: nowhere."""
    if len(region) < len(block):
        return None
    size = 1 << (len(region) - 1).bit_length()
    spectrum = np.fft.rfft(region, size) * np.fft.rfft(block, size).conj()
    products = np.fft.irfft(spectrum, size)[: len(region) - len(block) + 1]
    energy = np.concatenate([[0.0], np.cumsum(np.square(region))])
    energy = np.maximum(energy[len(block) :] - energy[: -len(block)], 1.0)
    alike = products / np.sqrt(energy * max(1.0, float(block @ block)))
    good = np.flatnonzero(alike >= max(SAME, alike.max() - PEAK))
    return int(good[np.argmin(np.abs(good - likely))]) if len(good) else None
