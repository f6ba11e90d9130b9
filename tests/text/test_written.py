"""Written words: every one that is spoken, once and in order, with its punctuation and without its markup."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishvoiced.text.lines import Line, lines
from fishvoiced.text.markup.read import read
from fishvoiced.text.written import written_words


def words_of(text: str, language: str = "en") -> list[str]:
    line = Line.of(text, language)
    return [text[start:end] for start, end in line.word_places]


@pytest.mark.parametrize(
    "text",
    [
        'The harbour was quiet that evening, and "nobody" had (surely) seen the boats!',
        "A well-known rock’n’roll band, e.g. at 9:30, isn't it?",
        "Wait… what?! —Yes.",
        "The boats—then a lamp.",
    ],
)
def test_the_words_of_a_plain_text_are_those_between_blanks(text: str) -> None:
    assert " ".join(words_of(text)).replace("— ", "—") == text


def test_what_is_spoken_as_one_is_one() -> None:
    assert words_of("On 3 May, Dr. Lee paid $20.") == ["On", "3 May,", "Dr.", "Lee", "paid", "$20."]


def test_scripts_without_blanks_are_not_glued_by_their_punctuation() -> None:
    assert len(words_of("Grüße, Welt.", "de")) == 2


def test_markup_is_no_part_of_a_word() -> None:
    text = "**The harbour** was *quiet*, see [the map](http://x.y). A fine day."
    found = [
        text[a:b] for line in lines(read(text, "markdown"), 200) if isinstance(line, Line) for a, b in line.word_places
    ]
    assert found == ["The", "harbour", "was", "quiet", "see", "the", "map", "A", "fine", "day."]


places = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=6)


@given(st.text("ab ,.-(", min_size=12, max_size=12), places, st.booleans())
def test_words_are_apart_in_order_and_cover_what_is_spoken(
    text: str, spoken: list[tuple[int, int]], whole: bool
) -> None:
    found = written_words(text, spoken, lambda start, end: whole)
    edges = [edge for word in found for edge in word]
    assert edges == sorted(edges)
    for start, end in spoken:
        assert start >= end or any(first <= start and end <= last for first, last in found)
