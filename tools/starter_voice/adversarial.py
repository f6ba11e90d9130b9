"""Training the decoder further, against discriminators that learn to tell its sound from the source's.

A decoder trained by distances alone gives the mean of all sounds that a code may stand for: hiss turns into buzz.
Discriminators that see spectra at three resolutions (Jang et al. 2021, UnivNet) know it from hiss. Magnitudes only:
codes say nothing of phases, and a decoder that is held to the source's blurs what it cannot know.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fishvoiced.backends.fish.network.codec import Codec
from tools.starter_voice.codebooks import Codebooks
from tools.starter_voice.data import Sounds
from tools.starter_voice.decoder import SpectralLoss, crops, new_codec, tie_biases
from tools.starter_voice.training import Run, device, smoothed

FFTS = (1024, 512, 256)
CHANNELS = 16
SLOPE = 0.2
RATE = 4e-4
HEAD_START, RISE = 200, 300
"""Steps in which the discriminators only learn, and in which the decoder then hears more and more of them."""
SPECTRAL, ADVERSARIAL, MATCHING = 1.0, 0.4, 0.3
"""Shares of the gradient that reaches the sound: its spectra, the adversarial loss, feature matching."""


class SpectrogramDiscriminator(nn.Module):
    """Waves [B, T] → what each layer makes of their spectra; the last one's [B, 1, frames, bins] is the score."""

    def __init__(self, fft: int, channels: int = CHANNELS) -> None:
        super().__init__()
        self.fft = fft
        self.register_buffer("window", torch.hann_window(fft), persistent=False)
        sizes = [(1, (3, 9), 1), *[(channels, (3, 9), 2)] * 3, (channels, (3, 3), 1)]
        self.layers = nn.ModuleList(
            nn.Conv2d(inputs, channels, kernel, (1, stride), [k // 2 for k in kernel])
            for inputs, kernel, stride in sizes
        )
        self.score = nn.Conv2d(channels, 1, 3, padding=1)
        for layer in [*self.layers, self.score]:
            nn.init.kaiming_normal_(layer.weight, a=SLOPE)  # PyTorch's own lets six layers fade to nothing
            nn.init.zeros_(layer.bias)

    def forward(self, wave: Tensor) -> list[Tensor]:
        window = self.get_buffer("window")
        spectrum = torch.stft(wave, self.fft, self.fft // 4, window=window, normalized=True, return_complex=True)
        # The root of the magnitude: hiss is 40 dB below vowels and should be seen as well.
        x = (spectrum.abs() + 1e-4).sqrt().mT[:, None]
        seen = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), SLOPE)
            seen.append(x)
        return [*seen, self.score(x)]


class Contest(nn.Module):
    """The decoder and its discriminators: one module, so that one run trains both and one state keeps both."""

    def __init__(self, codec: Codec) -> None:
        super().__init__()
        self.codec = codec
        self.discriminators = nn.ModuleList(SpectrogramDiscriminator(fft) for fft in FFTS)


def losses(discriminators: nn.ModuleList, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The discriminators' loss, the decoder's adversarial loss, and the feature matching loss.

    Least-squares scores (Mao et al. 2017): 1 for what is real, 0 for what is made. The last is the distance of the
    layers' outputs relative to their size (feature matching; Kumar et al. 2019).
    """
    discrimination, adversarial, matching = (real.new_zeros(()) for _ in range(3))
    for discriminator in discriminators:
        (*of_real, real_is), (*of_fake, fake_is) = discriminator(real), discriminator(fake)
        discrimination = discrimination + (1 - real_is.float()).square().mean() + fake_is.float().square().mean()
        adversarial = adversarial + (1 - fake_is.float()).square().mean()
        for a, b in zip(of_real, of_fake, strict=True):
            matching = matching + F.l1_loss(b.float(), a.detach().float()) / a.detach().float().abs().mean()
    return discrimination / len(discriminators), adversarial / len(discriminators), matching / len(discriminators)


def balanced(shares: Sequence[tuple[float, Tensor]], sound: Tensor) -> Tensor:
    """The gradient at ``sound`` in which each loss has its share, however large it is (EnCodec's balancer)."""
    total = torch.zeros_like(sound)
    for share, value in shares:
        (gradient,) = torch.autograd.grad(value, sound, retain_graph=True)
        total += share * gradient / gradient.norm().clamp(min=1e-12)
    return total


def train(work: Path, hours: float, batch: int = 4, until: int | None = None, seed: int = 0) -> None:
    """Go on from the stage ``decoder``; ``hours`` are this stage's own."""
    where = device()
    codec = new_codec(Codebooks.load(work / "codebooks.pt"))
    codec.load_state_dict(smoothed(work / "decoder.pt"))
    contest = Contest(codec).to(where)
    spectra = SpectralLoss().to(where)
    sounds = Sounds(work)

    def loss(step: int, progress: float) -> tuple[Tensor, list[float]]:
        tie_biases(codec)
        codes, real = (x.to(where) for x in crops(sounds, np.random.default_rng((seed, step)), batch))
        with torch.autocast(where.type, torch.bfloat16):
            made = codec.decode(codes)[:, 0, -real.shape[1] :].float()
            sound = made.detach().requires_grad_()
            discrimination, adversarial, matching = losses(contest.discriminators, real, sound)
        far = spectra(real, sound)
        weight = min(1.0, max(0.0, (step - HEAD_START) / RISE))
        shares = [(SPECTRAL, far), (ADVERSARIAL * weight, adversarial), (MATCHING * weight, matching)]
        # The first term is the discriminators'; the second has the balanced gradient at the sound and is the decoder's.
        value = discrimination + (made * balanced(shares, sound)).sum()
        return value, [x.item() for x in (far, discrimination, adversarial, matching)]

    columns = ("spectral", "discriminator", "adversarial", "matching")
    Run("adversarial", work, contest, loss, columns, hours, rate=RATE, betas=(0.8, 0.99), decay=0.0, clip=5.0).go(until)


def trained(work: Path) -> Codec:
    """The decoder to ship: this stage's, or where it has not run the one before it."""
    codec = new_codec(Codebooks.load(work / "codebooks.pt"))
    if (work / "adversarial.pt").exists():
        contest = Contest(codec)
        contest.load_state_dict(smoothed(work / "adversarial.pt"))
    else:
        codec.load_state_dict(smoothed(work / "decoder.pt"))
    tie_biases(codec)
    return codec
