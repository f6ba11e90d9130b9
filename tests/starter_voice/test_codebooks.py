"""Residual k-means on points whose answer is known."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tools.starter_voice.codebooks import FLOOR, FRAME, Codebooks, features, k_means, learn, mel_filters, nearest


def test_k_means_finds_separate_heaps() -> None:
    centers = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])
    points = (centers.repeat(100, 1) + 0.1 * torch.randn(400, 2, generator=torch.Generator().manual_seed(1)))
    found = k_means(points, 24, 30, torch.Generator().manual_seed(3))
    assert (torch.cdist(centers, found).min(1).values < 0.2).all()
    assert (points - found[nearest(points, found)]).square().sum(1).mean() < 0.02


def test_too_few_points_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 8 points"):
        k_means(torch.zeros(4, 2), 8, 1, torch.Generator())


def test_every_book_leaves_less_and_codes_rebuild_the_frame() -> None:
    data = torch.randn(500, 320, generator=torch.Generator().manual_seed(0))
    data = data * torch.linspace(3, 0.01, 320)
    books = learn(data, books=3, book=32, width=16, rounds=5)
    codes = books.encode(data)
    assert codes.shape == (500, 3)
    points = (data - books.mean) @ books.basis / books.scale
    left = [points.square().mean().item()]
    for k in range(3):
        points = points - books.books[k][codes[:, k]]
        left.append(points.square().mean().item())
    assert left == sorted(left, reverse=True)
    assert left[-1] < 0.7 * left[0]


def test_books_survive_saving(tmp_path: Path) -> None:
    books = learn(torch.randn(100, 320), books=2, book=8, width=4, rounds=1)
    books.save(tmp_path / "books.pt")
    again = Codebooks.load(tmp_path / "books.pt")
    rows = torch.randn(5, 320)
    assert torch.equal(again.encode(rows), books.encode(rows))


def test_features_see_no_future() -> None:
    sound = 0.1 * torch.randn(FRAME * 6)
    changed = sound.clone()
    changed[FRAME * 4 :] = 0
    assert torch.equal(features(sound)[:4], features(changed)[:4])
    assert not torch.equal(features(sound)[4], features(changed)[4])
    assert features(torch.zeros(FRAME * 2)).unique() == pytest.approx(torch.tensor(FLOOR).log10().item())


def test_mel_filters_cover_every_frequency() -> None:
    filters = mel_filters(16000, 512, 80)
    assert filters.shape == (80, 257)
    assert (filters[:, 3:-1].sum(0) > 0).all()
