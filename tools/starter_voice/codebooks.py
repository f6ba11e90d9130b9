"""The codec's codebooks, by residual k-means over the source's parameters instead of gradients.

A frame of 50 ms is four rows of mel bands, harmonic shares and pitch side by side: what the sound is made of, without
the noise's draws, which no text foretells. The spectral part is projected by PCA; five books hold it, residual by
residual. One book holds the pitch and one the phase (``pitch.py``), and one says which unit of the text is being
spoken (``dual_ar.py``). Learning books by straight-through gradients on a CPU takes hours and often collapses; this
takes a minute.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fishvoiced.backends.fish.network.checkpoint import CODEC_FILE
from tools.starter_voice.pitch import (
    LEAST,
    PITCH,
    SHAPES,
    entries,
    phase_codes,
    phasors,
    pitch_features,
    shape,
    sixteenths,
    steady,
)
from tools.starter_voice.source import BANDS, CHANNELS, ROWS, SHARES
from tools.starter_voice.speech import read_shard

SPECTRUM = ROWS * (BANDS + SHARES)
WIDTH = 80
BOOK = 1024
BOOKS = 8
PITCH_BOOK, PHASE_BOOK, POSITION_BOOK = 1, 2, 7
MOST = LEAST + BOOK // SHAPES - 1  # sixteenths of a cycle in a frame
ROUNDS = 15
CLEAR_BANDS, HIGHEST = 43, 0.5
"""Bands up to 4 kHz count fully, those above less and less, the last one so much."""
PROJECTION_FILE = "projection.pth"


@dataclass(frozen=True)
class Codebooks:
    mean: Tensor
    """[SPECTRUM + PITCH]"""
    basis: Tensor
    """[SPECTRUM + PITCH, WIDTH]: the spectrum's principal axes, then the pitch as it is"""
    books: Tensor
    """[BOOKS, BOOK, WIDTH], already divided by ``scale``"""
    scale: float

    def encode(self, features: Tensor) -> Tensor:
        """Features [T, SPECTRUM + PITCH] → codes int64 [T, BOOKS] of the spectrum; 0 in the other books."""
        rest = (features - self.mean) @ self.basis / self.scale
        codes = []
        for index, book in enumerate(self.books):
            if index in (PITCH_BOOK, PHASE_BOOK, POSITION_BOOK):
                codes.append(torch.zeros(len(rest), dtype=torch.int64))
                continue
            code = nearest(rest, book)
            rest = rest - book[code]
            codes.append(code)
        return torch.stack(codes, dim=1)

    def encode_frames(self, rows: Tensor, phases: Tensor) -> Tensor:
        """The source's parameters [ROWS x T, CHANNELS] and phases [T] → codes int64 [T, BOOKS] but for the position."""
        given = features(rows)
        codes = self.encode(given)
        count = sixteenths(rows, phases, MOST)
        codes[:, PITCH_BOOK] = (count - LEAST) * SHAPES + nearest(shape(given[:, SPECTRUM:], count), self._shapes())
        codes[:, PHASE_BOOK] = phase_codes(count, phases)
        return codes

    def _shapes(self) -> Tensor:
        first = self.books[PITCH_BOOK, :SHAPES, -PITCH:] * self.scale + self.mean[SPECTRUM:]
        return first - steady(torch.tensor(LEAST))

    def save(self, path: Path) -> None:
        torch.save({"mean": self.mean, "basis": self.basis, "books": self.books, "scale": self.scale}, path)

    def save_projection(self, folder: Path) -> None:
        """What the codec's own weights do not hold, beside them: with it the books can be had back."""
        torch.save({"mean": self.mean, "basis": self.basis, "scale": self.scale}, folder / PROJECTION_FILE)

    @staticmethod
    def from_checkpoint(folder: Path) -> Codebooks:
        """The books of a packed checkpoint (rounded to half precision), to train on with other speech."""
        weights = torch.load(folder / CODEC_FILE, weights_only=True)
        names = ["semantic_quantizer.quantizers.0", *(f"quantizer.quantizers.{i}" for i in range(BOOKS - 1))]
        books = torch.stack([weights[f"quantizer.{name}.codebook.weight"].float() for name in names])
        return Codebooks(books=books, **torch.load(folder / PROJECTION_FILE, weights_only=True))

    @staticmethod
    def load(path: Path) -> Codebooks:
        return Codebooks(**torch.load(path, weights_only=True))


