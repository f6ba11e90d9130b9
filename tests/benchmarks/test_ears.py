"""What counts as a word, and as an error."""

from __future__ import annotations

import pytest

from benchmarks.ears import plain_words, word_errors


@pytest.mark.parametrize(
    ("said", "heard", "errors"),
    [
        ("a b c", "a b c", 0),
        ("a b c", "a c", 1),
        ("a b c", "a x b c", 1),
        ("a b c", "a x c", 1),
        ("a b c", "", 3),
        ("", "x y", 2),
        ("a b c d", "b c d a", 2),
    ],
)
def test_word_errors(said: str, heard: str, errors: int) -> None:
    assert word_errors(said.split(), heard.split()) == errors


def test_plain_words() -> None:
    assert plain_words("Don't stop -- well-known, OK?") == ["don't", "stop", "well", "known", "ok"]
