"""Spectral codes as sound: distances of guesses, and other codes that lead to the same sound."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tools.starter_voice.codebooks import BOOK, BOOKS, PHASE_BOOK, PITCH_BOOK, POSITION_BOOK, WIDTH
from tools.starter_voice.spectrum import SPECTRAL_BOOKS, Spectrum

OTHERS = [PITCH_BOOK, PHASE_BOOK, POSITION_BOOK]


@pytest.fixture
def books() -> torch.Tensor:
    sizes = torch.tensor([0.5**book for book in range(BOOKS)])
    return sizes[:, None, None] * torch.randn(BOOKS, BOOK, WIDTH, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def codes() -> torch.Tensor:
    return torch.randint(0, BOOK, (6, BOOKS), generator=torch.Generator().manual_seed(1))


def test_a_sound_is_the_sum_of_its_centers(books: torch.Tensor, codes: torch.Tensor) -> None:
    wanted = sum(books[book][codes[:, book]] for book in SPECTRAL_BOOKS)
    torch.testing.assert_close(Spectrum(books).sound(codes), wanted)


def test_certain_guesses_are_as_far_as_their_centers(books: torch.Tensor, codes: torch.Tensor) -> None:
    spectrum = Spectrum(books)
    guess = torch.randint(0, BOOK, codes.shape, generator=torch.Generator().manual_seed(2))
    logits = 1e4 * F.one_hot(guess[:, list(SPECTRAL_BOOKS)], BOOK).float()
    sound = torch.randn(6, WIDTH, generator=torch.Generator().manual_seed(3))
    left = sound
    for found, book in zip(spectrum(logits, sound, codes), SPECTRAL_BOOKS, strict=True):
        wanted = (left - books[book][guess[:, book]]).square().sum(1).mean() / spectrum.unit
        torch.testing.assert_close(found, wanted)
        left = left - books[book][codes[:, book]]


def test_the_best_guess_is_what_lies_nearest_to_the_mean_of_all_that_may_be(books: torch.Tensor) -> None:
    """Three sounds that are as likely as each other: each one's own center is worse than the one in their middle."""
    books[0, 0] = 0
    corners = 3 * torch.eye(WIDTH)[:3]
    books[0, 1:4] = corners
    spectrum = Spectrum(books)
    none = torch.zeros(3, BOOKS, dtype=torch.int64)
    far = []
    for guess in range(4):
        logits = torch.zeros(3, len(SPECTRAL_BOOKS), BOOK)
        logits[:, 0, guess] = 1e4
        far.append(float(spectrum(logits, corners, none)[0]))
    assert far[0] < min(far[1:])


def test_another_semantic_code_leads_to_the_same_sound(books: torch.Tensor, codes: torch.Tensor) -> None:
    spectrum = Spectrum(books)
    sound = spectrum.sound(codes)
    other = codes.clone()
    other[:, 0] = (codes[:, 0] + 1) % BOOK
    again = spectrum.requantized(sound, other)
    assert torch.equal(again[:, [0, *OTHERS]], other[:, [0, *OTHERS]])
    assert (spectrum.sound(again) - sound).norm() < (spectrum.sound(other) - sound).norm()
    assert torch.equal(codes, torch.randint(0, BOOK, (6, BOOKS), generator=torch.Generator().manual_seed(1)))
