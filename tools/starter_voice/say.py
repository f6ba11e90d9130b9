"""Speaking with a packed checkpoint, for listening and judging: text and seed → samples."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from fishvoiced.fish.engine.base import Engine
from fishvoiced.fish.prompt import build_prompt
from fishvoiced.fish.types import SamplingOptions
from fishvoiced.text.english import load
from tools.starter_voice import flite

Samples = npt.NDArray[np.float32]
MAX_FRAMES = 750  # 30 s
FRAMES_PER_SYMBOL = 6  # nobody needs 240 ms for every phone


class Voice(Protocol):
    def __call__(self, text: str, seed: int) -> Samples:
        """Mono, 16 kHz, within ±1."""


class EngineVoice:
    """A checkpoint run by one of the project's engines, without daemon and scheduler."""

    def __init__(self, engine: Engine, folder: Path, sampling: SamplingOptions | None = None) -> None:
        defaults = engine.config.sampling
        self.engine = engine
        self.frontend = load(folder)
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
    from fishvoiced.fish.engine.torch_engine import TorchEngine

    return EngineVoice(TorchEngine(folder), folder, sampling)


class SourceVoice:
    """flite itself, trimmed as the training speech is; ``seed`` does not matter to it."""

    def __init__(self, work: Path, folder: Path) -> None:
        work.mkdir(parents=True, exist_ok=True)
        self.program = flite.build(work)
        self.scratch = work / "source.raw"
        self.frontend = load(folder)

    def __call__(self, text: str, seed: int) -> Samples:
        return self.many([text])[0]

    def many(self, texts: list[str]) -> list[Samples]:
        out = []
        for utterance in flite.speak(self.program, [self.frontend.spoken(t) for t in texts], self.scratch):
            ends = [token.ends[-1] for token in utterance.tokens if token.ends]
            first = ends[0] if utterance.tokens[0].is_pause else 0.0
            last = max(t.ends[-1] for t in utterance.tokens if not t.is_pause and t.ends)
            cut = utterance.samples[int(max(0, first - 0.03) * flite.RATE) : int((last + 0.12) * flite.RATE)]
            out.append(cut.astype(np.float32) / np.float32(32768))
        return out


class ProjectVoice:
    """The whole project as a program uses it in-process: segmentation, engine, streaming decoder."""

    def __init__(self, model_path: Path | None = None) -> None:
        from fishvoiced.optimizer import UniversalFishSpeechOptimizer

        self._optimizer = UniversalFishSpeechOptimizer(model_path=model_path)

    def __call__(self, text: str, seed: int) -> Samples:
        return np.asarray(self._optimizer.synthesize(text, seed=seed)[0], np.float32)
