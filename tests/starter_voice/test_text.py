"""The corpus maker: keys, numbers and phrases; held-out sentences stay out."""

from __future__ import annotations

import random

from tools.starter_voice import text

PROSE = [f"This is plain sentence number {name} of the whole set." for name in "abcdefghijklmnopqrstuvwxyz"] * 14
PROSE = [line.replace("plain", f"plain{'x' * (i // 26)}") for i, line in enumerate(PROSE)]


def test_held_out_sentences_are_never_spoken() -> None:
    corpus = text.gather(PROSE, ["apple", "pear", "A"], 1500)
    spoken = {line for _, line in corpus.lines}
    assert len(corpus.valid) == 100
    assert len(corpus.test) == 200
    assert not spoken & (set(corpus.valid) | set(corpus.test))
    assert not set(corpus.valid) & set(corpus.test)
    assert len(corpus.lines) == 1500


def test_the_same_seed_gives_the_same_corpus() -> None:
    one, other = (text.gather(PROSE, ["apple", "pear"], 500, seed=3) for _ in range(2))
    assert one == other
    assert text.gather(PROSE, ["apple", "pear"], 500, seed=4) != one


def test_every_letter_digit_and_key_is_in_it() -> None:
    keys = text.every_key()
    assert {*"abcdefghijklmnopqrstuvwxyz0123456789", "enter", "page up", "OK", "100"} <= set(keys)
    spoken = {line for kind, line in text.gather(PROSE, ["apple"], 600).lines if kind == "keys"}
    assert set(keys) <= spoken


def test_phrases_are_made_of_the_given_words() -> None:
    rng = random.Random(1)
    for _ in range(50):
        words = text.phrase(rng, ["listed"], ["frequent"], 4, 8).split()
        assert 4 <= len(words) <= 8
        assert {w.strip(",.?!").lower() for w in words} <= {"listed", "frequent"}


def test_numbers_and_keys_are_never_empty() -> None:
    rng = random.Random(2)
    assert all(text.number(rng).strip() and text.key(rng).strip() for _ in range(200))
