"""Upstream's tensors under our names and in our layouts, each made when it is read.

The language model keeps upstream's names. Of the codec the weight norms and the layer scales are folded in, and a
transposed convolution becomes an ordinary one (:func:`transposed_to_phases`).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fishvoiced.backends.fish.checkpoint.tensors import Floats, Table, Weight
from fishvoiced.backends.fish.config import CodecConfig
from fishvoiced.errors import CheckpointError

_G, _V = ".parametrizations.weight.original0", ".parametrizations.weight.original1"
_SCALED = {
    "attention.wo": "attention_layer_scale.gamma",
    "feed_forward.w2": "ffn_layer_scale.gamma",
    "pwconv2": "gamma",
}
"""A scale after a linear layer is a scale of its rows."""


def language_weights(stored: Table) -> Table:
    """Weights of the language model; q, k and v in one matrix, as newer checkpoints have them."""
    if any(k.startswith("model.") for k in stored):
        stored = {k.removeprefix("model."): v for k, v in stored.items()}
    table = {k: v for k, v in stored.items() if "audio_" not in k}
    for name in [k for k in table if k.endswith("attention.wq.weight")]:
        stem = name.removesuffix("wq.weight")
        table[f"{stem}wqkv.weight"] = stacked([table.pop(f"{stem}{part}.weight") for part in ("wq", "wk", "wv")])
    return table


def codec_weights(stored: Table, config: CodecConfig) -> Table:
    """Weights of the codec."""
    if any(k.startswith("generator.") for k in stored):
        stored = {k.removeprefix("generator."): v for k, v in stored.items() if k.startswith("generator.")}
    folded = _with_layer_scales(_without_weight_norms(stored))
    table: dict[str, Weight] = {}
    for ours, theirs in codec_names(config):
        found = {k.removeprefix(theirs): v for k, v in folded.items() if k.startswith(theirs + ".")}
        table |= {ours + k: v for k, v in found.items()}
    for name, stride in transposed_convolutions(config):
        weight, bias = f"{name}.conv.weight", f"{name}.conv.bias"
        if weight in table and bias in table:
            table[weight], table[bias] = _phases(table[weight], stride), stacked([table[bias]] * stride)
    return table


def stacked(parts: list[Weight]) -> Weight:
    """Matrices one below the other."""
    shape = (sum(part.shape[0] for part in parts), *parts[0].shape[1:])
    return Weight.made(shape, lambda: np.concatenate([part.read() for part in parts]))


def required(table: Table, name: str, shape: tuple[int, ...], file: object) -> Weight:
    """The weight of that name. Raises CheckpointError if it is missing or of another shape."""
    weight = table.get(name)
    if weight is None:
        raise CheckpointError(f"{file} lacks the weight {name}")
    if weight.shape != shape:
        raise CheckpointError(f"{file}: {name} has shape {weight.shape}, the configuration says {shape}")
    return weight


# -- what is folded in ----------------------------------------------------------------------------------------


def _without_weight_norms(stored: Table) -> dict[str, Weight]:
    """weight = g · v / ‖v‖, over all axes but the first; both spellings that torch has had."""
    folded = dict(stored)
    for key in stored:
        for g, v in ((_G, _V), (".weight_g", ".weight_v")):
            if key.endswith(v) and (stem := key.removesuffix(v)) + g in folded:
                folded[f"{stem}.weight"] = _normed(folded.pop(stem + g), folded.pop(key))
    return folded


def _normed(g: Weight, v: Weight) -> Weight:
    def make() -> Floats:
        direction = v.read()
        norms = np.sqrt(np.square(direction).reshape(len(direction), -1).sum(1)).reshape(g.shape)
        weight: Floats = direction * (g.read() / norms)
        return weight

    return Weight.made(v.shape, make)


def _with_layer_scales(stored: dict[str, Weight]) -> dict[str, Weight]:
    folded = dict(stored)
    for layer, scale in _SCALED.items():
        for key in [k for k in folded if k.endswith(f".{scale}")]:
            stem = key.removesuffix(scale)
            gamma = folded.pop(key)
            for name in (f"{stem}{layer}.weight", f"{stem}{layer}.bias"):
                if name in folded:
                    folded[name] = _scaled(folded[name], gamma)
    return folded


def _scaled(weight: Weight, gamma: Weight) -> Weight:
    ones = (1,) * (len(weight.shape) - 1)
    return Weight.made(weight.shape, lambda: weight.read() * gamma.read().reshape(-1, *ones))


def _phases(weight: Weight, stride: int) -> Weight:
    channels_in, channels_out, kernel = weight.shape
    shape = (stride * channels_out, channels_in, kernel // stride)
    return Weight.made(shape, lambda: transposed_to_phases(weight.read(), stride))


def transposed_to_phases(weight: Floats, stride: int) -> Floats:
    """ConvTranspose1d weight [in, out, kernel] → our [stride x out, in, kernel // stride].

    Output sample t·stride + r sums weight[:, :, r + j·stride] · x[t - j]; a convolution's tap i sees
    x[t - (taps - 1 - i)], so the taps are in reverse order.
    """
    channels_in, channels_out, kernel = weight.shape
    taps = weight.reshape(channels_in, channels_out, kernel // stride, stride)[:, :, ::-1]
    phases = taps.transpose(3, 1, 0, 2).reshape(stride * channels_out, channels_in, kernel // stride)
    return np.ascontiguousarray(phases)


# -- names ----------------------------------------------------------------------------------------------------


def transposed_convolutions(config: CodecConfig) -> Iterator[tuple[str, int]]:
    """Our names of the upsampling layers, and their strides."""
    for i, rate in enumerate(reversed(config.downsample)):
        yield f"quantizer.upsample.{2 * i}", rate
    for i, rate in enumerate(config.decoder_rates):
        yield f"decoder.{5 * i + 2}", rate


def codec_names(config: CodecConfig) -> Iterator[tuple[str, str]]:
    """Pairs of module prefixes, ours and upstream's."""

    def numbered(ours: str, theirs: Iterator[str]) -> Iterator[tuple[str, str]]:
        return ((f"{ours}.{i}", name) for i, name in enumerate(theirs))

    def decoder() -> Iterator[str]:
        yield "decoder.model.0"
        blocks = len(config.decoder_rates)
        for b in range(1, blocks + 1):
            yield from (f"decoder.model.{b}.block.{i}" for i in range(5))
        yield from (f"decoder.model.{blocks + 1}", f"decoder.model.{blocks + 2}")

    def encoder() -> Iterator[str]:
        yield "encoder.block.0"
        blocks = len(config.encoder_rates)
        for b, n_layer in enumerate(config.encoder_transformer_layers, start=1):
            yield from (f"encoder.block.{b}.block.{i}" for i in range(6 if n_layer else 5))
        yield from (f"encoder.block.{blocks + 1}", f"encoder.block.{blocks + 2}")

    def resampling(name: str) -> Iterator[str]:
        return (f"quantizer.{name}.{i}.{j}" for i in range(len(config.downsample)) for j in range(2))

    yield "quantizer.semantic", "quantizer.semantic_quantizer.quantizers.0"
    for k in range(config.num_codebooks - 1):
        yield f"quantizer.residual.{k}", f"quantizer.quantizer.quantizers.{k}"
    yield "quantizer.post", "quantizer.post_module"
    yield from numbered("quantizer.upsample", resampling("upsample"))
    yield from numbered("decoder", decoder())
    if config.has_encoder:
        yield from numbered("quantizer.downsample", resampling("downsample"))
        yield "quantizer.pre", "quantizer.pre_module"
        yield from numbered("encoder", encoder())
