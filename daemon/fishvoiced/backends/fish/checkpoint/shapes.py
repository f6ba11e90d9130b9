"""Which weights a configuration wants, and in which shapes: a wrong checkpoint is found before any work is done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from fishvoiced.backends.fish.checkpoint.tensors import Table
from fishvoiced.backends.fish.config import CodecConfig, DualARConfig, TransformerConfig
from fishvoiced.errors import CheckpointError

Shapes: TypeAlias = Mapping[str, tuple[int, ...]]
_Rows: TypeAlias = Iterator[tuple[str, tuple[int, ...]]]
KERNEL, LAST_KERNEL = 7, 3


def check(table: Table, shapes: Shapes, file: Path) -> None:
    """Raises CheckpointError if a weight is missing or has another shape."""
    missing = sorted(shapes.keys() - table.keys())
    if missing:
        raise CheckpointError(f"{file} lacks {len(missing)} of {len(shapes)} weights, first {missing[0]}")
    for name, shape in shapes.items():
        if table[name].shape != shape:
            raise CheckpointError(f"{file}: {name} has shape {table[name].shape}, the configuration says {shape}")


def language_shapes(config: DualARConfig) -> Shapes:
    """Of the language model, under our names."""
    return dict(_language(config))


def codec_shapes(config: CodecConfig) -> Shapes:
    """Of the codec, under our names and in our layouts."""
    return dict(_codec(config))


def _language(config: DualARConfig) -> _Rows:
    slow, fast = config.slow, config.fast
    yield "embeddings.weight", (config.vocab_size, slow.dim)
    yield "codebook_embeddings.weight", (config.codebook_size * config.num_codebooks, slow.dim)
    yield "norm.weight", (slow.dim,)
    if not config.tie_word_embeddings:
        yield "output.weight", (config.vocab_size, slow.dim)
    if fast.dim != slow.dim:
        yield from _linear("fast_project_in", fast.dim, slow.dim, bias=True)
    yield "fast_embeddings.weight", (config.codebook_size, fast.dim)
    yield "fast_norm.weight", (fast.dim,)
    yield "fast_output.weight", (config.codebook_size, fast.dim)
    yield from _layers("layers", slow)
    yield from _layers("fast_layers", fast)


def _linear(name: str, out: int, width: int, bias: bool) -> _Rows:
    yield f"{name}.weight", (out, width)
    if bias:
        yield f"{name}.bias", (out,)


def _layers(prefix: str, c: TransformerConfig) -> _Rows:
    for i in range(c.n_layer):
        name = f"{prefix}.{i}"
        yield from _linear(
            f"{name}.attention.wqkv", (c.n_head + 2 * c.n_local_heads) * c.head_dim, c.dim, bias=c.qkv_bias
        )
        yield from _linear(f"{name}.attention.wo", c.dim, c.n_head * c.head_dim, bias=c.o_bias)
        if c.qk_norm:
            yield from ((f"{name}.attention.{which}_norm.weight", (c.head_dim,)) for which in ("q", "k"))
        yield from ((f"{name}.feed_forward.{w}.weight", (c.intermediate_size, c.dim)) for w in ("w1", "w3"))
        yield f"{name}.feed_forward.w2.weight", (c.dim, c.intermediate_size)
        yield from ((f"{name}.{norm}.weight", (c.dim,)) for norm in ("ffn_norm", "attention_norm"))


def _codec(config: CodecConfig) -> _Rows:
    dim = config.latent_dim
    sizes = [config.semantic_codebook_size] + [config.codebook_size] * (config.num_codebooks - 1)
    names = ["semantic", *(f"residual.{k}" for k in range(config.num_codebooks - 1))]
    for name, size in zip(names, sizes, strict=True):
        yield from _convolution(f"quantizer.{name}.in_proj", config.codebook_dim, dim, 1)
        yield from _convolution(f"quantizer.{name}.out_proj", dim, config.codebook_dim, 1)
        yield f"quantizer.{name}.codebook.weight", (size, config.codebook_dim)
    yield from _transformer("quantizer.post", config.transformer)
    for i, rate in enumerate(reversed(config.downsample)):
        yield from _convolution(f"quantizer.upsample.{2 * i}.conv", rate * dim, dim, 1)
        yield from _conv_next(f"quantizer.upsample.{2 * i + 1}", dim)
    yield from _decoder(config)
    if config.has_encoder:
        for i, rate in enumerate(config.downsample):
            yield from _convolution(f"quantizer.downsample.{2 * i}.conv", dim, dim, rate)
            yield from _conv_next(f"quantizer.downsample.{2 * i + 1}", dim)
        yield from _transformer("quantizer.pre", config.transformer)
        yield from _encoder(config)


def _convolution(name: str, out: int, width: int, kernel: int) -> _Rows:
    yield f"{name}.weight", (out, width, kernel)
    yield f"{name}.bias", (out,)


def _transformer(name: str, config: TransformerConfig) -> _Rows:
    if config.n_layer:
        yield from _layers(f"{name}.layers", config)
        yield f"{name}.norm.weight", (config.dim,)


def _conv_next(name: str, dim: int) -> _Rows:
    yield from _convolution(f"{name}.dwconv.conv", dim, 1, KERNEL)
    yield from ((f"{name}.norm.{part}", (dim,)) for part in ("weight", "bias"))
    yield from _linear(f"{name}.pwconv1", 4 * dim, dim, bias=True)
    yield from _linear(f"{name}.pwconv2", dim, 4 * dim, bias=True)


def _residual_units(prefix: str, first: int, width: int) -> _Rows:
    for i in range(first, first + 3):
        yield from ((f"{prefix}.{i}.block.{n}.alpha", (1, width, 1)) for n in (0, 2))
        yield from _convolution(f"{prefix}.{i}.block.1.conv", width, width, KERNEL)
        yield from _convolution(f"{prefix}.{i}.block.3.conv", width, width, 1)


def _decoder(config: CodecConfig) -> _Rows:
    width, layer = config.decoder_dim, 1
    yield from _convolution("decoder.0.conv", width, config.latent_dim, KERNEL)
    for rate in config.decoder_rates:
        yield f"decoder.{layer}.alpha", (1, width, 1)
        yield from _convolution(f"decoder.{layer + 1}.conv", rate * (width // 2), width, 2)
        width //= 2
        yield from _residual_units("decoder", layer + 2, width)
        layer += 5
    yield f"decoder.{layer}.alpha", (1, width, 1)
    yield from _convolution(f"decoder.{layer + 1}.conv", 1, width, KERNEL)


def _encoder(config: CodecConfig) -> _Rows:
    width, layer = config.encoder_dim, 1
    yield from _convolution("encoder.0.conv", width, 1, KERNEL)
    for rate, n_layer in zip(config.encoder_rates, config.encoder_transformer_layers, strict=True):
        yield from _residual_units("encoder", layer, width)
        yield f"encoder.{layer + 3}.alpha", (1, width, 1)
        yield from _convolution(f"encoder.{layer + 4}.conv", 2 * width, width, 2 * rate)
        width, layer = 2 * width, layer + 5
        if n_layer:
            yield from _transformer(f"encoder.{layer}", config.encoder_transformer(width, n_layer))
            layer += 1
    yield f"encoder.{layer}.alpha", (1, width, 1)
    yield from _convolution(f"encoder.{layer + 1}.conv", config.latent_dim, width, LAST_KERNEL)
