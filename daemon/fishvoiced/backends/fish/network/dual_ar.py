"""The language model: a slow transformer over columns, a fast one over the codebooks of one frame.

A *column* holds a token id in row 0 and ``num_codebooks`` codes below it; the codes count only where the
token is a semantic one. Source of the arithmetic: fish-speech 0.1.0 (Apache-2.0).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fishvoiced.backends.fish.config import DualARConfig
from fishvoiced.backends.fish.network.layers import Block, KVCache, RMSNorm, rotary_tables
from fishvoiced.backends.fish.network.sampling import Sampling, penalize, sample


class DualAR(nn.Module):
    """Upstream's parameters under upstream's names, so that a checkpoint loads as it is.

    ``semantic_begin`` is the token id of code 0 (ids follow each other), ``end_token`` that of ``<|im_end|>``.
    """

    def __init__(self, config: DualARConfig, semantic_begin: int, semantic_count: int, end_token: int) -> None:
        super().__init__()
        self.config = config
        self.semantic_begin = semantic_begin
        self.semantic_count = semantic_count
        self.end_token = end_token
        slow, fast = config.slow, config.fast
        self.embeddings = nn.Embedding(config.vocab_size, slow.dim)
        self.codebook_embeddings = nn.Embedding(config.codebook_size * config.num_codebooks, slow.dim)
        self.layers = nn.ModuleList(Block(slow) for _ in range(slow.n_layer))
        self.norm = RMSNorm(slow.dim, slow.norm_eps)
        if not config.tie_word_embeddings:
            self.output = nn.Linear(slow.dim, config.vocab_size, bias=False)
        self.fast_project_in = nn.Linear(slow.dim, fast.dim) if fast.dim != slow.dim else nn.Identity()
        self.fast_embeddings = nn.Embedding(config.codebook_size, fast.dim)
        self.fast_layers = nn.ModuleList(Block(fast) for _ in range(fast.n_layer))
        self.fast_norm = RMSNorm(fast.dim, fast.norm_eps)
        self.fast_output = nn.Linear(fast.dim, config.codebook_size, bias=False)
        self._tables("slow", slow.max_seq_len, slow.head_dim, slow.rope_base)
        self._tables("fast", fast.max_seq_len, fast.head_dim, fast.rope_base)

    def _tables(self, name: str, positions: int, head_dim: int, base: float) -> None:
        cos, sin = rotary_tables(positions, head_dim, base)
        self.register_buffer(f"{name}_cos", cos, persistent=False)
        self.register_buffer(f"{name}_sin", sin, persistent=False)

    # -- slow AR ----------------------------------------------------------------------------------

    def embed(self, columns: Tensor) -> Tensor:
        """Columns int64 [B, 1 + num_codebooks, S] → [B, S, dim]."""
        c = self.config
        tokens, codes = columns[:, 0], columns[:, 1:]
        offsets = torch.arange(c.num_codebooks, device=columns.device)[:, None] * c.codebook_size
        semantic = (tokens >= self.semantic_begin) & (tokens < self.semantic_begin + self.semantic_count)
        weight = semantic.unsqueeze(-1).to(self.embeddings.weight.dtype)
        x = self.embeddings(tokens) + self.codebook_embeddings(codes + offsets).sum(dim=1) * weight
        if c.scale_codebook_embeddings:
            x = torch.where(semantic.unsqueeze(-1), x / math.sqrt(c.num_codebooks + 1), x)
        return x

    def slow(self, columns: Tensor, caches: Sequence[KVCache] | None = None) -> tuple[Tensor, list[KVCache]]:
        """Hidden states [B, S, dim] before the final norm, and the updated caches."""
        x, present = self.embed(columns), []
        for i, layer in enumerate(self.layers):
            x, cache = layer(x, self.slow_cos, self.slow_sin, caches[i] if caches is not None else None)
            present.append(cache)
        return x, present

    def head_weight(self) -> Tensor:
        """The rows of the output matrix that speech needs: every semantic token, then ``<|im_end|>``.

        Upstream samples from the whole vocabulary; all other tokens are never wanted here, and the cut saves
        151,679 of S1-mini's 155,776 rows in every frame.
        """
        full = self.embeddings.weight if self.config.tie_word_embeddings else self.output.weight
        semantic = full[self.semantic_begin : self.semantic_begin + self.semantic_count]
        return torch.cat([semantic, full[self.end_token : self.end_token + 1]])

    def head(self, hidden: Tensor) -> Tensor:
        """Logits [..., semantic_count + 1] of hidden states [..., dim]; the last one is ``<|im_end|>``."""
        return nn.functional.linear(self.norm(hidden), self.head_weight())

    # -- fast AR ----------------------------------------------------------------------------------

    def fast_logits(self, hidden: Tensor, codes: Tensor) -> Tensor:
        """Teacher-forced: hidden [N, dim] and codes [N, num_codebooks] → logits [N, num_codebooks - 1, codebook_size].

        Entry k is the prediction of code k + 1; the first step's logits are not used and left out.
        """
        x = torch.cat([self.fast_project_in(hidden)[:, None], self.fast_embeddings(codes[:, :-1])], dim=1)
        for layer in self.fast_layers:
            x, _ = layer(x, self.fast_cos, self.fast_sin)
        logits: Tensor = self.fast_output(self.fast_norm(x[:, 1:]))
        return logits

    def frame(self, logits: Tensor, hidden: Tensor, history: Tensor, sampling: Sampling) -> Tensor:
        """Choose one frame: the semantic token, then every residual code, all steps unrolled.

        Args:
            logits: [1, semantic_count + 1] of the last column.
            hidden: [1, 1, fast_dim], the slow AR's last hidden state through ``fast_project_in``.
            history: int64 [1 + num_codebooks, window], the frames that the repetition penalty looks at.
                Row 0 holds indices into ``logits`` (-1: none). As upstream does, only the first entry of row 0
                (the oldest frame) is penalized, but every entry of the code rows.
            sampling: see :class:`Sampling`.

        Returns:
            The new column, int64 [1, 1 + num_codebooks, 1]. Row 0 is ``end_token`` at the end of speech.
        """
        c = self.config
        index = torch.arange(self.semantic_count + 1, device=logits.device)
        logits = torch.where(index == history[0, 0], penalize(logits, sampling.repetition_penalty), logits)
        choice = sample(logits, sampling, 0)
        ended = choice == self.semantic_count
        token = torch.where(ended, torch.full_like(choice, self.end_token), choice + self.semantic_begin)
        code = torch.where(ended, torch.zeros_like(choice), choice)
        codes = [code]
        caches = self._fast_caches(hidden)
        # The first two columns go in together: both are known, and the first one's logits are thrown away.
        x = torch.cat([hidden, self.fast_embeddings(code)[:, None]], dim=1)
        head = self.fast_output.weight[: c.residual_codebook_size]
        for k in range(1, c.num_codebooks):
            for i, layer in enumerate(self.fast_layers):
                caches[i].total = torch.full((1,), k + 1, dtype=torch.int32, device=x.device)
                x, caches[i] = layer(x, self.fast_cos, self.fast_sin, caches[i])
            short = nn.functional.linear(self.fast_norm(x[:, -1]), head)  # one row: exported as a head
            seen = history[k + 1][None]
            short = short.scatter(1, seen, penalize(short.gather(1, seen), sampling.repetition_penalty))
            code = sample(short, sampling, k)
            codes.append(code)
            x = self.fast_embeddings(code)[:, None]
        return torch.stack([token, *codes], dim=1)[..., None]

    def _fast_caches(self, hidden: Tensor) -> list[KVCache]:
        fast = self.config.fast
        shape = (1, fast.n_local_heads, self.config.num_codebooks, fast.head_dim)
        none = torch.zeros(1, dtype=torch.int32, device=hidden.device)
        return [KVCache(hidden.new_zeros(shape), hidden.new_zeros(shape), none) for _ in range(fast.n_layer)]
