"""Tokenizer, prompt columns and guide of the starter voice, checked against upstream's own tokenizer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fishvoiced.fish.tokenizer import INTERLEAVE, SPEAKER, Tokenizer
from tools.starter_voice import dual_ar, voice
from tools.starter_voice.data import Example
from tools.starter_voice.phones import CONSONANTS, LETTERS, SYMBOLS, VOWELS, symbol

PHONETIC = "ðə kwɨk fáks, QZX!"
EXAMPLE = Example(
    "short", "The cat.", (("ðə", "THE", (0.1, 0.2)), ("kǽt", "CAT", (0.3, 0.4, 0.5)), (".", "", (0.5,))),
    np.arange(15 * 6, dtype=np.int16).reshape(15, 6),
)  # fmt: skip
PROMPT = (1, 2)


def test_every_symbol_is_one_token_in_upstreams_tokenizer(tmp_path: Path) -> None:
    from fish_speech.tokenizer import FishTokenizer

    voice.write_tokenizer(tmp_path)
    upstream, ours = FishTokenizer.from_pretrained(str(tmp_path)), Tokenizer.load(tmp_path)
    table = voice.characters()
    for text in (PHONETIC, SYMBOLS, LETTERS, "".join(reversed(SYMBOLS)), "a. b, c? d!"):
        assert upstream.encode(text, allowed_special=False) == ours.encode(text) == [table[c] for c in text]
    assert upstream.semantic_begin_id == ours.semantic_begin
    assert upstream.get_token_id("<|im_end|>") == ours.end_token
    assert [upstream.get_token_id(SPEAKER)] == ours.marker(SPEAKER)


def test_symbols_are_different_and_stress_is_told() -> None:
    assert len(set(SYMBOLS)) == len(SYMBOLS) == 2 * len(VOWELS) + len(CONSONANTS)
    assert not set(SYMBOLS) & set(LETTERS)
    assert symbol("ae", "1") != symbol("ae", "0")
    assert symbol("k", "1") == symbol("k", "0")


def test_prompt_is_upstreams_layout() -> None:
    tokens = voice.tokenizer()
    assert len(tokens.marker(INTERLEAVE)) == len(tokens.marker(SPEAKER)) == 1
    encoded = dual_ar.encode(EXAMPLE, voice.characters(), PROMPT, None)
    assert encoded.tokens.tolist() == [*PROMPT, *tokens.encode("ðə kǽt.")]
    assert np.isnan(encoded.centers[:2]).all()
    assert encoded.centers[2:] == pytest.approx(np.array([0.05, 0.15, 0.2, 0.25, 0.35, 0.45, 0.5]) / 0.04)


def test_some_words_are_given_by_their_letters() -> None:
    seen = {
        bytes(t for t in dual_ar.encode(EXAMPLE, voice.characters(), (), np.random.default_rng(s)).tokens if t < 128)
        for s in range(60)
    }
    assert b" kt." in seen
    assert b" CAT." in seen


def test_columns_and_targets() -> None:
    encoded = dual_ar.encode(EXAMPLE, voice.characters(), PROMPT, None)
    batch = dual_ar.collate([encoded, encoded], semantic_begin=1000, end=512)
    n, t = len(encoded.tokens), len(encoded.codes)
    assert batch.columns.shape == (2, 7, n + t)
    assert (batch.columns[0, 0, n:] == batch.columns[0, 1, n:] + 1000).all()
    assert batch.target[0, n - 1 : n - 1 + t].tolist() == encoded.codes[:, 0].tolist()
    assert batch.target[0, -1] == 512
    assert (batch.target[0, : n - 1] == -1).all()
    assert (batch.guide[0, : n - 1] == 0).all()
    assert (batch.guide[0, :, n:] == 0).all()


def test_the_guide_walks_along_the_text() -> None:
    encoded = dual_ar.encode(EXAMPLE, voice.characters(), PROMPT, None)
    path = dual_ar.pointer(encoded.centers, 15).argmax(1)
    assert path[0] == 2
    assert path[-1] == len(encoded.tokens) - 1
    assert (np.diff(path) >= 0).all()
