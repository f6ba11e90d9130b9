"""Residual k-means on points whose answer is known."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tools.starter_voice.codebooks import (
    HIGHEST,
    MIDDLE,
    PITCH,
    PITCH_BOOK,
    SPECTRUM,
    WIDTH,
    Codebooks,
    features,
    k_means,
    learn,
    nearest,
)
from tools.starter_voice.mel import mel_filters
from tools.starter_voice.source import BANDS, CHANNELS, ROWS, SHARES


def test_k_means_finds_separate_heaps() -> None:
    centers = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])
    points = centers.repeat(100, 1) + 0.1 * torch.randn(400, 2, generator=torch.Generator().manual_seed(1))
    found = k_means(points, 24, 30, torch.Generator().manual_seed(3))
    assert (torch.cdist(centers, found).min(1).values < 0.2).all()
    assert (points - found[nearest(points, found)]).square().sum(1).mean() < 0.02


def test_too_few_points_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 8 points"):
        k_means(torch.zeros(4, 2), 8, 1, torch.Generator())


def test_every_book_leaves_less_of_its_part_and_codes_rebuild_the_frame() -> None:
    data = torch.randn(500, SPECTRUM + PITCH, generator=torch.Generator().manual_seed(0))
    data = data * torch.linspace(3, 0.1, SPECTRUM + PITCH)
    books = learn(data, books=4, book=32, rounds=5)
    codes = books.encode(data)
    assert codes.shape == (500, 4)
    points = (data - books.mean) @ books.basis / books.scale
    pitch = slice(WIDTH - PITCH, WIDTH)
    for k in range(4):
        before = points.clone()
        points = points - books.books[k][codes[:, k]]
        mine, other = (pitch, slice(0, pitch.start)) if k == PITCH_BOOK else (slice(0, pitch.start), pitch)
        assert points[:, mine].square().mean() < 0.95 * before[:, mine].square().mean()
        assert torch.equal(points[:, other], before[:, other])


def test_books_survive_saving(tmp_path: Path) -> None:
    data = torch.randn(100, SPECTRUM + PITCH)
    books = learn(data, books=2, book=8, rounds=1)
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
