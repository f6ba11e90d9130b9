"""Markup in, text and marks out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fishvoice.adapters.shared.ssml import Mark, MarkedText, parts, read


def test_marks_keep_their_places() -> None:
    marked = read('<speak><mark name="0:5"/>Hello <mark name=\'6:9\'/>you &amp; me.<mark name="end"/></speak>')
    assert marked == MarkedText("Hello you & me.", (Mark("0:5", 0), Mark("6:9", 6), Mark("end", 15)))


def test_text_outside_of_markup_is_left_alone() -> None:
    assert read("if a < b && <b>c</b> &amp;") == MarkedText("if a < b && <b>c</b> &amp;")


def test_stray_signs_are_text() -> None:
    assert read("<speak>1 < 2 & 3 > 2 <> <3 &bogus; AT&T</speak>").text == "1 < 2 & 3 > 2 <> <3 &bogus; AT&T"


def test_elements_are_read_or_left_out() -> None:
    marked = read(
        '<?xml version="1.0"?><speak xml:lang="en"><!-- <mark name="no"/> --><p>One<break time="1s"/>two.</p>'
        '<ssml:s><sub alias="World Wide Web">WWW <mark name="in"/></sub> &#65;<![CDATA[<tag>]]></ssml:s></speak>'
    )
    assert marked.text == "One two.\nWorld Wide Web A<tag>\n"
    assert marked.marks == (Mark("in", 23),)


@given(st.text(alphabet="<>/&;\"' =abs-![]?pkemrn\n", max_size=300))
def test_anything_can_be_read(source: str) -> None:
    marked = read(f"<speak>{source}</speak>")
    assert all(0 <= mark.offset <= len(marked.text) for mark in marked.marks)


def test_long_garbage_is_read_quickly() -> None:
    for piece in ('<a b="', "<!--", "<![CDATA[", "<mark name='x' ", "&#", "<a:"):
        source = piece * (100_000 // len(piece))
        assert read(f"<speak>{source}</speak>").text.strip()[:1] in "<&"


@given(st.text(alphabet="ab ", max_size=60), st.lists(st.integers(0, 60), max_size=5), st.integers(1, 20))
def test_parts_lose_nothing(text: str, places: list[int], limit: int) -> None:
    marks = tuple(Mark(str(number), min(place, len(text))) for number, place in enumerate(sorted(places)))
    pieces = list(parts(MarkedText(text, marks), limit))
    assert "".join(piece.text for piece in pieces) == text
    assert all(len(piece.text) <= limit for piece in pieces)
    assert [mark.name for piece in pieces for mark in piece.marks] == [mark.name for mark in marks]
    start = 0
    for piece in pieces:
        for mark in piece.marks:
            assert marks[int(mark.name)].offset == start + mark.offset
        start += len(piece.text)
