"""The causal codec: codes ↔ sound, decodable frame by frame with exactly the one-shot result.

Every convolution keeps its own left context and every attention layer its window of K/V; both are explicit
inputs and outputs (:class:`Stream`), so that a decoder can stop and go on anywhere. Source of the
arithmetic: fish-speech 0.1.0 ``modded_dac`` (Apache-2.0) and descript-audio-codec (MIT); weight norms and
layer scales are folded into the weights by ``checkpoint.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fishvoiced.backends.fish.config import CodecConfig, TransformerConfig
from fishvoiced.backends.fish.network.layers import Attention, FeedForward, RMSNorm, rotary_tables, rotate


class Stream:
    """Left context handed from one call to the next.

    ``past`` holds one tensor per causal layer in the order of their use; None begins anew with zeros, which
    is what upstream's zero padding amounts to. ``present`` collects what the next call needs.
    ``position`` int64 [1] counts the frames decoded before this call.
    """

    def __init__(self, past: Sequence[Tensor] | None = None, position: Tensor | None = None) -> None:
        self._past: Iterator[Tensor] | None = iter(past) if past is not None else None
        self.present: list[Tensor] = []
        self.position = position if position is not None else torch.zeros(1, dtype=torch.int64)

    def take(self, x: Tensor, columns: int, dim: int, dtype: torch.dtype | None = None) -> Tensor:
        """The ``columns`` columns before ``x`` along ``dim``, of ``dtype`` where they are not kept as ``x`` is."""
        if self._past is not None:
            return next(self._past)
        shape = list(x.shape)
        shape[dim] = columns
        return x.new_zeros(shape, dtype=dtype or x.dtype)

    def extend(self, x: Tensor, columns: int, dim: int = -1) -> Tensor:
        """``x`` with ``columns`` columns of left context along ``dim``."""
        if columns == 0:
            return x
        joined = torch.cat([self.take(x, columns, dim), x], dim=dim)
        self.present.append(joined.narrow(dim, joined.shape[dim] - columns, columns))
        return joined


class Snake(nn.Module):
    """x + sin²(αx)/α, as x + (1 - cos 2αx)/2α: one multiplication less over every sample."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1, channels, 1))

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        half = 0.5 / (self.alpha + 1e-9)
        return x + (half - half * torch.cos(2.0 * self.alpha * x))


class CausalConv(nn.Module):
    """Convolution that sees the past only: left context of (kernel - 1) x dilation + 1 - stride columns."""

    def __init__(
        self, channels_in: int, channels_out: int, kernel: int, dilation: int = 1, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels_in, channels_out, kernel, stride, dilation=dilation, groups=groups)
        self.context = (kernel - 1) * dilation + 1 - stride

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        out: Tensor = self.conv(stream.extend(x, self.context))
        return out


class CausalTransposedConv(nn.Module):
    """Upsampling by ``stride`` with a kernel of 1 or 2 strides, cropped on the right.

    Held as an ordinary convolution over input columns that yields ``stride`` output columns each (weight
    [stride x channels_out, channels_in, kernel // stride]): the same sums, but a plain matrix product, and no
    overlapping output to add up. ``checkpoint.py`` converts from and to upstream's layout.
    """

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int) -> None:
        super().__init__()
        if kernel % stride:
            raise ValueError(
                f"a transposed convolution's kernel ({kernel}) must be a multiple of its stride ({stride})"
            )
        self.stride = stride
        self.context = kernel // stride - 1
        self.conv = nn.Conv1d(channels_in, stride * channels_out, self.context + 1)

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        # Channels are ordered [stride, out]: phase r of column t is sample t x stride + r.
        if self.context == 0:  # a product that can be rounded as other products are
            y = F.linear(x.transpose(1, 2), self.conv.weight[..., 0], self.conv.bias)
            return y.reshape(x.shape[0], x.shape[2] * self.stride, -1).transpose(1, 2)
        y = self.conv(stream.extend(x, self.context))
        batch, _, columns = y.shape
        y = y.reshape(batch, self.stride, -1, columns)
        return y.permute(0, 2, 3, 1).reshape(batch, -1, columns * self.stride)


class ResidualUnit(nn.Module):
    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.block = nn.ModuleList(
            [
                Snake(channels),
                CausalConv(channels, channels, 7, dilation),
                Snake(channels),
                CausalConv(channels, channels, 1),
            ]
        )

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        return x + run(self.block, x, stream)


