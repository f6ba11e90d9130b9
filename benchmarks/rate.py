"""Faster speech: is it as short as it should be, at the same pitch, and still understood?

``python -m benchmarks.rate`` says the same sentences with the same seed at several speeds, through the same voice and
time-stretch as the daemon's, and prints for each speed how long it is relative to normal speech times the speed (1:
exact), the median pitch relative to normal speech, and pocketsphinx's word error rate twice: as it is, and accustomed
to the speed, that is with as many frames per syllable as it has in normal speech. Listeners accustom themselves; its
models do not, and understand a voice that itself speaks faster less well, too. The bar is for the accustomed ear.
``--voice flite`` takes flite's ``slt`` (Debian's package ``flite``), which a recognizer understands well, in place of
the default voice, and lets it also speak faster by itself (``native``).

Exit status 1 if a length or pitch is off by more than 3 %, or 1.5 times the speed costs more than 5 points of words.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray
from pocketsphinx import Decoder

from benchmarks.ears import plain_words, word_errors
from fishvoice.protocol import Synthesize
from fishvoiced.config import Config
from fishvoiced.daemon import installed_speaker
from fishvoiced.synthesis.audio import Samples
from fishvoiced.synthesis.base import Chunk
from fishvoiced.voices.base import Speaker
from tools.harness.flite_voice import Flite, flite
from tools.starter_voice.sphinx import RATE, Ear

SPEEDS = (1.0, 0.5, 1.5, 2.0, 3.0)
JUDGED = 1.5
HOP_SECONDS = 0.01
MOST_LENGTH_ERROR = MOST_PITCH_ERROR = 0.03
MOST_MORE_ERRORS = 0.05
SENTENCES = (
    "The weather is nice today, and we are going for a walk.",
    "Please open the window before you leave the house.",
    "She bought three apples and a bottle of milk.",
    "The train leaves at seven in the morning.",
    "He wrote a long letter to his brother.",
    "There are many people waiting outside the door.",
    "The children played in the garden until it was dark.",
    "I would like a cup of coffee with sugar.",
    "They lived in a small town near the sea.",
    "My sister has a new job in the city.",
    "We can meet again at the end of the week.",
    "The old man walked slowly down the road.",
    "The file could not be saved to the disk.",
    "Press the button to start the computer.",
    "It was a cold day, and the streets were empty.",
    "The doctor told him to stay in bed.",
    "Nobody knows where the key to this room is.",
    "Turn left at the corner and cross the bridge.",
    "His father works in a large hospital.",
    "The water in the lake is clear and deep.",
    "She opened the book and began to read.",
    "There is nothing left to eat in the kitchen.",
    "A small bird was sitting on the branch.",
    "The music was so loud that we could not talk.",
)


@dataclass(frozen=True)
class Figures:
    """Of one speed. ``length`` and ``pitch`` are relative to normal speech, 1 where they are as they should be."""

    speed: float
    length: float
    pitch: float
    word_errors: float
    unaccustomed: float
    native: float | None = None
    """Word errors of the accustomed ear when the voice itself speaks at this speed."""


class AccustomedEar(Ear):
    """Hears speech at ``speed``."""

    def __init__(self, speed: float) -> None:
        self._decoder = Decoder(loglevel="FATAL", frate=round(100 * speed))


def sound(speaker: Speaker, text: str, speed: float, seed: int) -> Samples:
    """What the daemon would send, at the ear's rate."""
    utterance = speaker.open(Synthesize(id="1", text=text, speed=speed, seed=seed))
    chunks = [step.samples for step in utterance.steps if isinstance(step, Chunk)]
    return np.asarray(soxr.resample(np.concatenate(chunks), utterance.sample_rate, RATE), np.float32)


