"""Where spoken words are cut into phrases: nothing is lost, no phrase is long, the first one is short."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from fishvoiced.backends.light.phrases import MAX_PHONEMES, QUICK_PHONEMES, WHOLE_PHONEMES, Phrase, phrases
from fishvoiced.backends.light.spoken import Token, tokens

SOME_WORDS = ["the", "house", "and", "when", "a", "understanding", "of", ",", ".", "?", "B"]
WORDS = st.lists(st.sampled_from(SOME_WORDS), min_size=1, max_size=120)
LONG = (
    "when the long winter finally ended the farmers opened the gates of the valley and counted what was left of their "
    "animals before they walked down to the river where the boats were waiting"
)


def cut(words: list[Token], *, quick: bool) -> list[Phrase]:
    return phrases(words, [word.text for word in words], quick=quick)


def length(words: list[Token], phrase: Phrase) -> int:
    return sum(len(word.text) + 1 for word in words[phrase.start : phrase.end])


@given(WORDS, st.booleans())
def test_every_word_is_in_exactly_one_phrase(written: list[str], quick: bool) -> None:
    words = [Token(word) for word in written]
    found = cut(words, quick=quick)
    assert [place for phrase in found for place in range(phrase.start, phrase.end)] == list(range(len(words)))


@given(WORDS, st.booleans())
def test_no_phrase_is_much_longer_than_allowed(written: list[str], quick: bool) -> None:
    words = [Token(word) for word in written]
    assert all(length(words, phrase) <= 1.8 * MAX_PHONEMES for phrase in cut(words, quick=quick))


@given(WORDS, st.booleans())
def test_words_beyond_a_cut_are_pronounced_along_exactly_where_there_is_no_mark(
    written: list[str], quick: bool
) -> None:
    words = [Token(word) for word in written]
    found = cut(words, quick=quick)
    for left, right in pairwise(found):
        at_a_mark = words[left.end - 1].is_mark
        assert (left.after, right.before) == ((0, 0) if at_a_mark else (1, 1))
    assert (found[0].before, found[-1].after) == (0, 0)


def test_a_short_sentence_is_never_cut() -> None:
    words = tokens("the battery is low, please plug in the charger.")
    assert cut(words, quick=True) == [Phrase(0, len(words))]


def test_the_first_phrase_of_a_long_sentence_is_short_when_sound_is_waited_for() -> None:
    words = tokens(LONG)
    quick, calm = cut(words, quick=True), cut(words, quick=False)
    assert QUICK_PHONEMES / 2 <= length(words, quick[0]) <= WHOLE_PHONEMES
    assert length(words, calm[0]) > WHOLE_PHONEMES


def test_a_cut_stands_before_a_joining_word_rather_than_behind_an_article() -> None:
    words = tokens(LONG)
    for phrase in cut(words, quick=True)[:-1]:
        assert words[phrase.end - 1].text not in ("the", "of", "a", "and")


def test_a_comma_is_the_best_place() -> None:
    words = tokens("in the early morning, the farmers opened all the gates of the green valley and walked away")
    first = cut(words, quick=True)[0]
    assert [word.text for word in words[first.start : first.end]] == ["in", "the", "early", "morning", ","]


def test_spoken_words_letters_marks_and_given_pronunciations_are_told_apart() -> None:
    found = tokens("press B, or [nginx](/ˈɛnʤɪn ˈɛks/) twice?")
    assert [(token.text, token.phonemes) for token in found] == [
        ("press", None), ("B", None), (",", None), ("or", None), ("nginx", "ˈɛnʤɪn ˈɛks"), ("twice", None), ("?", None),
    ]  # fmt: skip
    assert [token.text for token in found if token.is_letter] == ["B"]
    assert [token.text for token in found if token.is_mark] == [",", "?"]
