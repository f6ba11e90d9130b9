"""Residual k-means on points whose answer is known."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tools.starter_voice.codebooks import (
    HIGHEST,
    MOST,
    PHASE_BOOK,
    PITCH_BOOK,
    POSITION_BOOK,
    SPECTRUM,
    WIDTH,
    Codebooks,
    features,
    k_means,
    learn,
    nearest,
)
from tools.starter_voice.data import encoded, examples
from tools.starter_voice.mel import mel_filters
from tools.starter_voice.pitch import COARSE, LEAST, MIDDLE, PITCH, SHAPES
from tools.starter_voice.source import BANDS, CHANNELS, PHASES, ROWS, SHARES


def test_k_means_finds_separate_heaps() -> None:
    centers = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])
    points = centers.repeat(100, 1) + 0.1 * torch.randn(400, 2, generator=torch.Generator().manual_seed(1))
    found = k_means(points, 24, 30, torch.Generator().manual_seed(3))
    assert (torch.cdist(centers, found).min(1).values < 0.2).all()
    assert (points - found[nearest(points, found)]).square().sum(1).mean() < 0.02


def test_too_few_points_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 8 points"):
        k_means(torch.zeros(4, 2), 8, 1, torch.Generator())


def some_frames(count: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Features of frames, the early ones of the spectrum larger, and cycles in sixteenths."""
    generator = torch.Generator().manual_seed(seed)
    data = torch.randn(count, SPECTRUM + PITCH, generator=generator) * torch.linspace(3, 0.1, SPECTRUM + PITCH)
    return data, torch.randint(100, 200, (count,), generator=generator)


def test_every_book_leaves_less_of_the_spectrum_and_codes_rebuild_the_frame() -> None:
    data, counts = some_frames(500)
    books = learn(data, counts, books=4, book=32, rounds=5)
    codes = books.encode(data)
    assert codes.shape == (500, 4)
    points = ((data - books.mean) @ books.basis / books.scale)[:, : WIDTH - PITCH]
    for k in (0, 3):
        before = points.clone()
        points = points - books.books[k][codes[:, k], : WIDTH - PITCH]
        assert points.square().mean() < 0.95 * before.square().mean()
        assert books.books[k, :, WIDTH - PITCH :].count_nonzero() == 0
    assert codes[:, [PITCH_BOOK, PHASE_BOOK]].count_nonzero() == 0


def test_the_position_has_no_sound() -> None:
    assert learn(*some_frames(300), book=32, rounds=2).books[POSITION_BOOK].count_nonzero() == 0


def test_the_phases_of_a_shard_are_codes(work: Path) -> None:
    (pair,) = encoded(work)
    for one, codes in examples(*pair):
        assert (codes[:, PHASE_BOOK] % PHASES).tolist() == one.phases.tolist()
        assert (codes[:, PHASE_BOOK] // PHASES).tolist() == (codes[:, PITCH_BOOK] // SHAPES // COARSE).tolist()
        added = codes[:-1, PHASE_BOOK] + codes[1:, PITCH_BOOK] // SHAPES + LEAST
        kept = codes[1:, PITCH_BOOK] // SHAPES < MOST - LEAST  # the highest pitch may have been cut
        assert (added % PHASES)[kept].tolist() == (codes[1:, PHASE_BOOK] % PHASES)[kept].tolist()


def test_books_survive_saving(tmp_path: Path) -> None:
    data, counts = some_frames(100)
    books = learn(data, counts, books=2, book=8, rounds=1)
    books.save(tmp_path / "books.pt")
    again = Codebooks.load(tmp_path / "books.pt")
    assert torch.equal(again.encode(data[:5]), books.encode(data[:5]))


def test_features_are_weighted_spectra_then_pitch_and_voicing() -> None:
    rows = torch.zeros(2 * ROWS, CHANNELS)
    rows[:ROWS, 0] = torch.tensor([MIDDLE, 4 * MIDDLE, 2 * MIDDLE, 3 * MIDDLE])
    rows[:3, 1 + BANDS] = 1.0  # the last of the four is not voiced
    rows[1, 1 + BANDS] = 0.5
    rows[ROWS, 1] = 1.0
    rows[ROWS + 1, BANDS] = 1.0
    rows[ROWS + 2, BANDS + SHARES] = 1.0
    first, second = features(rows)
    octave = 6 * 0.693147
    mean = (0 + 0.5 * 2 + 1) / 2.5
    assert first[SPECTRUM:].tolist() == pytest.approx(
        [0, 1, (1 + mean / 2) * octave, 0.5, octave, 1, mean * octave, 0], abs=1e-4
    )
    assert second[SPECTRUM:].tolist() == pytest.approx([0] * PITCH)
    width = BANDS + SHARES
    lowest, highest, share = second[0], second[width + BANDS - 1], second[3 * width - 1]
    assert (lowest, highest, share) == (1, HIGHEST, 1)
    assert second[:SPECTRUM].count_nonzero() == 3


def test_mel_filters_cover_every_frequency() -> None:
    filters = mel_filters(16000, 512, 80)
    assert filters.shape == (80, 257)
    assert (filters[:, 3:-1].sum(0) > 0).all()
