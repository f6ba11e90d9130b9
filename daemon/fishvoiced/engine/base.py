"""What every engine can do. Three implement it: ONNX Runtime, PyTorch, upstream's package."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fishvoiced.errors import BadRequest
from fishvoiced.model.config import ModelConfig
from fishvoiced.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from fishvoiced.prompt import Prompt

Codes: TypeAlias = NDArray[np.int64]
"""Codes [num_codebooks, frames]; row 0 is the semantic codebook."""

Columns: TypeAlias = NDArray[np.int64]
"""Model input [1 + num_codebooks, columns]; row 0 holds token ids."""

Samples: TypeAlias = NDArray[np.float32]
"""Mono sound [samples] within ±1."""


@dataclass(frozen=True)
class SamplingOptions:
    """Checked sampling options. ``top_p`` 0 is greedy.

    Temperature, top-p and penalty are rounded to bfloat16 by the engines, because upstream keeps them so.
    """

    temperature: float
    top_p: float
    repetition_penalty: float

    def __post_init__(self) -> None:
        _check("temperature", self.temperature, 0.0, 2.0)
        _check("top_p", self.top_p, 0.0, 1.0)
        _check("repetition_penalty", self.repetition_penalty, 0.5, 2.0)


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # NaN fails every comparison
        raise BadRequest(f"{name} must be between {low:g} and {high:g}, not {value:g}")


class Decoder(Protocol):
    """The codec's decoder in the middle of one stretch of speech."""

    def decode(self, codes: Codes) -> Samples:
        """The sound of the next frames: [num_codebooks, T] → [T x frame_samples], exactly as in one go."""


class Engine(Protocol):
    """A model in memory. One thread at a time; several generations and decoders may be under way in turn.

    Raises EngineError where the runtime fails.
    """

    name: str
    precision: str
    config: ModelConfig
    tokenizer: Tokenizer

    def generate(self, prompt: Prompt, sampling: SamplingOptions, seed: int, max_frames: int) -> Iterator[Codes]:
        """Frames of codes, each [num_codebooks, 1], until the model ends or ``max_frames`` are out.

        Same engine, precision, prompt and seed: the same codes, bit for bit, also where the engine has kept what
        it computed from the prompt's prefix.
        """

    def decoder(self) -> Decoder:
        """A decoder at the beginning of a stretch of speech."""

    def encode(self, audio: Samples) -> Codes:
        """Codes of a recording at the codec's sample rate. Raises BadReference if the model cannot clone."""

    def close(self) -> None:
        """Give the memory back; the engine is of no use afterwards."""
