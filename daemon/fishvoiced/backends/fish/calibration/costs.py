"""What each precision of a model costs on this machine: work for a second of sound, memory, disk. Pure.

A frame reads every weight of the language model's products and multiplies its way through the codec's convolutions:
what that takes follows from the kernels' rates. Where the model's own speed has been measured in some precision, that
figure stands, and corrects those of the others.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fishvoiced.backends.fish.checkpoint.shapes import codec_shapes, language_shapes
from fishvoiced.backends.fish.config import CodecConfig, DualARConfig, ModelConfig
from fishvoiced.backends.fish.convert.resources import BYTES, part_bytes
from fishvoiced.backends.fish.store.models import DECODER, ENCODER, LANGUAGE, PRECISIONS, codec_of

if TYPE_CHECKING:
    from fishvoiced.backends.fish.calibration.kernels import Rates

OVERHEAD = 1.3
"""Of a frame over its products and convolutions: attention, norms, sampling, Snake. Measured (docs/performance.md and
models.md): int4 1.18, 1.30, 1.33, 1.58 and 1.70, int8 1.11, 1.17, 1.25 and 1.36, fp32 0.89."""
BASE_BYTES = 300 << 20
"""Of memory for Python and its libraries, K and V, the codec's state."""
ACCURACY = 0.35
"""How far a prediction may be off: of those ten 31 % at most, but for fp32, predicted 46 % too slow."""


@dataclass(frozen=True)
class Cost:
    """``rtf``: seconds of work for a second of sound; ``measured`` here, else predicted."""

    language: str
    codec: str
    rtf: float
    measured: bool
    memory_bytes: int
    disk_bytes: int


def costs(config: ModelConfig, rates: Rates, measured: Mapping[str, float]) -> Sequence[Cost]:
    """Of every precision, the most exact first; ``measured``: the RTFs of LANGUAGE+CODEC that are known."""
    pairs = [(language, codec_of(language)) for language in PRECISIONS[LANGUAGE]]
    plain = {f"{language}+{codec}": _rtf(config, rates, language, codec) for language, codec in pairs}
    seen = [measured[name] / plain[name] for name in plain if name in measured]
    correction = statistics.median(seen) if seen else OVERHEAD
    found = []
    for language, codec in pairs:
        name = f"{language}+{codec}"
        rtf = measured.get(name, plain[name] * correction)
        memory = memory_bytes(config, language, codec)
        found.append(Cost(language, codec, rtf, name in measured, memory, _disk_bytes(config, language, codec)))
    return found


def _rtf(config: ModelConfig, rates: Rates, language: str, codec: str) -> float:
    """Of the products and convolutions alone. Half precision is widened when it is loaded, and runs as float32."""
    products = weights_per_frame(config.dual_ar, config.codec) / rates.weights[_runs_as(language)]
    convolutions = multiplications_per_frame(config.codec) / rates.multiplications[_runs_as(codec)]
    return (products + convolutions) * config.codec.frame_rate


def _runs_as(precision: str) -> str:
    return "fp32" if precision == "fp16" else precision


def weights_per_frame(language: DualARConfig, codec: CodecConfig) -> int:
    """What the products of one frame read: the slow AR once, the fast AR for every codebook but one."""
    slow = fast = 0
    for name, shape in language_shapes(language).items():
        if len(shape) == 2 and name.startswith("layers."):
            slow += math.prod(shape)
        elif len(shape) == 2 and name.startswith("fast_layers."):
            fast += math.prod(shape)
    slow += (codec.semantic_codebook_size + 1) * language.slow.dim
    fast += language.residual_codebook_size * language.fast.dim
    return slow + fast * (language.num_codebooks - 1)


def multiplications_per_frame(config: CodecConfig) -> int:
    """Of the decoder's matrices: each weight as often as there are columns where it stands."""
    return sum(math.prod(shape) * _columns(config, name) for name, shape in codec_shapes(config).items() if shape[1:])


def _columns(config: CodecConfig, name: str) -> int:
    """Columns per frame of codes where the weight of that name is used by the decoder; 0: nowhere, or it is a table."""
    layer = name.split(".")
    if name.startswith("quantizer.post."):
        return 1
    ups, rates = tuple(reversed(config.downsample)), config.decoder_rates
    if name.startswith("quantizer.upsample."):
        number = int(layer[2])
        return math.prod(ups[: (number + 1) // 2])
    if layer[0] != "decoder" or layer[-1] == "alpha":
        return 0
    # decoder.0, then per rate: Snake, upsampling (by its columns before), three residual units; Snake and the last one
    return math.prod(ups) * math.prod(rates[: max(0, int(layer[1]) + 2) // 5])


def memory_bytes(config: ModelConfig, language: str, codec: str) -> int:
    """In use while it speaks. Tables are mapped, and hardly touched; in half precision they are widened."""
    tables = matrices = 0
    for name, shape in language_shapes(config.dual_ar).items():
        if "embeddings" in name:
            tables += math.prod(shape)
        elif name != "output.weight":
            matrices += math.prod(shape)
    decoder = part_bytes(config, DECODER, _runs_as(codec))
    widened = 4 * tables if language == "fp16" else 0
    return int(matrices * BYTES[_runs_as(language)]) + widened + decoder + BASE_BYTES


def _disk_bytes(config: ModelConfig, language: str, codec: str) -> int:
    encoder = part_bytes(config, ENCODER, "fp32") if config.codec.has_encoder else 0
    return part_bytes(config, LANGUAGE, language) + part_bytes(config, DECODER, codec) + encoder
