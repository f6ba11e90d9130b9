"""Tokenizer, prompt columns and guide of the starter voice, checked against upstream's own tokenizer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fishvoiced.backends.fish.tokenizer import INTERLEAVE, SPEAKER, Tokenizer
from fishvoiced.text.misaki import SPELLING, STRESS, SYMBOLS, VOWELS, spelled, units
from tools.starter_voice import dual_ar, voice
from tools.starter_voice.codebooks import BOOKS
from tools.starter_voice.data import Example

PHONETIC = f"ðə kwˈɪk fˈɑksᵻz, {spelled('QZX')} bˌʌTᵊl!"
EXAMPLE = Example(
    "short", "The cat.",
    (
        ("ðə", spelled("the"), (0.1, 0.2)), (" ", "", (0.25,)),
        ("kˈæt", spelled("cat"), (0.3, 0.4, 0.5)), (".", "", (0.7,)),
    ),
    np.arange(15 * BOOKS, dtype=np.int16).reshape(15, BOOKS),
)  # fmt: skip
PROMPT = (1, 2)


def test_every_unit_is_one_token_in_upstreams_tokenizer(tmp_path: Path) -> None:
    from fish_speech.tokenizer import FishTokenizer

    voice.write_tokenizer(tmp_path)
    upstream, ours = FishTokenizer.from_pretrained(str(tmp_path)), Tokenizer.load(tmp_path)
    table = voice.unit_tokens()
    stressed = "".join(mark + vowel for vowel in VOWELS for mark in STRESS)
    spelling = "".join(SPELLING.values())
    for text in (PHONETIC, SYMBOLS, stressed, spelling, "".join(reversed(SYMBOLS)), "ˈˈa ˌ. b, k? d!"):
        wanted = [table[unit] for unit in units(text)]
        assert upstream.encode(text, allowed_special=False) == ours.encode(text) == wanted
    assert upstream.semantic_begin_id == ours.semantic_begin
    assert upstream.get_token_id("<|im_end|>") == ours.end_token
    assert [upstream.get_token_id(SPEAKER)] == ours.marker(SPEAKER)


def test_prompt_is_upstreams_layout() -> None:
    tokens = voice.tokenizer()
    assert len(tokens.marker(INTERLEAVE)) == len(tokens.marker(SPEAKER)) == 1
    encoded = dual_ar.encode(EXAMPLE, voice.unit_tokens(), PROMPT, None)
    assert encoded.tokens.tolist() == [*PROMPT, *tokens.encode("ðə kˈæt.")]
    assert np.isnan(encoded.centers[:2]).all()
    middles = np.array([0.05, 0.15, 0.225, 0.275, 0.35, 0.45, 0.6])
    assert encoded.centers[2:] == pytest.approx(middles / voice.FRAME_SECONDS - dual_ar.AHEAD)


def test_some_words_are_given_by_their_letters() -> None:
    tokens = voice.tokenizer()
    table = voice.unit_tokens()
    seen = {
        tuple(dual_ar.encode(EXAMPLE, table, (), np.random.default_rng(seed)).tokens.tolist()) for seed in range(60)
    }
    assert tuple(tokens.encode("ðə kˈæt.")) in seen
    assert tuple(tokens.encode(f"ðə {spelled('cat')}.")) in seen


def test_columns_and_targets() -> None:
    encoded = dual_ar.encode(EXAMPLE, voice.unit_tokens(), PROMPT, None)
    batch = dual_ar.collate([encoded, encoded], semantic_begin=1000, end=512)
    n, t = len(encoded.tokens), len(encoded.codes)
    assert batch.columns.shape == (2, 1 + BOOKS, n + t)
    assert (batch.columns[0, 0, n:] == batch.columns[0, 1, n:] + 1000).all()
    assert batch.target[0, n - 1 : n - 1 + t].tolist() == encoded.codes[:, 0].tolist()
    assert batch.target[0, -1] == 512
    assert (batch.target[0, : n - 1] == -1).all()
    assert (batch.guide[0, : n - 1] == 0).all()
    assert (batch.guide[0, :, n:] == 0).all()


def test_the_guide_walks_along_the_text() -> None:
    encoded = dual_ar.encode(EXAMPLE, voice.unit_tokens(), PROMPT, None)
    path = dual_ar.pointer(encoded.centers, 15).argmax(1)
    assert path[0] == 2
    assert path[-1] == len(encoded.tokens) - 1
    assert (np.diff(path) >= 0).all()
