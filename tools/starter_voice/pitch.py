"""Pitch and phase as codes that belong together.

The source's pulses stand on a grid of sixteenths of a cycle when a frame ends (``source.in_phase``). A pitch code says
how many sixteenths the frame has; with the phase at the frame's begin, which the frame before has told, that is the
phase at its end. A phase code says that, and the pitch once more, coarsely: so its entry can tell the decoder where the
harmonics stand at four moments of the frame, and the language model only adds up.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tools.starter_voice.source import BANDS, FRAME, LEAD, PHASES, RATE, ROWS, UNVOICED

PITCH = ROWS * 2
"""Features per frame: for each row six times the logarithm of the pitch over ``MIDDLE``, and the voicing."""
MIDDLE, LOWEST = 197.0, 90.0  # Hz, about the voice's
SHAPES, LEAST = 4, 2 * PHASES
"""A pitch code is ``SHAPES`` x (sixteenths in the frame - ``LEAST``) + a shape: how pitch and voicing run in it."""
COARSE = 4
"""A phase code is ``PHASES`` x (sixteenths in the frame - ``LEAST``) // ``COARSE`` + the phase at the frame's end."""
HARMONICS = 8  # that a phase code's entry tells of, at the begin of each row
BENT = 0.7
"""The farthest that a shape leads from a steady pitch, in features: 12 % up or down."""


def pitch_features(parts: Tensor) -> Tensor:
    """Parameters [T, ROWS, CHANNELS] → [T, PITCH].

    Voicing is the harmonic share of the lowest broad band. Where it is low, the pitch is that of the frame's voiced
    rows: the source has a pitch everywhere, but none is heard in an "s".
    """
    voicing = parts[..., 1 + BANDS]
    log = (parts[..., 0].clamp(min=LOWEST) / MIDDLE).log()
    mean = (voicing * log).sum(1, keepdim=True) / voicing.sum(1, keepdim=True).clamp(min=0.5)
    return torch.stack([6 * (voicing * log + (1 - voicing) * mean), voicing], dim=2).reshape(-1, PITCH)


def sixteenths(rows: Tensor, phases: Tensor, most: int) -> Tensor:
    """Cycles of the pulses in each frame, int64 [T], in sixteenths: what the pitch says, made to agree with the phases.

    A frame's own sound lies under the last two rows of the frame before it and its first two (``source.LEAD``). The
    counts are within ``LEAST`` and ``most``.
    """
    pitch = rows[:, 0].float().clamp(min=UNVOICED)
    shifted = torch.cat([pitch[:1].expand(LEAD), pitch])[: len(pitch)]
    about = shifted.reshape(-1, ROWS).mean(1) * (PHASES * FRAME / RATE)
    before = torch.cat([phases[:1] - about[:1].round().long(), phases[:-1].long()])
    count = PHASES * ((about - (phases - before)) / PHASES).round().long() + (phases - before)
    return count.clamp(LEAST, most)


def steady(count: Tensor) -> Tensor:
    """Features [..., PITCH] of a steady pitch of ``count`` sixteenths per frame, without voicing."""
    height = 6 * (count.float() * (RATE / FRAME / PHASES / MIDDLE)).log()
    return torch.stack([height, torch.zeros_like(height)], -1).tile(ROWS)


def shape(given: Tensor, count: Tensor) -> Tensor:
    """How far the pitch features [T, PITCH] are from a steady pitch, where there is voice, and the voicing."""
    far = given - steady(count)
    far[:, 0::2] = (far[:, 0::2] * far[:, 1::2]).clamp(-BENT, BENT)
    return far


def entries(shapes: Tensor, size: int) -> Tensor:
    """Features [size, PITCH] that the pitch codes stand for, from those of the shapes [SHAPES, PITCH]."""
    counts = LEAST + torch.arange(size // SHAPES)
    return (steady(counts)[:, None] + shapes).flatten(0, 1)


def pitch_distance(logits: Tensor, codes: Tensor) -> Tensor:
    """Mean squared distance, in cycles per frame, of pitches by logits [N, codes] from those of codes [N]."""
    cycles = torch.arange(logits.shape[-1], device=logits.device).div(SHAPES, rounding_mode="floor") / PHASES
    off = cycles - cycles[codes][:, None]
    return (logits.float().softmax(-1) * off.square()).sum(-1).mean()


def phase_codes(count: Tensor, phases: Tensor) -> Tensor:
    """Codes of frames with so many sixteenths that end in these phases."""
    return (count - LEAST) // COARSE * PHASES + phases


def phasors(size: int, width: int) -> Tensor:
    """Entries of the phase codes, [size, width]: cosine and sine of every harmonic at the begin of every row."""
    code = torch.arange(size)
    cycles = (LEAST + code // PHASES * COARSE + (COARSE - 1) / 2) / PHASES
    turned = (code % PHASES / PHASES)[:, None] - cycles[:, None] * (1 - torch.arange(ROWS) / ROWS)
    angle = 2 * math.pi * (turned[..., None] * torch.arange(1, HARMONICS + 1)).flatten(1)
    table = torch.zeros(size, width)
    table[:, : 2 * ROWS * HARMONICS] = torch.cat([angle.cos(), angle.sin()], 1)
    return table


def circle(count: int) -> Tensor:
    """[count, PHASES]: cosine and sine of the harmonics of so many sixteenths of a cycle, from 0 on."""
    angle = 2 * math.pi * torch.arange(count)[:, None] * torch.arange(1, PHASES // 2 + 1) / PHASES
    return torch.cat([angle.cos(), angle.sin()], 1)