class ConvNeXt(nn.Module):
    """Depthwise convolution, layer norm, two linear layers with GELU between, residual."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dwconv = CausalConv(channels, channels, 7, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.pwconv1 = nn.Linear(channels, 4 * channels)
        self.pwconv2 = nn.Linear(4 * channels, channels)

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        y = self.norm(self.dwconv(x, stream).transpose(1, 2))
        return x + self.pwconv2(F.gelu(self.pwconv1(y))).transpose(1, 2)


class WindowBlock(nn.Module):
    """Transformer block whose attention reaches ``window`` columns back, itself included."""

    def __init__(self, config: TransformerConfig, window: int) -> None:
        super().__init__()
        self.window = window
        self.attention = Attention(config)
        self.feed_forward = FeedForward(config)
        self.ffn_norm = RMSNorm(config.dim, config.norm_eps)
        self.attention_norm = RMSNorm(config.dim, config.norm_eps)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor, stream: Stream) -> Tensor:
        q, k, v = self.attention.qkv(self.attention_norm(x))
        k = stream.extend(rotate(k, cos, sin), self.window - 1, dim=2)
        v = stream.extend(v, self.window - 1, dim=2)
        x = x + self.attention.merge(F.scaled_dot_product_attention(rotate(q, cos, sin), k, v, attn_mask=mask))
        return x + self.feed_forward(self.ffn_norm(x))


class WindowTransformer(nn.Module):
    """Causal transformer over channels-first input [B, dim, T]; keeps the last ``window - 1`` K/V columns."""

    cos: Tensor
    sin: Tensor

    def __init__(self, config: TransformerConfig, window: int) -> None:
        super().__init__()
        self.window = window
        self.layers = nn.ModuleList(WindowBlock(config, window) for _ in range(config.n_layer))
        self.norm = RMSNorm(config.dim, config.norm_eps)
        cos, sin = rotary_tables(config.max_seq_len, config.head_dim, config.rope_base)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        if not self.layers:  # a codec without transformers has no norm either (upstream: Identity)
            return x
        x = x.transpose(1, 2)
        columns = torch.arange(x.shape[1], device=x.device)
        here = stream.position + columns
        cos, sin = self.cos[here], self.sin[here]
        # Key j of the joined window lies at absolute position `position - (window - 1) + j`.
        back = self.window - 1
        there = stream.position - back + torch.arange(x.shape[1] + back, device=x.device)
        mask = (there[None] >= 0) & (there[None] <= here[:, None]) & (there[None] > here[:, None] - self.window)
        for layer in self.layers:
            x = layer(x, cos, sin, mask, stream)
        return self.norm(x).transpose(1, 2)


class VectorQuantizer(nn.Module):
    """One codebook looked up in a low-dimensional projection, by cosine distance."""

    def __init__(self, dim: int, size: int, codebook_dim: int) -> None:
        super().__init__()
        self.in_proj = nn.Conv1d(dim, codebook_dim, 1)
        self.out_proj = nn.Conv1d(codebook_dim, dim, 1)
        self.codebook = nn.Embedding(size, codebook_dim)

    def lookup(self, codes: Tensor) -> Tensor:
        """Codes [B, T] → latents [B, dim, T]; codes past the book count as its last entry, as upstream has it."""
        codes = codes.clamp(max=self.codebook.num_embeddings - 1)
        out: Tensor = self.out_proj(self.codebook(codes).transpose(1, 2))
        return out

    def encode(self, z: Tensor) -> Tensor:
        """Latents [B, dim, T] → codes [B, T]."""
        points = F.normalize(self.in_proj(z).transpose(1, 2), dim=-1)
        return (points @ F.normalize(self.codebook.weight, dim=-1).T).argmax(dim=-1)


class Quantizer(nn.Module):
    """Downsampling, the semantic codebook, then residual ones; and the way back."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        d = config.latent_dim
        self.semantic = VectorQuantizer(d, config.semantic_codebook_size, config.codebook_dim)
        self.residual = nn.ModuleList(
            VectorQuantizer(d, config.codebook_size, config.codebook_dim) for _ in range(config.num_codebooks - 1)
        )
        self.post = WindowTransformer(config.transformer, config.transformer_window)
        self.upsample = nn.ModuleList(
            layer
            for rate in reversed(config.downsample)
            for layer in (CausalTransposedConv(d, d, rate, rate), ConvNeXt(d))
        )
        if config.has_encoder:
            self.downsample = nn.ModuleList(
                layer for rate in config.downsample for layer in (CausalConv(d, d, rate, stride=rate), ConvNeXt(d))
            )
            self.pre = WindowTransformer(config.transformer, config.transformer_window)

    def decode(self, codes: Tensor, stream: Stream) -> Tensor:
        """Codes [B, num_codebooks, T] → latents [B, dim, T x upsampling]."""
        return run(self.upsample, self.post(self.lookup(codes), stream), stream)

    def lookup(self, codes: Tensor) -> Tensor:
        """Codes [B, num_codebooks, T] → the sum of their latents [B, dim, T]: one table and one product for all books.

        Codes past a book count as its last entry, as upstream has it.
        """
        books = [self.semantic, *self._books()]
        sizes = torch.tensor([book.codebook.num_embeddings for book in books], device=codes.device)[:, None]
        rows = torch.minimum(codes, sizes - 1) + sizes.cumsum(0) - sizes
        points = F.embedding(rows, torch.cat([book.codebook.weight for book in books]))  # [B, books, T, codebook_dim]
        weight = torch.cat([book.out_proj.weight[..., 0] for book in books], dim=1)
        bias = torch.stack([b for book in books if (b := book.out_proj.bias) is not None]).sum(0)
        return F.linear(points.transpose(1, 2).flatten(2), weight, bias).transpose(1, 2)

    def encode(self, z: Tensor, stream: Stream) -> Tensor:
        """Latents [B, dim, T x downsampling] → codes [B, num_codebooks, T]."""
        z = self.pre(run(self.downsample, z, stream), stream)
        codes = [self.semantic.encode(z)]
        rest = z - self.semantic.lookup(codes[0])
        for book in self._books():
            codes.append(book.encode(rest))
            rest = rest - book.lookup(codes[-1])
        return torch.stack(codes, dim=1)

    def _books(self) -> Iterator[VectorQuantizer]:
        for book in self.residual:
            assert isinstance(book, VectorQuantizer)
            yield book


