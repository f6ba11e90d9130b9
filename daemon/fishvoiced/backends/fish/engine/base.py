"""What every engine can do. Three implement it: ONNX Runtime, PyTorch, upstream's package."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Protocol

from fishvoiced.backends.fish.config import ModelConfig
from fishvoiced.backends.fish.tokenizer import Tokenizer
from fishvoiced.backends.fish.types import Codes, Prompt, SamplingOptions
from fishvoiced.synthesis.audio import Samples
from fishvoiced.voices.base import Streams


class Decoder(Protocol):
    """The codec's decoder in the middle of one stretch of speech."""

    def decode(self, codes: Codes) -> Samples:
        """The sound of the next frames: [num_codebooks, T] → [T x frame_samples], exactly as in one go."""


class Generation(Protocol):
    """An iterator over frames of codes, each [num_codebooks, 1], until the model ends or the limit is reached.

    It holds memory until it has come to its end or is closed.
    """

    def begin(self) -> None:
        """Read the prompt, as the first frame does where this did not."""

    def ride(self) -> None:
        """Where generations share passes: make one frame more in the next pass, whoever asks for it."""

    def __iter__(self) -> Iterator[Codes]: ...

    def __next__(self) -> Codes: ...

    def close(self) -> None:
        """No more frames; the memory is free."""


@dataclass
class Alone:
    """A `Generation` of an engine in which none shares a pass."""

    frames: Generator[Codes, None, None]

    def begin(self) -> None:
        pass

    def ride(self) -> None:
        pass

    def __iter__(self) -> Iterator[Codes]:
        return self

    def __next__(self) -> Codes:
        return next(self.frames)

    def close(self) -> None:
        self.frames.close()


class Engine(Protocol):
    """A model in memory. One thread at a time; several generations and decoders may be under way in turn.

    Raises EngineError where the runtime fails.
    """

    name: str
    precision: str
    config: ModelConfig
    tokenizer: Tokenizer
    streams: int
    """Generations that share passes at most; 1 where none do."""

    def generate(self, prompt: Prompt, sampling: SamplingOptions, seed: int, max_frames: int) -> Generation:
        """Frames of codes, each [num_codebooks, 1], until the model ends or ``max_frames`` are out.

        Same engine, precision, prompt and seed: the same codes, bit for bit, whatever else is generated meanwhile, and
        also where the engine has kept what it computed from the prompt's prefix.
        """

    def usage(self) -> Streams:
        """The generations under way and the memory of their K and V; any thread may ask."""

    def decoder(self) -> Decoder:
        """A decoder at the beginning of a stretch of speech."""

    def encode(self, audio: Samples) -> Codes:
        """Codes of a recording at the codec's sample rate. Raises BadReference if the model cannot clone."""

    def close(self) -> None:
        """Free the memory; the engine cannot be used again."""
