"""Transformer layers shared by the slow AR, the fast AR and the codec.

One definition serves training and one-shot evaluation (no cache), and the torch engine (K/V buffers updated in place).
``convert/transformer.py`` has the same arithmetic in ONNX Runtime's operators; tests compare the two.

Source of the arithmetic: fish-speech 0.1.0 (Apache-2.0): pre-norm blocks, one ``wqkv``, optional per-head
RMS norm of q and k, rotary embedding on interleaved pairs with tables rounded to bfloat16, SwiGLU.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fishvoiced.backends.fish.config import TransformerConfig


def rotary_tables(positions: int, head_dim: int, base: float) -> tuple[Tensor, Tensor]:
    """Cosine and sine tables, each [positions, head_dim // 2], rounded to bfloat16 as upstream keeps them.

    Always real tensors, also for a module whose weights are still to be loaded (made on the meta device).
    """
    frequencies = 1.0 / (base ** (torch.arange(0, head_dim, 2, device="cpu").float() / head_dim))
    angles = torch.outer(torch.arange(positions, device="cpu").float(), frequencies)
    return angles.cos().bfloat16().float(), angles.sin().bfloat16().float()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate interleaved pairs of ``x`` [B, H, S, D] by tables [S, D // 2]."""
    even, odd = x.float()[..., 0::2], x.float()[..., 1::2]
    pairs = torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1)
    return pairs.flatten(-2).to(x.dtype)


@dataclass
class KVCache:
    """K and V of one layer, each [1, n_local_heads, capacity, head_dim], and how much of them is in use.

    ``total`` int32 [1] counts the columns including the ones being added. The buffers are written in place.
    """

    key: Tensor
    value: Tensor
    total: Tensor


class RMSNorm(nn.Module):
    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        full = x.float()
        return (full * torch.rsqrt(full.square().mean(-1, keepdim=True) + self.eps)).to(x.dtype) * self.weight


class FeedForward(nn.Module):
    """SwiGLU: w2(silu(w1 x) * w3 x)."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.w1 = nn.Linear(config.dim, config.intermediate_size, bias=False)
        self.w3 = nn.Linear(config.dim, config.intermediate_size, bias=False)
        self.w2 = nn.Linear(config.intermediate_size, config.dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.w2(F.silu(self.w1(x)) * self.w3(x))
        return out


class Attention(nn.Module):
    """Causal grouped-query attention over a K/V cache, or over ``x`` alone when there is none."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.q_size = config.n_head * config.head_dim
        self.kv_size = config.n_local_heads * config.head_dim
        self.wqkv = nn.Linear(config.dim, self.q_size + 2 * self.kv_size, bias=config.qkv_bias)
        self.wo = nn.Linear(self.q_size, config.dim, bias=config.o_bias)
        if config.qk_norm:
            self.q_norm = RMSNorm(config.head_dim, config.norm_eps)
            self.k_norm = RMSNorm(config.head_dim, config.norm_eps)

    def forward(
        self, x: Tensor, cos: Tensor, sin: Tensor, cache: KVCache | None = None
    ) -> tuple[Tensor, KVCache | None]:
        """``x`` [B, S, dim]; ``cos``/``sin`` whole tables [positions, head_dim // 2]."""
        heads = self.qkv(x)
        if cache is None:
            y = causal_attention(*heads, cos, sin)
        else:
            y, cache = self._cached(*heads, cos, sin, cache)
        return self.merge(y), cache

    def qkv(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Project and split into heads, each [B, heads, S, head_dim], with q and k normalized, not yet rotated."""
        c = self.config
        q, k, v = self.wqkv(x).split([self.q_size, self.kv_size, self.kv_size], dim=-1)
        q, k, v = (t.reshape(*t.shape[:-1], -1, c.head_dim) for t in (q, k, v))
        if c.qk_norm:
            q, k = self.q_norm(q), self.k_norm(k)
        return q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)

    def merge(self, y: Tensor) -> Tensor:
        out: Tensor = self.wo(y.transpose(1, 2).flatten(-2))
        return out

    def _cached(
        self, q: Tensor, k: Tensor, v: Tensor, cos: Tensor, sin: Tensor, cache: KVCache
    ) -> tuple[Tensor, KVCache]:
        end = int(cache.total.item())
        start = end - q.shape[2]
        cos, sin = cos[start:end], sin[start:end]
        cache.key[:, :, start:end] = rotate(k, cos, sin)
        cache.value[:, :, start:end] = v
        seen = torch.arange(end, device=q.device) <= torch.arange(start, end, device=q.device)[:, None]
        y = F.scaled_dot_product_attention(
            rotate(q, cos, sin), cache.key[:, :, :end], cache.value[:, :, :end], attn_mask=seen, enable_gqa=True
        )
        return y, cache


def causal_attention(q: Tensor, k: Tensor, v: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Attention of a whole sequence to itself: q [B, H, S, D], k and v [B, H_local, S, D] → [B, H, S, D]."""
    length = q.shape[2]
    cos, sin = cos[:length], sin[:length]
    return F.scaled_dot_product_attention(rotate(q, cos, sin), rotate(k, cos, sin), v, is_causal=True, enable_gqa=True)


class Block(nn.Module):
    """Pre-norm transformer block."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.feed_forward = FeedForward(config)
        self.ffn_norm = RMSNorm(config.dim, config.norm_eps)
        self.attention_norm = RMSNorm(config.dim, config.norm_eps)

    def forward(
        self, x: Tensor, cos: Tensor, sin: Tensor, cache: KVCache | None = None
    ) -> tuple[Tensor, KVCache | None]:
        y, cache = self.attention(self.attention_norm(x), cos, sin, cache)
        x = x + y
        return x + self.feed_forward(self.ffn_norm(x)), cache
