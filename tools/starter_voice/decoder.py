"""Training the codec's decoder: codes → samples, the codebooks held fixed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from fishvoiced.backends.fish.config import CodecConfig
from fishvoiced.backends.fish.network.checkpoint import CODEC_FILE, read_codec
from fishvoiced.backends.fish.network.codec import CausalTransposedConv, Codec
from tools.starter_voice.codebooks import BOOK, BOOKS, WIDTH, Codebooks
from tools.starter_voice.data import Sounds
from tools.starter_voice.mel import mel_filters
from tools.starter_voice.snake import fuse
from tools.starter_voice.source import FRAME, RATE
from tools.starter_voice.training import Run, device

CONFIG = CodecConfig(
    sample_rate=RATE,
    decoder_dim=320,
    decoder_rates=(5, 5, 3, 4),
    latent_dim=224,
    num_codebooks=BOOKS,
    semantic_codebook_size=BOOK,
    codebook_size=BOOK,
    codebook_dim=WIDTH,
    downsample=(2, 2),
    transformer_layers=0,
    has_encoder=False,
)
CONTEXT, FRAMES, BATCH = 4, 20, 4
SCALES = ((2048, 80), (1024, 80), (512, 64), (256, 32), (128, 16))
FAINTEST = 1e-2
"""Magnitude of a bin, 80 to 90 dB below a full tone: differences under it are not heard."""


def new_codec(books: Codebooks) -> Codec:
    """A codec with the k-means books in their places and everything else fresh."""
    codec = Codec(CONFIG)
    fuse(codec)
    for name, module in codec.named_modules():
        if name.startswith("decoder") and isinstance(module, nn.Conv1d):
            nn.init.kaiming_uniform_(module.weight, a=5**0.5)
    with torch.no_grad():
        first = codec.quantizer.semantic
        for index, quantizer in enumerate((first, *codec.quantizer.residual)):
            quantizer.codebook.weight.copy_(books.books[index])
            quantizer.codebook.weight.requires_grad_(False)
            quantizer.in_proj.requires_grad_(False)
            quantizer.out_proj.weight.copy_(first.out_proj.weight)
            quantizer.out_proj.bias.zero_()
    tie_biases(codec)
    return codec


def tie_biases(codec: Codec) -> None:
    """Make the phases of every transposed convolution share one bias, as upstream's layout demands."""
    with torch.no_grad():
        for module in codec.modules():
            if isinstance(module, CausalTransposedConv):
                bias = module.conv.bias
                assert bias is not None
                phases = bias.view(module.stride, -1)
                phases.copy_(phases.mean(0, keepdim=True).expand_as(phases))


class SpectralLoss(nn.Module):
    """Log-mel distance at five resolutions; at two log-magnitude distance and spectral convergence, with and without
    phases.

    Above 2 kHz a mel band is wider than the distance between a voice's harmonics: only single bins see those. Phases
    are judged because the codes tell them (``codebooks.phases``); what they do not tell, the noise's, is faint.
    """

    def __init__(self, rate: int = RATE) -> None:
        super().__init__()
        for fft, bands in SCALES:
            self.register_buffer(f"mel{fft}", mel_filters(rate, fft, bands), persistent=False)
            self.register_buffer(f"window{fft}", torch.hann_window(fft), persistent=False)

    def forward(self, real: Tensor, made: Tensor) -> Tensor:
        total = real.new_zeros(())
        for fft, _ in SCALES:
            window, mel = getattr(self, f"window{fft}"), getattr(self, f"mel{fft}")
            waves = [torch.stft(x, fft, fft // 4, window=window, return_complex=True) for x in (real, made)]
            a, b = (wave.abs() for wave in waves)
            logs = [(mel @ x).clamp(min=1e-4).log10() for x in (a, b)]
            total = total + (logs[0] - logs[1]).abs().mean()
            if fft in (1024, 512):
                far = 0.3 * (a - b).norm() + 0.5 * (waves[0] - waves[1]).abs().norm()
                total = total + far / a.norm().clamp(min=1e-3)
                total = total + (a.clamp(min=FAINTEST).log10() - b.clamp(min=FAINTEST).log10()).abs().mean()
        return total


def crops(sounds: Sounds, rng: np.random.Generator, batch: int) -> tuple[Tensor, Tensor]:
    """Codes int64 [batch, BOOKS, C + F] and the samples [batch, F x FRAME] of the last F frames.

    C is CONTEXT, or 0 in a quarter of the batches, which are beginnings of utterances: the decoder then starts from
    zeros, as it does in use.
    """
    context = 0 if rng.random() < 0.25 else CONTEXT
    least = FRAMES // 2 if context == 0 else CONTEXT + FRAMES
    picked = []
    while len(picked) < batch:
        one = sounds.pick(rng)
        if len(one[1]) >= least:
            picked.append(one)
    frames = min(FRAMES, *(len(codes) - context for _, codes in picked))
    begins = [0 if context == 0 else int(rng.integers(0, len(c) - context - frames + 1)) for _, c in picked]
    codes = [c[b : b + context + frames].T.astype(np.int64) for (_, c), b in zip(picked, begins, strict=True)]
    starts = [(b + context) * FRAME for b in begins]
    audio = [s[at : at + frames * FRAME] for (s, _), at in zip(picked, starts, strict=True)]
    return torch.from_numpy(np.stack(codes)), torch.from_numpy(np.stack(audio).astype(np.float32) / np.float32(32768))


def train(
    work: Path,
    hours: float,
    batch: int = BATCH,
    until: int | None = None,
    seed: int = 0,
    start: Path | None = None,
) -> None:
    """``start`` names a packed checkpoint folder whose decoder to begin from."""
    where = device()
    codec = new_codec(Codebooks.load(work / "codebooks.pt"))
    if start is not None:
        codec.load_state_dict({k: v.float() for k, v in read_codec(start / CODEC_FILE, CONFIG).items()})
    codec = codec.to(where)
    judge = SpectralLoss().to(where)
    sounds = Sounds(work)
    print(f"decoder: {sum(p.numel() for p in codec.parameters()) / 1e6:.2f} M parameters", flush=True)

    def loss(step: int, progress: float) -> tuple[Tensor, list[float]]:
        rng = np.random.default_rng((seed, step))
        tie_biases(codec)
        codes, real = crops(sounds, rng, batch)
        codes, real = codes.to(where), real.to(where)
        with torch.autocast(where.type, torch.bfloat16):
            made = codec.decode(codes)
        made = made[:, 0, -real.shape[1] :].float()
        value = judge(real, made)
        return value, [value.item()]

    Run("decoder", work, codec, loss, ("loss",), hours, betas=(0.8, 0.99), decay=0.0, clip=5.0).go(until)
