"""The codec's codebooks, by residual k-means over log-mel frames instead of gradients.

A frame of 40 ms is four log-mel spectra of 80 bands side by side (causal: nothing past
the frame's last sample), projected to 64 numbers by PCA. Learning the same books by
straight-through gradients on a CPU takes hours and often collapses; this takes a minute.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from fishvoiced.model.checkpoint import CODEC_FILE
from tools.starter_voice.speech import FRAME, read_shard

BANDS, FFT, WINDOW, HOP = 80, 512, 400, 160
FLOOR = 2e-3  # magnitudes below are all the same silence
WIDTH = 64
BOOK = 512
BOOKS = 6
ROUNDS = 15
PROJECTION_FILE = "projection.pth"


@dataclass(frozen=True)
class Codebooks:
    mean: Tensor
    """[320]"""
    basis: Tensor
    """[320, WIDTH], orthonormal columns"""
    books: Tensor
    """[BOOKS, BOOK, WIDTH], already divided by ``scale``"""
    scale: float

    def encode(self, features: Tensor) -> Tensor:
        """Features [T, 320] → codes int64 [T, BOOKS]."""
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


def mel_filters(rate: int, fft: int, bands: int) -> Tensor:
    """Triangular filters [bands, fft // 2 + 1] on the mel scale of O'Shaughnessy."""
    top = 2595 * math.log10(1 + rate / 2 / 700)
    points = 700 * (10 ** (torch.linspace(0, top, bands + 2).double() / 2595) - 1)
    frequencies = torch.linspace(0, rate / 2, fft // 2 + 1).double()
    low, center, high = points[:-2, None], points[1:-1, None], points[2:, None]
    rising, falling = (frequencies - low) / (center - low), (high - frequencies) / (high - center)
    return torch.minimum(rising, falling).clamp(min=0).float()


def features(samples: Tensor) -> Tensor:
    """Samples [n] within ±1 → [n // 640, 320]; row t ends with sample 640 (t + 1)."""
    frames = len(samples) // FRAME
    padded = F.pad(samples[: frames * FRAME], (FFT - HOP, 0))
    window = torch.hann_window(WINDOW)
    spectrum = torch.stft(padded, FFT, HOP, WINDOW, window, center=False, return_complex=True).abs()
    mel = mel_filters(16000, FFT, BANDS) @ spectrum
    return mel.clamp(min=FLOOR).log10().T.reshape(frames, -1)


def nearest(points: Tensor, book: Tensor) -> Tensor:
    """Index of the nearest entry of ``book`` [N, D] for each of ``points`` [M, D]."""
    norms = book.square().sum(1)
    return torch.cat([(norms - 2 * part @ book.T).argmin(1) for part in torch.split(points, 16384)])


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
    data: Tensor, books: int = BOOKS, book: int = BOOK, width: int = WIDTH, rounds: int = ROUNDS, seed: int = 0
) -> Codebooks:
    """Codebooks from feature rows [M, 320]; prints the share of variance each book leaves."""
    generator = torch.Generator().manual_seed(seed)
    mean = data.mean(0)
    values, vectors = torch.linalg.eigh((data - mean).T @ (data - mean) / len(data))
    basis = vectors[:, values.argsort(descending=True)[:width]]
    points = (data - mean) @ basis
    scale = float(points.std())
    points = points / scale
    whole = points.var(0).sum()
    learned = []
    for index in range(books):
        centers = k_means(points, book, rounds, generator)
        points = points - centers[nearest(points, centers)]
        learned.append(centers)
        print(f"book {index}: {float(points.var(0).sum() / whole):.4f} of the variance left", flush=True)
    return Codebooks(mean, basis, torch.stack(learned), scale)


def shard_features(shards: Iterable[Path], limit: int) -> Tensor:
    """Feature rows of shards until there are ``limit`` of them."""
    rows: list[Tensor] = []
    count = 0
    for shard in shards:
        for one in read_shard(shard):
            rows.append(features(torch.from_numpy(one.samples.astype(np.float32) / 32768)))
            count += len(rows[-1])
        if count >= limit:
            break
    return torch.cat(rows)


def encode_shard(books: Codebooks, shard: Path, path: Path) -> None:
    """Codes of every utterance of a shard, one after the other: int16 [frames, BOOKS]."""
    codes = [
        books.encode(features(torch.from_numpy(one.samples.astype(np.float32) / 32768)))
        for one in read_shard(shard)
    ]
    temporary = path.with_suffix(".tmp.npy")
    np.save(temporary, torch.cat(codes).numpy().astype(np.int16))
    temporary.replace(path)
