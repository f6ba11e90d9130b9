"""The calibration set for quantization: sentences that the model itself speaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fishvoiced.errors import CheckpointError
from fishvoiced.fish.engine.torch_engine import TorchEngine
from fishvoiced.fish.network.checkpoint import Checkpoint
from fishvoiced.fish.network.dual_ar import DualAR
from fishvoiced.fish.prompt import build_prompt
from fishvoiced.fish.types import Codes, Columns, SamplingOptions
from fishvoiced.text import english, misaki

SENTENCES = (
    "The quick brown fox jumps over the lazy dog, while five boxing wizards watch.",
    "She sells sea shells by the shore; who knows why?",
    "Numbers such as 42 and 1917 are read aloud!",
    "Thank you very much, said the old man. We shall meet again in the evening.",
)
FRAMES = 40
"""Of each sentence at most: the language model is in float32 here, and takes a third of a second for a frame."""


@dataclass(frozen=True)
class SampleSentence:
    """One sentence: the ``columns`` that were read, int64 [1 + num_codebooks, S], and the ``codes`` that were said,
    int64 [num_codebooks, T]."""

    columns: Columns
    codes: Codes

    def all_columns(self, semantic_begin: int) -> Tensor:
        """What stands before the model when it has ended: [1 + num_codebooks, S + T]."""
        said = np.concatenate([self.codes[:1] + semantic_begin, self.codes])
        return torch.from_numpy(np.concatenate([self.columns, said], axis=1))


def typical_codes(spoken: Sequence[SampleSentence]) -> Tensor:
    """All that was said: int64 [1, num_codebooks, T]."""
    return torch.from_numpy(np.concatenate([each.codes for each in spoken], axis=1))[None]


@torch.no_grad()
def frames(model: DualAR, spoken: Sequence[SampleSentence]) -> tuple[list[Tensor], list[Tensor]]:
    """Of each sentence the slow AR's states [T, dim] before its frames, and their codes int64 [T, num_codebooks]."""
    states = [model.slow(each.all_columns(model.semantic_begin)[None])[0][0] for each in spoken]
    begins = [each.columns.shape[1] - 1 for each in spoken]
    codes = [torch.from_numpy(each.codes.T.astype(np.int64)) for each in spoken]
    return [s[b : b + len(c)] for s, b, c in zip(states, begins, codes, strict=True)], codes


def speak(checkpoint: Checkpoint, folder: Path) -> list[SampleSentence]:
    """Every sentence, the same each time. ``folder`` is the checkpoint's.

    Every sentence has a seed of its own: a model that knows many voices then takes several.
    Raises CheckpointError when the model says nothing.
    """
    config = checkpoint.config
    frontends = {"english": english.load, misaki.NAME: misaki.load}
    prepare = frontends[config.frontend](folder / english.LEXICON_FILE) if config.frontend in frontends else str
    options = config.sampling
    sampling = SamplingOptions(options.temperature, options.top_p, options.repetition_penalty)
    engine = TorchEngine(checkpoint)
    spoken = []
    for seed, sentence in enumerate(SENTENCES):
        prompt = build_prompt(checkpoint.tokenizer, config.dual_ar.num_codebooks, prepare(sentence), [])
        said = list(engine.generate(prompt, sampling, seed, FRAMES))
        if said:
            spoken.append(SampleSentence(prompt.columns, np.concatenate(said, axis=1)))
    if not spoken:
        raise CheckpointError(
            f"{folder}: the language model ends before it has said anything, so that there is nothing to fit 8-bit "
            "values to; import it with: --precision fp32 --codec-precision fp32"
        )
    return spoken
