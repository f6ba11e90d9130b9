"""Joining segments: lengths add up, joints are smooth, and the sound in between is left alone."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fishvoiced.synthesis.join import CLAUSE_PAUSE, PARAGRAPH_PAUSE, SENTENCE_PAUSE, Joiner, pause_after

RATE = 8_000
FADE = 32  # samples: 4 ms

Sound: TypeAlias = NDArray[np.float32]

SEGMENT = st.lists(st.integers(0, 100), max_size=5)  # lengths of its chunks
SEGMENTS = st.lists(SEGMENT, max_size=4)


def run(segments: list[list[Sound]], fade: float = FADE / RATE, pause: float = 0.0) -> Sound:
    joiner = Joiner(RATE, fade)
    out = [np.zeros(0, np.float32)]
    for chunks in segments:
        out += [joiner.push(chunk) for chunk in chunks]
        out.append(joiner.end_segment(pause))
    joined = np.concatenate(out)
    assert joined.dtype == np.float32
    return joined


def noise(lengths: list[int], seed: int = 0) -> list[Sound]:
    rng = np.random.default_rng(seed)
    return [rng.uniform(-1, 1, length).astype(np.float32) for length in lengths]


@given(SEGMENTS)
def test_without_fades_it_is_concatenation(segments: list[list[int]]) -> None:
    sound = [noise(lengths, i) for i, lengths in enumerate(segments)]
    expected = np.concatenate([np.zeros(0, np.float32), *(chunk for chunks in sound for chunk in chunks)])
    np.testing.assert_array_equal(run(sound, fade=0.0), expected)


@given(SEGMENTS, st.sampled_from([0.0, 0.01, 0.1]))
def test_length_is_sound_plus_pauses(segments: list[list[int]], pause: float) -> None:
    joined = run([noise(lengths) for lengths in segments], pause=pause)
    assert len(joined) == sum(map(sum, segments)) + len(segments) * round(pause * RATE)


@given(SEGMENTS)
def test_chunks_make_no_difference(segments: list[list[int]]) -> None:
    sound = [noise(lengths, i) for i, lengths in enumerate(segments)]
    whole = [[np.concatenate([np.zeros(0, np.float32), *chunks])] for chunks in sound]
    np.testing.assert_array_equal(run(sound), run(whole))


@given(SEGMENT)
def test_only_the_ends_are_touched(lengths: list[int]) -> None:
    sound = noise(lengths)
    before, after = np.concatenate([np.zeros(0, np.float32), *sound]), run([sound])
    np.testing.assert_array_equal(after[FADE:-FADE], before[FADE:-FADE])
    assert (np.abs(after) <= np.abs(before)).all()


@given(st.lists(st.integers(1, 200), min_size=2, max_size=5), st.sampled_from([0.0, 0.01]))
def test_no_jump_where_segments_meet(lengths: list[int], pause: float) -> None:
    """Full-scale steps of either sign between segments, the worst there is."""
    levels = [1.0 if i % 2 else -1.0 for i in range(len(lengths))]
    joined = run([[np.full(n, level, np.float32)] for n, level in zip(lengths, levels, strict=True)], pause=pause)
    steepest = np.pi / 2 / FADE  # of the raised cosine; twice, since a segment may be shorter than its two fades
    assert np.abs(np.diff(joined, prepend=0, append=0)).max() <= 2 * steepest


def test_a_fade_is_all_that_is_held_back() -> None:
    joiner = Joiner(RATE, FADE / RATE)
    assert len(joiner.push(np.ones(100, np.float32))) == 100 - FADE
    assert len(joiner.push(np.ones(1, np.float32))) == 1
    assert len(joiner.end_segment()) == FADE
    assert len(joiner.end_segment()) == 0


@pytest.mark.parametrize(
    ("segment", "gap", "seconds"),
    [
        ("It ends.", " ", SENTENCE_PAUSE),
        ("He said “Go!”", " ", SENTENCE_PAUSE),
        ("你好。", "", SENTENCE_PAUSE),
        ("first of all,", " ", CLAUSE_PAUSE),
        ("cut in the middle", " ", 0.0),
        ("A heading", "\n", SENTENCE_PAUSE),
        ("It ends.", "\n \n", PARAGRAPH_PAUSE),
        ("It ends.", "\r\n\r\n", PARAGRAPH_PAUSE),
    ],
)
def test_pauses(segment: str, gap: str, seconds: float) -> None:
    assert pause_after(segment, gap) == seconds
