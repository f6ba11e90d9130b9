"""What every engine can do. Three implement it: ONNX Runtime, PyTorch, upstream's package."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from fishvoiced.backends.fish.config import ModelConfig
from fishvoiced.backends.fish.tokenizer import Tokenizer
from fishvoiced.backends.fish.types import Codes, Prompt, SamplingOptions
from fishvoiced.synthesis.audio import Samples


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
        """Free the memory; the engine cannot be used again."""
