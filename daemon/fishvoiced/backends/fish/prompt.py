"""From text and references to the model's input columns, token for token as upstream lays them out.

Source: ``ContentSequence.encode_for_inference`` of fish-speech 0.1.0: ``<|interleave|>``, then for each reference
``<|speaker:0|>``, its text, its codes and ``<|im_end|>``, then ``<|speaker:0|>`` and the text to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from fishvoiced.backends.fish.tokenizer import IM_END, INTERLEAVE, SPEAKER, Tokenizer
from fishvoiced.backends.fish.types import Columns, Prompt, Reference
from fishvoiced.errors import BadReference


def build_prompt(tokenizer: Tokenizer, num_codebooks: int, text: str, references: Sequence[Reference]) -> Prompt:
    """What the model reads before it speaks ``text`` in the voice of ``references``.

    Names of special tokens inside ``text`` and inside a reference's text are ordinary characters.
    Raises BadReference when the codes of a reference do not fit the model.
    """
    prefix = list(_prefix(tokenizer, num_codebooks, references))
    columns = np.concatenate([*prefix, _text_columns(tokenizer.encode(text), num_codebooks)], axis=1)
    folder = references[0].folder if len(references) == 1 else None
    return Prompt(columns, sum(part.shape[1] for part in prefix), folder)


def _prefix(tokenizer: Tokenizer, num_codebooks: int, references: Sequence[Reference]) -> Iterator[Columns]:
    # Every part is tokenized by itself, as upstream does: the byte pairs of two parts never merge.
    yield _text_columns(tokenizer.marker(INTERLEAVE), num_codebooks)
    for reference in references:
        yield _text_columns(tokenizer.marker(SPEAKER), num_codebooks)
        yield _text_columns(tokenizer.encode(reference.text), num_codebooks)
        yield _code_columns(tokenizer, num_codebooks, reference)
        yield _text_columns(tokenizer.marker(IM_END), num_codebooks)
    yield _text_columns(tokenizer.marker(SPEAKER), num_codebooks)


def _text_columns(tokens: list[int], num_codebooks: int) -> Columns:
    columns = np.zeros((1 + num_codebooks, len(tokens)), dtype=np.int64)
    columns[0] = tokens
    return columns


def _code_columns(tokenizer: Tokenizer, num_codebooks: int, reference: Reference) -> Columns:
    """Row 0 the semantic tokens, the rows below it all codes, the semantic ones once more."""
    codes = reference.codes
    if codes.ndim != 2 or len(codes) != num_codebooks:
        raise BadReference(
            f"the reference has codes of shape {codes.shape}, but the model has {num_codebooks} codebooks; "
            "encode the recording again with this model"
        )
    if codes.size and not 0 <= codes[0].min() <= codes[0].max() < tokenizer.semantic_count:
        raise BadReference(
            f"the reference has semantic codes beyond the model's {tokenizer.semantic_count}; "
            "encode the recording again with this model"
        )
    return np.concatenate([codes[:1] + tokenizer.semantic_begin, codes]).astype(np.int64)
