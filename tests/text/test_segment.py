"""Segments: sentences by example, and for every text that nothing is lost, moved, doubled or too long."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fishvoiced.text.normalize import speakable
from fishvoiced.text.segment import split

NASTY = st.sampled_from(
    ["a", "b ", "Dr. ", "No. ", "1. ", "\n- ", "\n\n", "\r\n", " ", ".", "! ", "? ", "...", "…", ", ", "。", "！", "，",
     "“", "” ", '"', "(", ") ", "«", "é", "e\u0301", "🙂", "👩\u200d👧", "\u200b", "\x00", "\u2028", "\u00a0", "\u3000",
     "\ud800", "܁", "है। ", "مرحبا؟ ", "http://a.b", "word " * 9, "x" * 50]
)  # fmt: skip
ANY_TEXT = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=200), st.lists(NASTY, max_size=60).map("".join)
)
# On this text as it is sentencex panics.
FOREIGN_BLANKS = (
    '”1Dr$»🇩\u2028\u2028http://a.b$[1]🇩🇩".B\xa0.…\x00\u200b\x00”İ(”Ba\r\xa0ß13!http://a.bNo[1]$??ہے۔🇩ہے۔\u2028'
)
LENGTHS = st.integers(0, 100)


def sentences(text: str, language: str = "en") -> list[str]:
    """The segments when nothing is merged but what cannot stand alone."""
    return [segment.text for segment in split(text, 200, merge_characters=0, language=language)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dr. Smith paid $3.50 to Mrs. Lee. Then he left.", ["Dr. Smith paid $3.50 to Mrs. Lee.", "Then he left."]),
        ("Get e.g. cats vs. dogs, p. 7. It is good.", ["Get e.g. cats vs. dogs, p. 7.", "It is good."]),
        ("The U.S. Army arrived at 5 p.m. on Jan. 5. Good.", ["The U.S. Army arrived at 5 p.m. on Jan. 5.", "Good."]),
        ("Wait... what was that? Never mind… go on.", ["Wait... what was that?", "Never mind… go on."]),
        ("He said “I am here.” Then he left.", ["He said “I am here.”", "Then he left."]),
        ('"Really?" she asked. "Yes!" he said.', ['"Really?" she asked.', '"Yes!" he said.']),
        ("Pi is 3.14159. Version 1.2.3 is out.", ["Pi is 3.14159.", "Version 1.2.3 is out."]),
        ("Use System.Out.Print of a.com now. Then wait.", ["Use System.Out.Print of a.com now.", "Then wait."]),
        ("今天天气很好。你想出去走走吗？我们走吧！", ["今天天气很好。", "你想出去走走吗？", "我们走吧！"]),
        ("यह एक वाक्य है। यह दूसरा वाक्य है।", ["यह एक वाक्य है।", "यह दूसरा वाक्य है।"]),
        ("كيف حالك اليوم؟ أنا بخير.", ["كيف حالك اليوم؟", "أنا بخير."]),
        ("no punctuation at all here", ["no punctuation at all here"]),
        ("Title\nThe text begins.\n\nNew paragraph", ["Title", "The text begins.", "New paragraph"]),
        ("Buy:\n- apples\n- pears\n1. First\n2. Second", ["Buy:", "- apples", "- pears", "1. First", "2. Second"]),
        (
            "This paragraph was wrapped by hand at some seventy characters, so that\nits end is here. Next.",
            ["This paragraph was wrapped by hand at some seventy characters, so that\nits end is here.", "Next."],
        ),
        ("All went well. No. 5 was first.", ["All went well.", "No. 5 was first."]),
        ("One thing is sure.\n...\n🙂🙂\nThe end comes.", ["One thing is sure.", "The end comes."]),
        ("1.\nThe marker stands alone.", ["1.\nThe marker stands alone."]),
        ("Good day!!! 🙂 How are you?", ["Good day!!!", "🙂 How are you?"]),
    ],
)  # fmt: skip
def test_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_language_knows_its_abbreviations() -> None:
    text = "Der Termin ist am 3. Oktober um ca. 5 Uhr. Das ist gut."
    assert sentences(text, "de") == ["Der Termin ist am 3. Oktober um ca. 5 Uhr.", "Das ist gut."]
    assert sentences("Fine here. Fine there.", "no such language") == ["Fine here.", "Fine there."]


@pytest.mark.parametrize("text", ["", " \n ", "...", "?!", "🙂🙃", "\x00\x07", "-----\n====="])
def test_nothing_to_say(text: str) -> None:
    assert split(text, 200) == []


def test_short_sentences_share_a_segment_but_the_first_stays_alone() -> None:
    text = "The first one. Then a second. And a third. And a fourth, too."
    assert [s.text for s in split(text, 200)] == ["The first one.", "Then a second. And a third. And a fourth, too."]
    assert [s.text for s in split(text, 30)] == ["The first one.", "Then a second. And a third.", "And a fourth, too."]


def test_paragraphs_are_not_merged() -> None:
    assert [s.text for s in split("One here.\n\nTwo here. Three here.\n\nFour here.", 200)] == [
        "One here.", "Two here. Three here.", "Four here.",
    ]  # fmt: skip


def test_long_first_sentence_is_cut_at_a_comma() -> None:
    text = "This beginning is long enough to be of use, " + "and then it goes on and on " * 4 + "to its end."
    assert split(text, 300)[0].text == "This beginning is long enough to be of use,"
    assert split(text, 300, first_characters=300)[0].text == text


def test_long_quotations_are_cut_between_their_sentences() -> None:
    quotation = "“" + "Here, there, it speaks. Then it, too, goes on. " * 4 + "End.”"
    assert all(s.text.endswith((".", "”")) for s in split(quotation, 110))


def test_long_sentences_are_cut_at_commas_then_blanks_then_anywhere() -> None:
    commas = ("some words and then, " * 20).strip()
    assert all(s.text.endswith(",") for s in split(commas, 100))
    words = split("word " * 100, 99)
    assert all(set(s.text.split()) == {"word"} for s in words)
    assert len(words) == 6  # 499 characters; no crumb at the end
    assert [s.text for s in split("x" * 250, 100)] == ["x" * 100, "x" * 100, "x" * 50]
    assert all(s.text.startswith("e") for s in split("e\u0301" * 100, 31))


@given(ANY_TEXT, st.integers(1, 80), LENGTHS, LENGTHS, st.sampled_from(["en", "de", "zh", "ja", "hi"]))
@example(FOREIGN_BLANKS, 40, 0, 0, "zh")
def test_nothing_is_lost(text: str, limit: int, first: int, merged: int, language: str) -> None:
    segments = split(text, limit, first_characters=first, merge_characters=merged, language=language)
    covered = [False] * len(text)
    for segment in segments:
        assert segment.text == text[segment.start : segment.end]
        assert len(segment.text) <= limit
        assert segment.text == segment.text.strip(" \n")
        assert speakable(segment.text)
        covered[segment.start : segment.end] = [True] * len(segment.text)
    assert all(a.end <= b.start for a, b in pairwise(segments))
    assert all(covered[i] for i, character in enumerate(text) if speakable(character))


@pytest.mark.parametrize("unit", ["Dr. No went out. ", "你好吗？我很好。", "Say “go on.” ", "It (we know) is late. "])
def test_joints_of_windows_do_not_show(unit: str) -> None:
    text = unit * (20_000 // len(unit))
    longs, shorts = (split(part, 150, merge_characters=0) for part in (text, unit * 9))
    assert {segment.text for segment in longs} == {segment.text for segment in shorts}


def test_a_sentence_longer_than_a_window() -> None:
    segments = split("word " * 3000 + "end. Next one.", 150)
    assert segments[-1].text == "Next one."
    assert "".join(s.text for s in segments[:-1]).replace(" ", "") == "word" * 3000 + "end."
