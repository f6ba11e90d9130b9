"""The codec's codebooks, by residual k-means over the source's parameters instead of gradients.

A frame of 50 ms is four rows of mel bands, harmonic shares and pitch side by side: what the sound is made of, without
the noise's draws and the pitch's harmonics, which no text foretells. The spectral part is projected by PCA. One book
holds the pitch, the others the spectrum, residual by residual. Learning books by straight-through gradients on a CPU
takes hours and often collapses; this takes a minute.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fishvoiced.backends.fish.network.checkpoint import CODEC_FILE
from tools.starter_voice.source import BANDS, CHANNELS, ROWS, SHARES
from tools.starter_voice.speech import read_shard

SPECTRUM = ROWS * (BANDS + SHARES)
PITCH = ROWS * 2  # logarithm and voicing
WIDTH = 80
BOOK = 1024
BOOKS = 8
PITCH_BOOK = 1
ROUNDS = 15
MIDDLE, LOWEST = 197.0, 90.0  # Hz, about the voice's
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
        """Features [T, SPECTRUM + PITCH] → codes int64 [T, BOOKS]."""
        rest = (features - self.mean) @ self.basis / self.scale
        codes = []
        for book in self.books:
            code = nearest(rest, book)
            rest = rest - book[code]
            codes.append(code)
        return torch.stack(codes, dim=1)

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
    """Parameter rows [ROWS x T, CHANNELS] → [T, SPECTRUM + PITCH], weighted by what the ear hears.

    Voicing is the harmonic share of the lowest broad band. Where it is low, the pitch is that of the frame's voiced
    rows: the source has a pitch everywhere, but none is heard in an "s".
    """
    parts = rows.float().reshape(-1, ROWS, CHANNELS)
    falling = torch.linspace(1, HIGHEST, BANDS - CLEAR_BANDS + 1)[1:]
    weight = torch.cat([torch.ones(CLEAR_BANDS), falling, torch.ones(SHARES)])
    spectrum = parts[..., 1:] * weight
    voicing = parts[..., 1 + BANDS]
    log = (parts[..., 0].clamp(min=LOWEST) / MIDDLE).log()
    mean = (voicing * log).sum(1, keepdim=True) / voicing.sum(1, keepdim=True).clamp(min=0.5)
    high = torch.stack([6 * (voicing * log + (1 - voicing) * mean), voicing], dim=2)
    return torch.cat([spectrum.reshape(-1, SPECTRUM), high.reshape(-1, PITCH)], dim=1)


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


def learn(data: Tensor, books: int = BOOKS, book: int = BOOK, rounds: int = ROUNDS, seed: int = 0) -> Codebooks:
    """Codebooks from feature rows [M, SPECTRUM + PITCH]; prints the share of variance each book leaves of its part."""
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
    for index in range(books):
        part = slice(WIDTH - PITCH, WIDTH) if index == PITCH_BOOK else slice(0, WIDTH - PITCH)
        mine = torch.zeros_like(points)
        mine[:, part] = points[:, part]
        centers = k_means(mine, book, rounds, generator)
        # Zeros elsewhere: the nearest center of the part is the nearest of the whole.
        points = points - centers[nearest(points, centers)]
        learned.append(centers)
        left = float(points[:, part].var(0).sum() / ((data - mean) @ basis / scale)[:, part].var(0).sum())
        print(f"book {index}: {left:.4f} of the variance left", flush=True)
    return Codebooks(mean, basis, torch.stack(learned), scale)


def shard_features(shards: Iterable[Path], limit: int) -> Tensor:
    """Feature rows of shards until there are ``limit`` of them."""
    rows: list[Tensor] = []
    count = 0
    for shard in shards:
        for one in read_shard(shard):
            rows.append(features(torch.from_numpy(one.rows)))
            count += len(rows[-1])
        if count >= limit:
            break
    return torch.cat(rows)


def encode_shard(books: Codebooks, shard: Path, path: Path) -> None:
    """Codes of every utterance of a shard, one after the other: int16 [frames, BOOKS]."""
    codes = [books.encode(features(torch.from_numpy(one.rows))) for one in read_shard(shard)]
    temporary = path.with_suffix(".tmp.npy")
    np.save(temporary, torch.cat(codes).numpy().astype(np.int16))
    temporary.replace(path)
