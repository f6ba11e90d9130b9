"""Pitch codes and phases: whole sixteenths of a cycle that add up, and what a code stands for."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tools.starter_voice.pitch import LEAST, PITCH, SHAPES, entries, shape, sixteenths, steady
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
