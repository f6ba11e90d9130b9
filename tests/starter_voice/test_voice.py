"""Tokenizer, prompt columns and guide of the starter voice, checked against upstream's own tokenizer."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fishvoiced.backends.fish.tokenizer import INTERLEAVE, SPEAKER, Tokenizer
from fishvoiced.text.misaki import SPELLING, STRESS, SYMBOLS, VOWELS, numbered, spelled, units
from tools.starter_voice import columns, voice
from tools.starter_voice.codebooks import BOOKS, POSITION_BOOK
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
    stressed = "".join(mark + vowel for vowel in VOWELS for mark in STRESS)
    spelling = "".join(SPELLING.values())
    for text in (PHONETIC, SYMBOLS, stressed, spelling, "".join(reversed(SYMBOLS)), "ˈˈa ˌ. b, k? d!"):
        wanted = voice.unit_tokens(units(text))
        assert upstream.encode(numbered(text), allowed_special=False) == ours.encode(numbered(text)) == wanted
        assert len(set(wanted)) == len(wanted)
    assert upstream.semantic_begin_id == ours.semantic_begin
    assert upstream.get_token_id("<|im_end|>") == ours.end_token
    assert [upstream.get_token_id(SPEAKER)] == ours.marker(SPEAKER)


def test_prompt_is_upstreams_layout() -> None:
    tokens = voice.tokenizer()
    assert len(tokens.marker(INTERLEAVE)) == len(tokens.marker(SPEAKER)) == 1
    encoded = columns.encode(EXAMPLE, PROMPT, None)
    assert encoded.tokens.tolist() == [*PROMPT, *tokens.encode(numbered("ðə kˈæt."))]


def test_every_frame_says_which_unit_its_parameters_end_in() -> None:
    """They end 25 ms after the frame does; the units end as ``EXAMPLE`` has it, the last sound belongs to the mark."""
    codes = columns.encode(EXAMPLE, PROMPT, None).codes
    said = "ðə kˈæt."
    spoken = [units(said)[i] for i in codes[:, POSITION_BOOK]]
    assert spoken == ["ð", "ə", "ə", " ", "k", "ˈæ", "ˈæ", "t", "t", *"......"]
    assert (codes[:, :POSITION_BOOK] == EXAMPLE.codes[:, :POSITION_BOOK]).all()


def test_places_are_counted_again_from_nought_after_64() -> None:
    words = tuple(("ab", "", (0.2 * i + 0.1, 0.2 * i + 0.2)) for i in range(40))
    example = Example("short", "", words, np.zeros((160, BOOKS), np.int16))
    encoded = columns.encode(example, (), None)
    assert encoded.spoken[-1] == 79
    assert encoded.codes[:, POSITION_BOOK].tolist() == (encoded.spoken % 64).tolist()
    assert encoded.tokens[64] == encoded.tokens[0]
    assert encoded.tokens[2] == encoded.tokens[0] + 2


def test_some_words_are_given_by_their_letters() -> None:
    tokens = voice.tokenizer()
    seen = {tuple(columns.encode(EXAMPLE, (), np.random.default_rng(seed)).tokens.tolist()) for seed in range(60)}
    assert tuple(tokens.encode(numbered("ðə kˈæt."))) in seen
    assert tuple(tokens.encode(numbered(f"ðə {spelled('cat')}."))) in seen


def test_columns_and_targets() -> None:
    encoded = columns.encode(EXAMPLE, PROMPT, None)
    batch = columns.collate([encoded, encoded], heads=3, semantic_begin=1000, end=512)
    n, t = len(encoded.tokens), len(encoded.codes)
    assert batch.columns.shape == (2, 1 + BOOKS, n + t)
    assert (batch.columns[0, 0, n:] == batch.columns[0, 1, n:] + 1000).all()
    assert batch.target[0, n - 1 : n - 1 + t].tolist() == encoded.codes[:, 0].tolist()
    assert batch.target[0, -1] == 512
    assert (batch.target[0, : n - 1] == -1).all()
    assert (batch.guide[0, :, : n - 1] == -1).all()


def test_every_guided_head_looks_at_a_unit_of_its_own_beside_the_one_being_spoken() -> None:
    encoded = columns.encode(EXAMPLE, PROMPT, None)
    guide = columns.collate([encoded], heads=3, semantic_begin=1000, end=512).guide[0].numpy()
    n = len(encoded.tokens)
    assert guide[:, n - 1].tolist() == [2, 3, 4]  # before the first frame
    assert guide[0, n:].tolist() == (encoded.spoken + 2).tolist()
    assert guide[1, n + 3].item() == encoded.spoken[3] + 3
    assert guide[:, -1].tolist() == [n - 1, -1, -1]  # nothing behind the last unit
