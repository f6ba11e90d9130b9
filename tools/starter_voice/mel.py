"""Mel spectra: the ear of the decoder's training and of the likeness measure."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

BANDS = 80
HOPS = 100  # per second
FLOOR = 2e-3  # magnitudes below are all the same silence


def mel_filters(rate: int, fft: int, bands: int) -> Tensor:
    """Triangular filters [bands, fft // 2 + 1] on the mel scale of O'Shaughnessy."""
    top = 2595 * math.log10(1 + rate / 2 / 700)
    points = 700 * (10 ** (torch.linspace(0, top, bands + 2).double() / 2595) - 1)
    frequencies = torch.linspace(0, rate / 2, fft // 2 + 1).double()
    low, center, high = points[:-2, None], points[1:-1, None], points[2:, None]
    rising, falling = (frequencies - low) / (center - low), (high - frequencies) / (high - center)
    return torch.minimum(rising, falling).clamp(min=0).float()


def log_mel(samples: Tensor, rate: int) -> Tensor:
    """Samples [n] within ±1 → log10 magnitudes [hops, BANDS], a row every 10 ms, nothing past its end."""
    hop, window = rate // HOPS, rate // 40
    fft = 1 << (window - 1).bit_length()
    padded = F.pad(samples[: len(samples) // hop * hop], (fft - hop, 0))
    shape = torch.hann_window(window)
    spectrum = torch.stft(padded, fft, hop, window, shape, center=False, return_complex=True).abs()
    return (mel_filters(rate, fft, BANDS) @ spectrum).clamp(min=FLOOR).log10().T
