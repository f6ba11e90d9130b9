"""The codec encoder's graph: audio [1, 1, N], N a multiple of frame_samples → codes int64 [1, num_codebooks, T]."""

from __future__ import annotations

import numpy as np

from fishvoiced.backends.fish.checkpoint.tensors import Floats, Table, Weight
from fishvoiced.backends.fish.config import CodecConfig
from fishvoiced.backends.fish.convert.codec_layers import CodecGraph, Silence
from fishvoiced.backends.fish.convert.decoder import DILATIONS
from fishvoiced.backends.fish.convert.graph import Graph
from fishvoiced.backends.fish.convert.transformer import FLOAT, INT64

LEAST_NORM = 1e-12


def write_encoder(graph: Graph, table: Table, config: CodecConfig) -> None:
    parts = CodecGraph(graph, table, config, Silence(graph))
    position = graph.integers(0)
    x = _layers(parts, graph.input("audio", FLOAT, [1, 1, "samples"]), position)
    z = parts.channels_last(x)
    for i, rate in enumerate(config.downsample):
        x = parts.convolution(f"quantizer.downsample.{2 * i}", parts.channels_first(z), stride=rate)
        z = parts.conv_next(f"quantizer.downsample.{2 * i + 1}", parts.channels_last(x))
    z = parts.window_transformer("quantizer.pre", config.transformer, config.transformer_window, z, position)
    codes = []
    for book in parts.books():
        code = _nearest(parts, book, z)
        z = graph.op("Sub", z, _latents(parts, book, code))
        codes.append(graph.op("Unsqueeze", code, graph.integers(1)))
    graph.output("codes", graph.op("Concat", *codes, axis=1), INT64, [1, config.num_codebooks, "frames"])


def _layers(parts: CodecGraph, audio: str, position: str) -> str:
    """Sound → latents [1, latent_dim, T x downsampling]."""
    config = parts.config
    x, layer, width = parts.convolution("encoder.0", audio), 1, config.encoder_dim
    for rate, n_layer in zip(config.encoder_rates, config.encoder_transformer_layers, strict=True):
        for i, dilation in enumerate(DILATIONS):
            x = parts.residual_unit(f"encoder.{layer + i}", x, dilation)
        layer += len(DILATIONS)
        x = parts.convolution(f"encoder.{layer + 1}", parts.snake(f"encoder.{layer}", x), stride=rate)
        layer, width = layer + 2, width * 2
        if n_layer:
            transformer = config.encoder_transformer(width, n_layer)
            y = parts.channels_last(x)
            y = parts.window_transformer(f"encoder.{layer}", transformer, config.encoder_window, y, position)
            x, layer = parts.channels_first(y), layer + 1
    return parts.convolution(f"encoder.{layer + 1}", parts.snake(f"encoder.{layer}", x))


def _nearest(parts: CodecGraph, book: str, z: str) -> str:
    """The entry of the book whose direction is nearest: [1, T]."""
    graph = parts.graph
    matrix = Weight.of(parts.projection(f"{book}.in_proj"))
    bias = graph.constant(parts.table[f"{book}.in_proj.bias"].read())
    points = graph.op("Add", graph.product(z, f"{book}.in_proj", matrix), bias)
    length = graph.op("ReduceL2", points, graph.integers(-1), keepdims=1)
    points = graph.op("Div", points, graph.op("Clip", length, graph.number(LEAST_NORM)))
    entries = parts.table[f"{book}.codebook.weight"].read()
    directions = Weight.of(_normalized(entries))
    return graph.op("ArgMax", graph.product(points, f"{book}.directions", directions), axis=-1, keepdims=0)


def _latents(parts: CodecGraph, book: str, code: str) -> str:
    """What an entry stands for: [1, T, latent_dim]."""
    graph = parts.graph
    points = graph.lookup(f"{book}.codebook", parts.table[f"{book}.codebook.weight"], code)
    matrix = Weight.of(parts.projection(f"{book}.out_proj"))
    bias = graph.constant(parts.table[f"{book}.out_proj.bias"].read())
    return graph.op("Add", graph.product(points, f"{book}.out_proj", matrix), bias)


def _normalized(points: Floats) -> Floats:
    norms = np.sqrt(np.square(points).sum(1, keepdims=True))
    return (points / np.maximum(norms, LEAST_NORM)).astype(np.float32)
