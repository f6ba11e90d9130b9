"""The random checkpoints' byte pairs: learned in the right order, and as few tokens as a prompt should have."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.s1_engine import SENTENCE
from fishvoiced.backends.fish.tokenizer import Tokenizer
from tools import byte_pairs
from tools.random_checkpoint import S1_MERGES, S1_MINI, TINY, write_tokenizer


def test_the_most_frequent_pair_comes_first_and_is_then_one_token() -> None:
    ranks = byte_pairs.learn("abab ab abc", merges=3)
    learned = sorted((rank, token) for token, rank in ranks.items())[256:]
    assert learned[0] == (256, b"ab")  # four times; next " ab", twice, more than "ab" with "ab" or "c"
    assert learned[1] == (257, b" ab")


def test_pairs_overlap_from_the_left() -> None:
    assert byte_pairs.joined([b"a"] * 5, (b"a", b"a")) == [b"aa", b"aa", b"a"]


def test_words_do_not_merge_with_what_is_beside_them() -> None:
    ranks = byte_pairs.learn("on, on, on, on, on", merges=2)
    assert {b"on", b" on"} <= ranks.keys()


@pytest.mark.parametrize(("config", "merges", "most"), [(TINY, 0, 100), (S1_MINI, S1_MERGES, 30)])
def test_a_sentence_of_a_hundred_characters_has_as_many_tokens_as_the_merges_allow(
    config: object, merges: int, most: int, tmp_path: Path
) -> None:
    write_tokenizer(tmp_path, config, merges)  # type: ignore[arg-type]
    tokenizer = Tokenizer.load(tmp_path)
    ids = tokenizer.encode(SENTENCE)
    assert most - 10 <= len(ids) <= most
    assert tokenizer.semantic_begin > max(ids)
    assert tokenizer._encoding.decode(ids) == SENTENCE
