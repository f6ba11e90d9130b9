"""Where speech begins and ends in a stretch of sound, and seams between two stretches."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fishvoiced.synthesis.edges import BLOCK_SECONDS, RELEASE_SECONDS, audible, joined

RATE = 24_000


def tone(seconds: float, hertz: float = 200.0, level: float = 0.3) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


@given(st.integers(0, 8000), st.integers(0, 8000))
def test_silence_is_cut_to_the_block_and_nothing_audible_with_it(before: int, after: int) -> None:
    sound = np.concatenate([np.zeros(before, np.float32), tone(0.2), np.zeros(after, np.float32)])
    start, end = audible(sound, RATE)
    block = round(BLOCK_SECONDS * RATE)
    assert before - block < start < before + block
    assert before + round(0.2 * RATE) - block < end <= len(sound)
    assert end <= before + round((0.2 + RELEASE_SECONDS + BLOCK_SECONDS) * RATE)


def test_a_soft_consonant_is_kept() -> None:
    sound = np.concatenate([np.zeros(2400, np.float32), tone(0.05, 3000, 0.006), tone(0.2)])
    assert abs(audible(sound, RATE)[0] - 2400) <= round(BLOCK_SECONDS * RATE)


def test_nothing_is_audible_in_silence() -> None:
    assert audible(np.zeros(1000, np.float32), RATE) == (0, 0)
    assert audible(np.zeros(0, np.float32), RATE) == (0, 0)


def test_a_seam_between_voiced_sounds_keeps_their_level() -> None:
    whole = tone(0.5)
    for shift in range(0, 120, 7):  # whatever the phase of the second sound
        second = tone(0.5, 200.0)[shift:]
        seam = joined(whole[-600:], second, RATE)
        level = np.sqrt(np.mean(np.square(seam[:1200])))
        assert level > 0.97 * 0.3 / np.sqrt(2)


def test_a_seam_with_too_little_behind_it_loses_nothing() -> None:
    tail, head = tone(0.02), tone(0.004)
    assert len(joined(tail, head, RATE)) == len(tail) + len(head)
