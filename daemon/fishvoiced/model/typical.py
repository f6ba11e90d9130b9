"""What a model says: codes to fit the int8 decoder's scales to, spoken by its own language model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fishvoiced.engine.base import SamplingOptions
from fishvoiced.engine.torch_engine import TorchEngine
from fishvoiced.errors import CheckpointError
from fishvoiced.model.checkpoint import Checkpoint
from fishvoiced.prompt import build_prompt
from fishvoiced.text import english

SENTENCES = (
    "The quick brown fox jumps over the lazy dog, while five boxing wizards watch.",
    "She sells sea shells by the shore; who knows why?",
    "Numbers such as 42 and 1917 are read aloud!",
    "Thank you very much, said the old man. We shall meet again in the evening.",
)
FRAMES = 40
"""Of each sentence at most: the language model is in float32 here, and takes a third of a second for a frame."""


def typical_codes(checkpoint: Checkpoint, folder: Path) -> Tensor:
    """Codes int64 [1, num_codebooks, T], the same each time. ``folder`` is the checkpoint's.

    Every sentence has a seed of its own: a model that knows many voices then takes several.
    Raises CheckpointError when the model says nothing.
    """
    config = checkpoint.config
    prepare = english.load(folder / english.LEXICON_FILE) if config.frontend == "english" else str
    options = config.sampling
    sampling = SamplingOptions(options.temperature, options.top_p, options.repetition_penalty)
    engine = TorchEngine(checkpoint)
    frames = [
        codes
        for seed, sentence in enumerate(SENTENCES)
        for codes in engine.generate(
            build_prompt(checkpoint.tokenizer, config.dual_ar.num_codebooks, prepare(sentence), []),
            sampling,
            seed,
            FRAMES,
        )
    ]
    if not frames:
        raise CheckpointError(
            f"{folder}: the language model ends before it has said anything, so that there is nothing to fit an int8 "
            "decoder to; import it with: --codec-precision fp32"
        )
    return torch.from_numpy(np.concatenate(frames, axis=1))[None]
