"""Transformer layers shared by the slow AR, the fast AR and the codec.

One definition serves three uses: training and one-shot evaluation (no cache), the torch engine (K/V buffers
updated in place), and ONNX export, where attention becomes ONNX Runtime's fused ``GroupQueryAttention``.

Source of the arithmetic: fish-speech 0.1.0 (Apache-2.0): pre-norm blocks, one ``wqkv``, optional per-head
RMS norm of q and k, rotary embedding on interleaved pairs with tables rounded to bfloat16, SwiGLU.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fishvoiced.fish.config import TransformerConfig

MS_DOMAIN = "com.microsoft"


def rotary_tables(positions: int, head_dim: int, base: float) -> tuple[Tensor, Tensor]:
    """Cosine and sine tables, each [positions, head_dim // 2], rounded to bfloat16 as upstream keeps them.

    Always real tensors, also for a module whose weights are still to be loaded (made on the meta device).
    """
    frequencies = 1.0 / (base ** (torch.arange(0, head_dim, 2, device="cpu").float() / head_dim))
    angles = torch.outer(torch.arange(positions, device="cpu").float(), frequencies)
    return angles.cos().bfloat16().float(), angles.sin().bfloat16().float()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate interleaved pairs of ``x`` [B, H, S, D] by tables [S, D // 2]."""
    if torch.onnx.is_in_onnx_export():  # one operator instead of a dozen
        fused: Tensor = torch.onnx.ops.symbolic(
            f"{MS_DOMAIN}::RotaryEmbedding",
            (x, torch.zeros(1, dtype=torch.int64), cos, sin),
            {"interleaved": 1},
            dtype=x.dtype,
            shape=x.shape,
            version=1,
        )
        return fused
    even, odd = x.float()[..., 0::2], x.float()[..., 1::2]
    pairs = torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1)
    return pairs.flatten(-2).to(x.dtype)


@dataclass(frozen=True)
class KVScales:
    """What one step of an int8 K or V stands for, each [1, n_local_heads, 1, head_dim]."""

    key: Tensor
    value: Tensor


@dataclass
class KVCache:
    """K and V of one layer, each [1, n_local_heads, capacity, head_dim], and how much of them is in use.

    ``total`` int32 [1] counts the columns including the ones being added. In torch the buffers are written in
    place; in ONNX the runtime is bound to the same memory for past and present, which comes to the same.
    """

    key: Tensor
    value: Tensor
    total: Tensor
    growing: bool = False
    """Empty at first and lengthened by every call: the fast AR's, inside one exported graph."""
    scales: KVScales | None = None
    """Where K and V are int8: in ONNX alone."""


class RMSNorm(nn.Module):
    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        if torch.onnx.is_in_onnx_export():
            fused: Tensor = torch.onnx.ops.symbolic(
                "SimplifiedLayerNormalization",
                (x, self.weight),
                {"axis": -1, "epsilon": self.eps, "stash_type": 1},
                dtype=x.dtype,
                shape=x.shape,
            )
            return fused
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
        if torch.onnx.is_in_onnx_export():  # one product for both: half as many meetings of the threads
            gate, up = F.linear(x, torch.cat([self.w1.weight, self.w3.weight])).chunk(2, dim=-1)
        else:
            gate, up = self.w1(x), self.w3(x)
        out: Tensor = self.w2(F.silu(gate) * up)
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
        if cache is not None and torch.onnx.is_in_onnx_export():
            return self._fused(x, cos, sin, cache)
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

    def _fused(self, x: Tensor, cos: Tensor, sin: Tensor, cache: KVCache) -> tuple[Tensor, KVCache]:
        c = self.config
        packed = self.wqkv(x)
        q: Tensor = packed
        k: Tensor | None = None
        v: Tensor | None = None
        if c.qk_norm:  # the CPU kernel takes q, k, v in one piece, but does not normalize them
            q, k, v = packed.split([self.q_size, self.kv_size, self.kv_size], dim=-1)
            q = self.q_norm(q.reshape(*q.shape[:-1], -1, c.head_dim)).flatten(-2)
            k = self.k_norm(k.reshape(*k.shape[:-1], -1, c.head_dim)).flatten(-2)
        batch, heads, columns, dim = cache.key.shape
        present = (batch, heads, columns + x.shape[1] if cache.growing else columns, dim)
        inputs: list[Tensor | None] = [q, k, v, cache.key, cache.value, cache.total - 1, cache.total, cos, sin]
        options: dict[str, int | str] = {"do_rotary": 1, "rotary_interleaved": 1}
        if cache.scales is not None:
            inputs += [None, None, None, cache.scales.key, cache.scales.value]
            options |= {"kv_cache_bit_width": 8, "k_quant_type": "PER_CHANNEL", "v_quant_type": "PER_CHANNEL"}
        y, key, value = torch.onnx.ops.symbolic_multi_out(
            f"{MS_DOMAIN}::GroupQueryAttention",
            inputs,
            {"num_heads": c.n_head, "kv_num_heads": c.n_local_heads, **options},
            dtypes=(x.dtype, cache.key.dtype, cache.value.dtype),
            shapes=((*x.shape[:2], self.q_size), present, present),
            version=1,
        )
        out: Tensor = self.wo(y)
        return out, KVCache(key, value, cache.total, cache.growing, cache.scales)


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
