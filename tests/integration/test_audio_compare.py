"""The ear notices what a listener would: a cut, a repetition, another order, something else between; and no more."""

from __future__ import annotations

import numpy as np
import pytest

from tests.integration.audio_compare import last_stretch, likeness
from tools.harness.desktop import RATE, Samples


def speech(seconds: float, seed: int = 0) -> Samples:
    """Syllables of a gliding buzz with breath in it, and pauses that are not quite silent."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    glide = np.interp(time, np.arange(0, seconds + 1, 0.3), rng.uniform(90, 250, int((seconds + 1) / 0.3) + 1))
    phase = 2 * np.pi * np.cumsum(glide) / RATE
    buzz = np.asarray(sum(np.sin(n * phase) / n for n in range(1, 12)))
    envelope = np.clip(np.sin(2 * np.pi * 1.9 * time) + 0.4, 0, None)
    sound = 4000 * envelope * (buzz + 0.2 * rng.standard_normal(len(time)))
    return (sound + rng.normal(0, 8, len(time))).astype(np.int16)


def silence(seconds: float) -> Samples:
    return np.zeros(int(seconds * RATE), np.int16)


SAID = speech(3)
HALF = len(SAID) // 2


@pytest.mark.parametrize(
    "heard",
    [
        SAID,
        np.concatenate([silence(0.737), SAID, silence(0.5)]),
        (SAID // 3).astype(np.int16),
        np.concatenate([SAID[:HALF], silence(0.31), SAID[HALF:]]),  # a stutter of the machine is no loss
        (SAID + np.random.default_rng(1).normal(0, 60, len(SAID))).astype(np.int16),
    ],
    ids=["same", "later", "softer", "with a gap", "with hiss"],
)
def test_all_of_it_is_all_of_it(heard: Samples) -> None:
    assert likeness(SAID, heard).whole, likeness(SAID, heard)


@pytest.mark.parametrize(
    "heard",
    [
        silence(3),
        speech(3, seed=1),
        SAID[: int(0.85 * len(SAID))],
        SAID[int(0.15 * len(SAID)) :],
        np.concatenate([SAID[:HALF], SAID[HALF + RATE // 3 :]]),
        np.concatenate([SAID, SAID]),
        np.concatenate([SAID[:HALF], SAID[HALF - RATE // 2 :]]),
        np.concatenate(
            [
                part
                for start in range(0, len(SAID), 8820)
                for part in (SAID[start : start + 8820], SAID[start : start + 882])
            ]
        ),
        np.concatenate([SAID[HALF:], SAID[:HALF]]),
        np.concatenate([SAID, silence(0.5), speech(1, seed=2)]),
    ],
    ids=[
        "nothing",
        "else",
        "no end",
        "no beginning",
        "cut",
        "twice",
        "a stammer",
        "hiccups",
        "swapped",
        "something more",
    ],
)
def test_what_is_not_all_of_it_is_noticed(heard: Samples) -> None:
    assert not likeness(SAID, heard).whole, likeness(SAID, heard)


def test_the_last_stretch_follows_the_last_long_silence() -> None:
    heard = np.concatenate([speech(1), silence(1.5), SAID, silence(1.5)])
    assert likeness(SAID, last_stretch(heard)).whole
