"""The slow AR's K and V in 8 bits: what their channels reach, so that ONNX Runtime can keep them as int8.

One scale per layer, head and channel, symmetric and fixed beforehand, from what the model reads and says itself.
A quarter of the bytes, and decoding waits for bytes: more of them with every column that an answer grows by.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from fishvoiced.fish.network.dual_ar import DualAR
from fishvoiced.fish.network.layers import KVCache, KVScales

MARGIN = 1.2
"""How far beyond what was observed a value may go before it is cut off."""
LEAST = 1e-6


@torch.no_grad()
def observe(model: DualAR, texts: Iterable[Tensor]) -> list[KVScales]:
    """Scales of every layer; ``texts`` are columns, int64 [1 + num_codebooks, S] each."""
    slow = model.config.slow
    nothing = torch.zeros(1, slow.n_local_heads, 1, slow.head_dim)
    reach = [(nothing, nothing) for _ in range(slow.n_layer)]
    for columns in texts:
        length = columns.shape[1]
        shape, total = (1, slow.n_local_heads, length, slow.head_dim), torch.tensor([length], dtype=torch.int32)
        _, caches = model.slow(columns[None], [KVCache(torch.zeros(shape), torch.zeros(shape), total) for _ in reach])
        reach = [
            (torch.maximum(key, _radius(cache.key)), torch.maximum(value, cache.value.abs().amax(2, keepdim=True)))
            for (key, value), cache in zip(reach, caches, strict=True)
        ]
    return [KVScales(*((t * (MARGIN / 127)).clamp(min=LEAST) for t in both)) for both in reach]


def _radius(key: Tensor) -> Tensor:
    """The greatest length of each rotated pair of channels: elsewhere in a text either channel may reach it."""
    pairs = torch.hypot(key[..., 0::2], key[..., 1::2]).amax(2, keepdim=True)
    return pairs.repeat_interleave(2, dim=-1)
