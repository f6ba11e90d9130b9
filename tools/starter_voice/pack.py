"""Packing: training states → a checkpoint folder in upstream's format, ready to ship."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import torch

from fishvoiced.backends.fish import frontends
from fishvoiced.backends.fish.config import ModelConfig, SamplingDefaults
from fishvoiced.backends.fish.network import checkpoint
from fishvoiced.text.english import LEXICON_FILE
from tools.starter_voice import adversarial, decoder, voice
from tools.starter_voice.codebooks import Codebooks
from tools.starter_voice.model import new_model, plain
from tools.starter_voice.training import smoothed

NAME = "starter"
LICENSE = "Apache-2.0"
DESCRIPTION = (
    "Small English voice trained from scratch on speech of hibari's heart; reads phonemes through a lexicon; "
    "cannot clone (no encoder). See MODEL_CARD.md."
)
SAMPLING = SamplingDefaults(temperature=0.02, top_p=0.8, repetition_penalty=1.0)


def pack(work: Path, folder: Path, sampling: SamplingDefaults = SAMPLING) -> None:
    """Write ``folder`` from the trainings' averaged weights, in half precision."""
    language = new_model()
    language.load_state_dict(smoothed(work / "dual_ar.pt"))
    plain(language)
    books = Codebooks.load(work / "codebooks.pt")
    codec = adversarial.trained(work)
    config = ModelConfig(
        name=NAME,
        dual_ar=voice.config(),
        codec=dataclasses.replace(decoder.CONFIG),
        sampling=sampling,
        frontend=frontends.NUMBERED,
        license=LICENSE,
        assets=(LEXICON_FILE,),
        description=DESCRIPTION,
    )
    voice.write_tokenizer(folder)
    checkpoint.save_weights(folder, config, language, codec, torch.float16)
    books.save_projection(folder)
    shutil.copyfile(work / LEXICON_FILE, folder / LEXICON_FILE)
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{folder}: {size / 1e6:.1f} MB", flush=True)
