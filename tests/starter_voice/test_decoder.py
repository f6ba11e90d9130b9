"""The decoder's loss."""

from __future__ import annotations

import torch

from tools.starter_voice.decoder import SpectralLoss
from tools.starter_voice.source import RATE


def test_the_loss_hears_a_phase_and_is_nothing_for_the_same() -> None:
    time = torch.arange(RATE // 2) / RATE
    tone, turned = (0.3 * torch.sin(2 * torch.pi * 220 * time + phase)[None] for phase in (0.0, 1.5))
    loss = SpectralLoss()
    assert loss(tone, tone) == 0
    assert loss(tone, turned) > 0.5
    assert loss(tone, 0.9 * tone) < loss(tone, turned)
