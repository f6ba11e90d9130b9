"""Cutting arriving text: nothing lost, nothing cut inside a sentence, nothing held back without need."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishvoice.playback.sentences import STREAM_CHARACTERS, SentenceBuffer, split

words = st.text(st.sampled_from("abc Dr.!?…。\n  \"'(),"), max_size=300)


def letters(text: str) -> str:
    return "".join(text.split())


@given(words, st.integers(5, 80), st.data())
def test_nothing_is_lost_however_it_arrives(text: str, limit: int, data: st.DataObject) -> None:
    pieces, taken, rest = SentenceBuffer(limit), [], text
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        pieces.feed(rest[:size])
        rest = rest[size:]
        take = data.draw(st.sampled_from([pieces.take, pieces.take_idle]))
        taken.append(take())
    while not pieces.empty:
        taken.append(pieces.take_rest())
    found = [piece for piece in taken if piece is not None]
    assert letters("".join(found)) == letters(text)
    assert all(0 < len(piece) <= limit for piece in found)


@given(words, st.integers(5, 80))
def test_split_is_whole(text: str, limit: int) -> None:
    assert letters("".join(split(text, limit))) == letters(text)


@pytest.mark.parametrize(
    ("text", "piece"),
    [
        ("One two. Three", "One two."),
        ("One. Two! Three? Four", "One. Two! Three?"),
        ("He said “Stop.” Then", "He said “Stop.”"),
        ("First\n\nSecond", "First"),
        ("一。二", "一。"),
        ("One two.", None),  # perhaps the number 2.5 is on its way
        ("It costs 2.5 and", None),
        ("Dr. Smith and Mr. Jones", None),
        ("J. R. R. Tolkien", None),
        ("wait... what", None),
        ("one\ntwo", None),
        ("", None),
    ],
)
def test_whole_sentences(text: str, piece: str | None) -> None:
    pieces = SentenceBuffer(1000)
    pieces.feed(text)
    assert pieces.take() == piece


@pytest.mark.parametrize(
    ("text", "piece", "left"),
    [
        ("One two.", "One two.", None),
        ("one\n", "one", None),
        ("one\ntwo", "one", "two"),
        ("half a sent", None, "half a sent"),
    ],
)
def test_after_a_pause(text: str, piece: str | None, left: str | None) -> None:
    pieces = SentenceBuffer(1000)
    pieces.feed(text)
    assert pieces.take_idle() == piece
    assert pieces.take_rest() == left


def test_a_long_text_is_cut_in_good_time() -> None:
    """Linear: a megabyte in pieces is no wait (a quadratic way took minutes)."""
    sentences = "One sentence. Dr. Two is another one. " * 30_000
    found = list(split(sentences))
    assert len(found) == 12
    assert all(piece.endswith(".") for piece in found)


def test_text_without_an_end_is_cut_between_words() -> None:
    assert list(split("word " * 10, 12)) == ["word word"] * 5
    assert list(split("x" * 25, 10)) == ["x" * 10, "x" * 10, "x" * 5]


@pytest.mark.timeout(60)  # where the cost grows with the square of the length, these take minutes each
@pytest.mark.parametrize(
    "unit", [".", "!?", '."', ". ", "\n", " \n", '"', "。", "…", "x.", "e.g. ", "\n ", ".)", "A. "], ids=repr
)
def test_long_runs_of_anything_are_cut_in_linear_time(unit: str) -> None:
    text = unit * (400_000 // len(unit))
    assert "".join("".join(split(text)).split()) == "".join(text.split())
    stream = SentenceBuffer(STREAM_CHARACTERS)
    for begin in range(0, 100_000, 500):
        stream.feed(text[begin : begin + 500])
        stream.take()
        stream.take_idle()


@pytest.mark.parametrize(
    ("text", "waited", "piece"),
    [
        ("When the rain came, we went", 1.0, None),
        ("When the rain came, we went", 2.0, "When the rain came,"),
        ("It costs 1,000 or", 2.0, None),
        ("One sentence without a comma goes", 2.0, None),
        ("One sentence without a comma goes", 5.0, "One sentence without a comma"),
        ("The price is 3", 5.0, "The price"),
        ("He met Dr. Smi", 5.0, "He met"),
        ("It costs 5.", 2.0, "It costs 5."),
        ("I choose B.", 2.0, "I choose B."),
        ("He met Dr.", 2.0, None),
        ("He met Dr.", 5.0, "He met"),
        ("He met Dr.\n", 2.0, "He met Dr."),
    ],
)
def test_what_arrives_slowly_is_spoken_by_clauses(text: str, waited: float, piece: str | None) -> None:
    pieces = SentenceBuffer(1000)
    pieces.feed(text)
    assert pieces.take_late(waited) == piece


@pytest.mark.parametrize("text", ["It costs 5.", "Ask Dr.", "I see No.", "Version 2."])
def test_a_pause_behind_a_number_or_an_abbreviation_ends_no_sentence(text: str) -> None:
    pieces = SentenceBuffer(1000)
    pieces.feed(text)
    assert pieces.take_idle() is None


@pytest.mark.parametrize("inside", ["3 1/2 cups", "$5 million", "No. 12 is", "Dr. Smith is"])
def test_a_full_buffer_is_not_cut_inside_a_number_or_an_abbreviation(inside: str) -> None:
    text = "some words here " + inside
    for limit in range(18, len(text)):
        pieces = SentenceBuffer(limit)
        pieces.feed(text)
        piece = pieces.take()
        assert piece is not None
        assert not any(piece.endswith(part) for part in ("3", "$5", "No.", "Dr."))