def pitch(samples: Samples) -> NDArray[np.float64]:
    """Fundamental frequency every HOP_SECONDS in Hz, NaN where nothing is voiced: the highest peak of the normalized
    autocorrelation of 40 ms, where it is above 0.7 (Boersma, "Accurate short-term analysis of the fundamental
    frequency", 1993)."""
    size, hop, shortest, longest = RATE // 25, round(HOP_SECONDS * RATE), RATE // 400, RATE // 70
    window = np.hanning(size)
    shape = _autocorrelation(window)
    found = []
    for start in range(0, len(samples) - size, hop):
        frame = samples[start : start + size].astype(np.float64)
        likeness = _autocorrelation((frame - frame.mean()) * window) / shape
        lag = shortest + int(np.argmax(likeness[shortest:longest]))
        before, peak, after = likeness[lag - 1 : lag + 2]
        voiced = peak > 0.7 and np.sqrt(np.mean(frame**2)) > 0.02 and before < peak > after
        found.append(RATE / (lag + (after - before) / (4 * peak - 2 * (before + after))) if voiced else np.nan)
    return np.array(found)


def pitch_ratio(changed: Samples, normal: Samples, speed: float) -> float:
    """Median over the moments that are voiced in both."""
    one, other = pitch(changed), pitch(normal)
    moments = np.minimum(np.round(np.arange(len(other)) / speed).astype(int), len(one) - 1)
    return float(np.nanmedian(one[moments] / other))


def _autocorrelation(frame: NDArray[np.float64]) -> NDArray[np.float64]:
    product = np.fft.irfft(np.abs(np.fft.rfft(frame, 2 * len(frame))) ** 2)[: len(frame) // 2]
    return np.asarray(product / max(product[0], 1e-9))


def measure(speaker: Speaker, texts: tuple[str, ...], seeds: int) -> list[Figures]:
    """Of every speed, normal speech first."""
    found: list[Figures] = []
    normal: list[Samples] = []
    wanted = [plain_words(text) for text in texts for _ in range(seeds)]

    def errors(ear: Ear, said: list[Samples]) -> float:
        wrong = sum(word_errors(words, ear(each)) for words, each in zip(wanted, said, strict=True))
        return wrong / sum(map(len, wanted))

    for speed in SPEEDS:
        native = None
        if isinstance(speaker, Flite) and speed == JUDGED:
            native = errors(AccustomedEar(speed), [flite(text, speed) for text in texts for _ in range(seeds)])
        said = [sound(speaker, text, speed, seed) for text in texts for seed in range(seeds)]
        normal = normal or said
        found.append(
            Figures(
                speed,
                length=speed * sum(map(len, said)) / sum(map(len, normal)),
                pitch=float(np.median([pitch_ratio(a, b, speed) for a, b in zip(said, normal, strict=True)])),
                word_errors=errors(AccustomedEar(speed), said),
                unaccustomed=errors(Ear(), said),
                native=native,
            )
        )
        print(row(found[-1]), flush=True)
    return found


def row(figures: Figures) -> str:
    heard = f"{figures.word_errors:11.1%}  {figures.unaccustomed:12.1%}"
    return f"{figures.speed:5g}  {figures.length:6.3f}  {figures.pitch:6.3f}  {heard}"


def misses(found: list[Figures]) -> list[str]:
    """The bars that are not reached, in words."""
    normal, judged = found[0], next(each for each in found if each.speed == JUDGED)
    said = []
    for each in found:
        if abs(each.length - 1) > MOST_LENGTH_ERROR:
            said.append(f"at speed {each.speed:g} speech is {each.length:.3f} times as long as it should be")
        if abs(each.pitch - 1) > MOST_PITCH_ERROR:
            said.append(f"at speed {each.speed:g} the pitch is {each.pitch:.3f} times the normal one")
    more = judged.word_errors - normal.word_errors
    if more > MOST_MORE_ERRORS:
        said.append(f"at speed {JUDGED:g} there are {more:.1%} more word errors")
    return said


def main() -> int:
    parser = argparse.ArgumentParser(description="Length, pitch and word errors of faster and slower speech.")
    parser.add_argument("--voice", choices=("default", "flite"), default="default")
    parser.add_argument("--sentences", type=int, default=len(SENTENCES))
    parser.add_argument("--seeds", type=int, default=1, help="per sentence")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("FISHVOICE_HOME", str(Path(folder)))  # nobody's calibration changes
        speaker = Flite() if options.voice == "flite" else installed_speaker(Config())
        print("speed  length   pitch  word errors  unaccustomed")
        found = measure(speaker, SENTENCES[: options.sentences], options.seeds)
    missed = misses(found)
    print(json.dumps({"voice": options.voice, "figures": [asdict(each) for each in found], "missed": missed}, indent=2))
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
