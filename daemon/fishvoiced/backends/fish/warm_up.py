"""Making a loaded model ready: its front end, and one run of everything so that no request pays for first touches."""

from __future__ import annotations

import zlib
from contextlib import closing

import numpy as np

from fishvoiced.backends.fish import frontends
from fishvoiced.backends.fish.engine.base import Engine
from fishvoiced.backends.fish.prompt import build_prompt
from fishvoiced.backends.fish.renderer import most_frames
from fishvoiced.backends.fish.store.catalog import Choice
from fishvoiced.backends.fish.types import Frontend, Prompt, Reference, SamplingOptions
from fishvoiced.errors import BadRequest, ModelStoreError

WARM_UP_FRAMES = 24  # enough for every block size that the decoder will meet


def load_frontend(choice: Choice) -> Frontend:
    """How the model's text is prepared. Raises BadRequest for a front end this version does not have."""
    name = choice.model.config.frontend
    if name is None:
        return lambda text: text
    if name not in frontends.NAMES:
        raise BadRequest(f"model {choice.model.name!r} needs the front end {name!r}: update fishvoice")
    from fishvoiced.text.english import LEXICON_FILE

    try:
        return frontends.load(name, choice.model.asset(LEXICON_FILE))
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise ModelStoreError(f"model {choice.model.name!r} has a damaged lexicon: {error}") from error


def warm_up(engine: Engine, frames: int = WARM_UP_FRAMES) -> None:
    """Run everything once, so that the first request does not pay for memory and pages touched for the first time."""
    books = engine.config.dual_ar.num_codebooks
    prompt = Prompt(np.zeros((books + 1, 8), np.int64))
    sampling = SamplingOptions(1.0, 1.0, 1.0)
    decoder = engine.decoder()
    with closing(engine.generate(prompt, sampling, 0, frames)) as generation:
        for codes in generation:
            decoder.decode(codes)
    for block in (1, 2, 4, 8):
        decoder.decode(np.zeros((books, block), np.int64))


def prepare(engine: Engine, reference: Reference, characters: int) -> None:
    """Prefill the reference's columns, into memory that has room for any segment of so many ``characters``."""
    prompt = build_prompt(engine.tokenizer, engine.config.dual_ar.num_codebooks, "a" * characters, [reference])
    most = most_frames(characters, engine.config.codec.frame_rate)
    with closing(engine.generate(prompt, SamplingOptions(1.0, 1.0, 1.0), 0, most)) as generation:
        generation.begin()
