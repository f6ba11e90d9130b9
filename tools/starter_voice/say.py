"""Speaking with a packed checkpoint, for listening and judging: text and seed → samples."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from fishvoiced.backends.fish import frontends
from fishvoiced.backends.fish.engine.base import Engine
from fishvoiced.backends.fish.network import checkpoint
from fishvoiced.backends.fish.prompt import build_prompt
from fishvoiced.backends.fish.types import SamplingOptions
from fishvoiced.text.misaki import load
from tools.starter_voice import speech
from tools.starter_voice.codebooks import Codebooks
from tools.starter_voice.source import RATE, Source, Utterance

Samples = npt.NDArray[np.float32]
MAX_FRAMES = 600  # 30 s
FRAMES_PER_SYMBOL = 5  # nobody needs 250 ms for every phoneme


class Voice(Protocol):
    rate: int

    def __call__(self, text: str, seed: int) -> Samples:
        """Mono, at ``rate``, within ±1."""


class EngineVoice:
    """A checkpoint run by one of the project's engines, without daemon and scheduler."""

    def __init__(self, engine: Engine, folder: Path, sampling: SamplingOptions | None = None) -> None:
        defaults = engine.config.sampling
        self.engine = engine
        self.rate = engine.config.codec.sample_rate
        self.frontend = frontends.load(frontends.NUMBERED, folder)
        self.sampling = sampling or SamplingOptions(defaults.temperature, defaults.top_p, defaults.repetition_penalty)

    def __call__(self, text: str, seed: int) -> Samples:
        symbols = self.frontend(text)
        prompt = build_prompt(self.engine.tokenizer, self.engine.config.dual_ar.num_codebooks, symbols, [])
        limit = min(MAX_FRAMES, 12 + FRAMES_PER_SYMBOL * len(symbols))
        frames = list(self.engine.generate(prompt, self.sampling, seed, limit))
        if not frames:
            return np.zeros(0, np.float32)
        return self.engine.decoder().decode(np.concatenate(frames, axis=1))


def torch_voice(folder: Path, sampling: SamplingOptions | None = None) -> EngineVoice:
    from fishvoiced.backends.fish.engine.torch_engine import TorchEngine

    return EngineVoice(TorchEngine(folder), folder, sampling)


class SourceVoice:
    """hibari itself, with its own rhythm, reading the same phonemes; ``seed`` draws its noise."""

    rate = RATE

    def __init__(self, folder: Path) -> None:
        self.source = Source()
        self.frontend = load(folder)

    def __call__(self, text: str, seed: int) -> Samples:
        """Raises ValueError for a text with a word that only its spelling gives."""
        return self.source.say_plainly(self._phonemes(text), seed)

    def knows(self, text: str) -> bool:
        """Whether it can read every word."""
        return speech.read(self.source, self.frontend, "", text, as_sentence=False) is not None

    def on_grid(self, text: str, seed: int) -> Utterance:
        """What the voice is trained on; raises likewise."""
        return self.source.say(self._phonemes(text), seed)

    def _phonemes(self, text: str) -> str:
        line = speech.read(self.source, self.frontend, "", text, as_sentence=False)
        if line is None:
            raise ValueError(f"the source cannot read a word of {text!r}: it is not in the lexicon")
        return speech.closed(line.phonemes)


class DecoderVoice:
    """The source's own codes through a checkpoint's decoder: how well the voice could speak, its reading aside."""

    rate = RATE

    def __init__(self, folder: Path) -> None:
        self._source = SourceVoice(folder)
        self._books = Codebooks.from_checkpoint(folder)
        self._codec = checkpoint.load(folder).codec

    def __call__(self, text: str, seed: int) -> Samples:
        said = self._source.on_grid(text, seed)
        rows = torch.from_numpy(said.rows.astype(np.float16))
        codes = self._books.encode_frames(rows, torch.from_numpy(said.phases))
        with torch.inference_mode():
            samples: Samples = self._codec.decode(codes.T[None])[0, 0].numpy()
        return samples


class ProjectVoice:
    """The whole project as a program uses it in-process: segmentation, engine, streaming decoder."""

    def __init__(self, model_path: Path | None = None) -> None:
        from fishvoiced.backends.fish.store.catalog import STARTER_FOLDER
        from fishvoiced.optimizer import UniversalFishSpeechOptimizer

        self._optimizer = UniversalFishSpeechOptimizer(model_path or next(STARTER_FOLDER.glob("converted/*")))
        self.rate = int(self._optimizer.synthesize("OK", seed=0)[1])  # this loads and warms it, too

    def __call__(self, text: str, seed: int) -> Samples:
        return np.asarray(self._optimizer.synthesize(text, seed=seed)[0], np.float32)
