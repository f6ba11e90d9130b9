"""Sampling as upstream does it, in operations that export to ONNX.

Order (fish-speech 0.1.0): repetition penalty, top-p on the sorted logits (the best one always stays), then
temperature. The draw inverts the cumulative distribution with one uniform number per codebook: the same
distribution as upstream's argmax of probabilities over exponential noise, with 1 + K random numbers a frame
instead of thousands. ``top_p`` 0 is greedy.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

MIN_TEMPERATURE = 1e-5


@dataclass
class Sampling:
    """Scalars [1] and ``uniforms`` [num_codebooks] in [0, 1): one draw per codebook decides everything."""

    uniforms: Tensor
    temperature: Tensor
    top_p: Tensor
    repetition_penalty: Tensor


def penalize(logits: Tensor, penalty: Tensor) -> Tensor:
    """Push logits down: negative ones are multiplied by ``penalty``, positive ones divided."""
    return torch.where(logits < 0, logits * penalty, logits / penalty)


def sample(logits: Tensor, sampling: Sampling, row: int) -> Tensor:
    """Draw one index: logits [1, N] → int64 [1]."""
    ordered, indices = torch.topk(logits, logits.shape[-1], dim=-1)
    inside = torch.cumsum(torch.softmax(ordered, dim=-1), dim=-1) <= sampling.top_p
    inside = inside | (torch.arange(logits.shape[-1], device=logits.device) == 0)
    ordered = torch.where(inside, ordered, torch.full_like(ordered, -torch.inf))
    probabilities = torch.softmax(ordered / sampling.temperature.clamp(min=MIN_TEMPERATURE), dim=-1)
    cumulative = torch.cumsum(probabilities, dim=-1)
    # Rounding may leave the last sum below 1: the draw is scaled to what there is, and kept inside top-p.
    draw = sampling.uniforms[row] * cumulative[:, -1:]
    rank = (cumulative <= draw).to(torch.int64).sum(dim=-1, keepdim=True)
    last = inside.to(torch.int64).sum(dim=-1, keepdim=True) - 1
    return indices.gather(1, torch.minimum(rank, last))[:, 0]
