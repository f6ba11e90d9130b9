"""The sound that the spectral codes of a frame stand for, and how far from it a guess is on average.

A likely code is not always a good one: where a thousand centers are almost equally likely, the likeliest may be further
from the true spectrum than no residual at all. Distances to the centers know it, cross-entropies do not.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tools.starter_voice.codebooks import BOOKS, PHASE_BOOK, PITCH_BOOK, POSITION_BOOK, nearest

SPECTRAL_BOOKS = tuple(book for book in range(BOOKS) if book not in (PITCH_BOOK, PHASE_BOOK, POSITION_BOOK))


class Spectrum(nn.Module):
    """Residual quantization by the spectral books, the semantic one first. A sound is a vector [WIDTH]."""

    def __init__(self, books: Tensor) -> None:
        super().__init__()
        centers = books[list(SPECTRAL_BOOKS)]
        self.register_buffer("centers", centers)
        sizes = centers.square().sum(-1, keepdim=True)
        self.register_buffer("table", torch.cat([centers, sizes], dim=-1))
        self.unit = float(sizes[1:].mean(1).sum())
        """About what the semantic code alone leaves: the unit of distances."""

    def sound(self, codes: Tensor) -> Tensor:
        """Codes [N, BOOKS] → sounds [N, WIDTH]."""
        return self._steps(codes).sum(1)

    def _steps(self, codes: Tensor) -> Tensor:
        centers = self.get_buffer("centers")
        return centers[torch.arange(len(centers), device=codes.device), codes[:, list(SPECTRAL_BOOKS)]]

    def requantized(self, sound: Tensor, codes: Tensor) -> Tensor:
        """The codes with other residual spectral ones: those that lead to the sounds from *this* semantic code."""
        codes = codes.clone()
        rest = sound
        with torch.autocast(sound.device.type, enabled=False):
            for center, book in zip(self.get_buffer("centers"), SPECTRAL_BOOKS, strict=True):
                if book:
                    codes[:, book] = nearest(rest, center)
                rest = rest - center[codes[:, book]]
        return codes

    def forward(self, logits: Tensor, sound: Tensor, codes: Tensor) -> Tensor:
        """Mean squared distance [spectral books] of what each book's logits [N, spectral books, BOOK] would add.

        It is counted from what is left of the sound after the books before it, whose codes are given.
        """
        with torch.autocast(logits.device.type, enabled=False):
            steps = self._steps(codes)
            left = (sound[:, None] - steps.cumsum(1) + steps).transpose(0, 1)
            mean = logits.float().softmax(-1).transpose(0, 1) @ self.get_buffer("table")
            far = left.square().sum(-1) - 2 * (left * mean[..., :-1]).sum(-1) + mean[..., -1]
            return far.mean(1) / self.unit