def features(rows: Tensor) -> Tensor:
    """Parameter rows [ROWS x T, CHANNELS] → [T, SPECTRUM + PITCH], weighted by what the ear hears."""
    parts = rows.float().reshape(-1, ROWS, CHANNELS)
    falling = torch.linspace(1, HIGHEST, BANDS - CLEAR_BANDS + 1)[1:]
    weight = torch.cat([torch.ones(CLEAR_BANDS), falling, torch.ones(SHARES)])
    return torch.cat([(parts[..., 1:] * weight).reshape(-1, SPECTRUM), pitch_features(parts)], dim=1)


def nearest(points: Tensor, book: Tensor) -> Tensor:
    """Index of the nearest entry of ``book`` [N, D] for each of ``points`` [M, D]."""
    norms = book.square().sum(1)
    return torch.cat([(norms - 2 * part @ book.T).argmin(1) for part in torch.split(points, 2048)])


def k_means(points: Tensor, size: int, rounds: int, generator: torch.Generator) -> Tensor:
    """``size`` centers of ``points`` [M, D]; empty ones restart at a random point."""
    centers = points[torch.randperm(len(points), generator=generator)[:size]].clone()
    if len(centers) < size:
        raise ValueError(f"k-means wants at least {size} points, got {len(points)}")
    for _ in range(rounds):
        owner = nearest(points, centers)
        total = torch.zeros_like(centers).index_add_(0, owner, points)
        count = torch.bincount(owner, minlength=size).float()[:, None]
        fresh = points[torch.randint(len(points), (size,), generator=generator)]
        centers = torch.where(count > 0, total / count.clamp(min=1), fresh)
    return centers


def learn(
    data: Tensor, counts: Tensor, books: int = BOOKS, book: int = BOOK, rounds: int = ROUNDS, seed: int = 0
) -> Codebooks:
    """Codebooks from feature rows [M, SPECTRUM + PITCH] and the frames' cycles in sixteenths [M].

    Prints the share of variance that each book leaves of the spectrum.
    """
    generator = torch.Generator().manual_seed(seed)
    mean = data.mean(0)
    spectrum = data[:, :SPECTRUM] - mean[:SPECTRUM]
    values, vectors = torch.linalg.eigh(spectrum.T @ spectrum / len(data))
    axes = vectors[:, values.argsort(descending=True)[: WIDTH - PITCH]]
    basis = torch.block_diag(axes, torch.eye(PITCH))
    points = (data - mean) @ basis
    scale = float(points.std())
    points = points / scale
    learned = []
    part = slice(0, WIDTH - PITCH)
    whole = points[:, part].var(0).sum()
    for index in range(books):
        centers = torch.zeros(book, WIDTH)
        if index == PITCH_BOOK:
            shapes = k_means(shape(data[:, SPECTRUM:], counts), SHAPES, rounds, generator)
            centers[:, WIDTH - PITCH :] = (entries(shapes, book) - mean[SPECTRUM:]) / scale
        elif index == PHASE_BOOK:
            centers = phasors(book, WIDTH)
        elif index != POSITION_BOOK:
            centers[:, part] = k_means(points[:, part], book, rounds, generator)
            points[:, part] -= centers[nearest(points[:, part], centers[:, part]), part]
            print(f"book {index}: {float(points[:, part].var(0).sum() / whole):.4f} of the variance left", flush=True)
        learned.append(centers)
    return Codebooks(mean, basis, torch.stack(learned), scale)


def shard_features(shards: Iterable[Path], limit: int) -> tuple[Tensor, Tensor]:
    """Feature rows of shards, until there are ``limit`` of them, and the frames' cycles in sixteenths."""
    rows: list[Tensor] = []
    counts: list[Tensor] = []
    total = 0
    for shard in shards:
        for one in read_shard(shard):
            parameters = torch.from_numpy(one.rows)
            rows.append(features(parameters))
            counts.append(sixteenths(parameters, torch.from_numpy(one.phases), MOST))
            total += len(rows[-1])
        if total >= limit:
            break
    return torch.cat(rows), torch.cat(counts)


def encode_shard(books: Codebooks, shard: Path, path: Path) -> None:
    """Codes of every utterance of a shard, one after the other: int16 [frames, BOOKS]."""
    codes = [books.encode_frames(torch.from_numpy(s.rows), torch.from_numpy(s.phases)) for s in read_shard(shard)]
    temporary = path.with_suffix(".tmp.npy")
    np.save(temporary, torch.cat(codes).numpy().astype(np.int16))
    temporary.replace(path)
