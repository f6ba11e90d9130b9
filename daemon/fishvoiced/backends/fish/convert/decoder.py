"""The codec decoder's graph: codes int64 [1, num_codebooks, T], position int64 [1], contexts → audio, contexts.

Audio is [1, T x frame_samples] within ±1. ``position`` counts the frames decoded before. The layers behind the
quantizer run in float32 here; ``decoder_int8.py`` has them in 8 bits.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fishvoiced.backends.fish.checkpoint.tensors import Table, Weight
from fishvoiced.backends.fish.config import CodecConfig
from fishvoiced.backends.fish.convert.codec_layers import CodecGraph, Stream, Watch
from fishvoiced.backends.fish.convert.graph import Graph
from fishvoiced.backends.fish.convert.transformer import FLOAT, INT64

DILATIONS = (1, 3, 9)
Sound = Callable[[CodecGraph, str], str]
"""Latents [1, latent_dim, T] → samples [1, 1, T x frame_samples] before the last tanh."""


def write_decoder(
    graph: Graph, table: Table, config: CodecConfig, sound: Sound | None = None, watch: Watch | None = None
) -> None:
    """``watch`` is called for the first convolution and every Snake of the float32 layers."""
    parts = CodecGraph(graph, table, config, Stream(graph), *([watch] if watch else []))
    codes = graph.input("codes", INT64, [1, config.num_codebooks, "frames"])
    position = graph.input("position", INT64, [1])
    x = parts.window_transformer(
        "quantizer.post", config.transformer, config.transformer_window, lookup(parts, codes), position
    )
    for i, rate in enumerate(reversed(config.downsample)):
        x = _repeated(parts, f"quantizer.upsample.{2 * i}", x, rate)
        x = parts.conv_next(f"quantizer.upsample.{2 * i + 1}", x)
    y = (sound or float_sound)(parts, parts.channels_first(x))
    samples = graph.op("Squeeze", graph.op("Tanh", y), graph.integers(1))
    graph.output("audio", samples, FLOAT, [1, "samples"])


def lookup(parts: CodecGraph, codes: str) -> str:
    """Codes → the sum of their latents [1, T, latent_dim]: one table and one product for all books.

    Codes past a book count as its last entry, as upstream has it.
    """
    graph, table, books = parts.graph, parts.table, parts.books()
    sizes = np.array([table[f"{book}.codebook.weight"].shape[0] for book in books], np.int64)[:, None]
    rows = graph.op("Min", codes, graph.constant(sizes - 1))
    rows = graph.op("Add", rows, graph.constant(np.cumsum(sizes, 0) - sizes))
    codebooks = Weight.of(np.concatenate([table[f"{book}.codebook.weight"].read() for book in books]))
    points = graph.op("Transpose", graph.lookup("codebooks", codebooks, rows), perm=[0, 2, 1, 3])
    width = len(books) * parts.config.codebook_dim
    points = graph.op("Reshape", points, graph.integers(1, -1, width))
    matrix = Weight.made(
        (parts.config.latent_dim, width),
        lambda: np.concatenate([parts.projection(f"{book}.out_proj") for book in books], axis=1),
    )
    bias = sum(table[f"{book}.out_proj.bias"].read() for book in books)
    return graph.op("Add", graph.product(points, "out_proj", matrix), graph.constant(np.asarray(bias, np.float32)))


def _repeated(parts: CodecGraph, name: str, x: str, stride: int) -> str:
    """A transposed convolution without overlap: a product, ``stride`` columns for each one in."""
    graph, table = parts.graph, parts.table
    weight = table[f"{name}.conv.weight"]
    matrix = Weight.made(weight.shape[:2], lambda: parts.projection(f"{name}.conv"))
    bias = graph.weight(f"{name}.bias", table[f"{name}.conv.bias"].read)
    y = graph.op("Add", graph.product(x, name, matrix), bias)
    return graph.op("Reshape", y, graph.integers(1, -1, weight.shape[0] // stride))


def float_sound(parts: CodecGraph, x: str) -> str:
    """The layers behind the quantizer in float32."""
    y = parts.convolution("decoder.0", x)
    parts.watch("decoder.0", x, y)
    layer = 1
    for rate in parts.config.decoder_rates:
        y = parts.upsampling(f"decoder.{layer + 1}", parts.snake(f"decoder.{layer}", y), rate)
        for i, dilation in enumerate(DILATIONS):
            y = parts.residual_unit(f"decoder.{layer + 2 + i}", y, dilation)
        layer += 2 + len(DILATIONS)
    return parts.convolution(f"decoder.{layer + 1}", parts.snake(f"decoder.{layer}", y))