class Codec(nn.Module):
    """Decoder and, where the checkpoint has one, encoder."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.config = config
        self.quantizer = Quantizer(config)
        self.decoder = nn.ModuleList(_decoder_layers(config))
        if config.has_encoder:
            self.encoder = nn.ModuleList(_encoder_layers(config))

    def decode(self, codes: Tensor, stream: Stream | None = None) -> Tensor:
        """Codes int64 [B, num_codebooks, T] → samples [B, 1, T x frame_samples] within ±1."""
        stream = stream if stream is not None else Stream()
        return torch.tanh(run(self.decoder, self.quantizer.decode(codes, stream), stream))

    def encode(self, audio: Tensor) -> Tensor:
        """Samples [B, 1, N] → codes int64 [B, num_codebooks, ceil(N / frame_samples)]; silence fills the last."""
        frame = self.config.frame_samples
        audio = F.pad(audio, (0, -audio.shape[-1] % frame))
        stream = Stream()
        return self.quantizer.encode(run(self.encoder, audio, stream), stream)

    def initial_state(self) -> list[Tensor]:
        """The state of a decoder that has not begun: zeros in the shapes that :class:`Stream` hands on."""
        stream = Stream()
        with torch.no_grad():
            self.decode(torch.zeros(1, self.config.num_codebooks, 1, dtype=torch.int64), stream)
        return [torch.zeros_like(t) for t in stream.present]


def run(layers: nn.ModuleList, x: Tensor, stream: Stream) -> Tensor:
    for layer in layers:
        x = layer(x, stream)
    return x


def _decoder_layers(config: CodecConfig) -> Iterator[nn.Module]:
    width = config.decoder_dim
    yield CausalConv(config.latent_dim, width, 7)
    for rate in config.decoder_rates:
        yield Snake(width)
        yield CausalTransposedConv(width, width // 2, 2 * rate, rate)
        width //= 2
        for dilation in (1, 3, 9):
            yield ResidualUnit(width, dilation)
    yield Snake(width)
    yield CausalConv(width, 1, 7)


def _encoder_layers(config: CodecConfig) -> Iterator[nn.Module]:
    width = config.encoder_dim
    yield CausalConv(1, width, 7)
    for rate, n_layer in zip(config.encoder_rates, config.encoder_transformer_layers, strict=True):
        for dilation in (1, 3, 9):
            yield ResidualUnit(width, dilation)
        yield Snake(width)
        yield CausalConv(width, 2 * width, 2 * rate, stride=rate)
        width *= 2
        if n_layer:
            yield WindowTransformer(config.encoder_transformer(width, n_layer), config.encoder_window)
    yield Snake(width)
    yield CausalConv(width, config.latent_dim, 3)
