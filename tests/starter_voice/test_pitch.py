"""Pitch codes and phases: whole sixteenths of a cycle that add up, and what a code stands for."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tools.starter_voice.pitch import (
    HARMONICS,
    LEAST,
    PITCH,
    SHAPES,
    entries,
    phase_codes,
    phasors,
    pitch_distance,
    shape,
    sixteenths,
    steady,
)
from tools.starter_voice.source import CHANNELS, LEAD, PHASES, ROWS

MOST = LEAST + 255


@given(st.lists(st.integers(LEAST + PHASES, MOST - PHASES), min_size=2, max_size=20), st.floats(-6, 6))
def test_counts_agree_with_the_phases_however_far_the_rows_are_from_them(counts: list[int], off: float) -> None:
    """``off`` sixteenths: the rows' pitch is not exactly that of the frame."""
    phases = torch.tensor(counts).cumsum(0) % PHASES
    rows = torch.zeros(ROWS * len(counts), CHANNELS)
    pitch = [20 * (count + off) / PHASES for count in counts for _ in range(ROWS)]
    rows[:-LEAD, 0] = torch.tensor(pitch[LEAD:])
    found = sixteenths(rows, phases, MOST)
    assert found[1:-1].tolist() == counts[1:-1]
    assert ((phases[:-1] + found[1:]) % PHASES).tolist() == phases[1:].tolist()


def test_a_steady_pitch_is_six_times_its_logarithm_in_every_row_without_voicing() -> None:
    features = steady(torch.tensor([LEAST, 2 * LEAST]))
    assert features.shape == (2, PITCH)
    assert (features[1] - features[0]).tolist() == pytest.approx([6 * 0.693147, 0] * ROWS, abs=1e-4)


def test_codes_stand_for_a_steady_pitch_and_one_of_the_shapes() -> None:
    shapes = torch.randn(SHAPES, PITCH) * 0.1
    shapes[:, 1::2] = torch.tensor([[0.0], [0.4], [0.8], [1.0]])
    book = entries(shapes, 40)
    assert len(book) == 40
    code = 5 * SHAPES + 3
    torch.testing.assert_close(book[code], steady(torch.tensor(LEAST + 5)) + shapes[3])
    far = shape(book[code][None], torch.tensor([LEAST + 5]))
    torch.testing.assert_close(far[0], shapes[3])


def test_a_phase_codes_entry_tells_where_the_harmonics_stand_when_rows_begin() -> None:
    """Backwards from the frame's end, as the coarse pitch has it: at most 1.5 sixteenths off where the frame begins."""
    count, phase = LEAST + 87, 5
    entry = phasors(1024, 80)[int(phase_codes(torch.tensor(count), torch.tensor(phase)))]
    half = ROWS * HARMONICS
    assert entry[2 * half :].count_nonzero() == 0
    turned = torch.atan2(entry[half : 2 * half], entry[:half]).reshape(ROWS, HARMONICS) / (2 * torch.pi)
    exactly = phase / PHASES - count / PHASES * (1 - torch.arange(ROWS) / ROWS)
    for harmonic in (1, 8):
        off = (turned[:, harmonic - 1] - harmonic * exactly + 0.5) % 1 - 0.5
        assert off.abs().max() <= 1.5 * harmonic / PHASES + 1e-4


def test_phase_codes_are_different_for_every_phase_and_coarse_pitch() -> None:
    counts, phases = torch.arange(LEAST, MOST + 1), torch.arange(PHASES)
    codes = phase_codes(counts[:, None], phases[None])
    assert codes.min() == 0
    assert codes.max() == 1023
    assert len(codes.unique()) == 1024
    assert torch.equal(codes % PHASES, phases.expand(len(counts), PHASES))


def test_guesses_of_the_pitch_are_a_mean_of_squared_cycles_pitch_distance() -> None:
    logits = torch.full((2, 16 * PHASES * SHAPES), -1e4)
    logits[0, [0, 2 * PHASES * SHAPES + 1]] = 0  # as likely none as two cycles more than LEAST
    logits[1, 5 * PHASES * SHAPES] = 0
    assert pitch_distance(logits[:1], torch.tensor([PHASES * SHAPES + 3])).item() == pytest.approx(1)
    assert pitch_distance(logits, torch.tensor([0, 4 * PHASES * SHAPES])).item() == pytest.approx((2 + 1) / 2)
