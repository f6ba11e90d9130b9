"""Markup to spans: what stays of a text, what it asks for, and that nothing can be made to grow."""

from __future__ import annotations

import pytest

from fishvoiced.text.lines import Line, lines
from fishvoiced.text.markup import Markup, read
from fishvoiced.text.markup.builder import MAX_PAUSE_SECONDS, MAX_TOTAL_PAUSE_SECONDS
from fishvoiced.text.markup.values import pitch, rate, seconds, volume
from fishvoiced.text.spans import Mark, Pause, Prosody, Text


def text_of(source: str, markup: Markup = "auto") -> str:
    return " ".join("".join(span.text for span in read(source, markup).spans if isinstance(span, Text)).split())


def pauses(source: str, markup: Markup = "auto") -> list[float]:
    return [span.seconds for span in read(source, markup).spans if isinstance(span, Pause)]


@pytest.mark.parametrize(
    ("source", "left"),
    [
        ("see [the docs](https://example.com/a_(b)/c)", "see the docs"),
        ("**Bold**, *soft* and `code` of ~~old~~ **new**", "Bold, soft and code of old new"),
        ("![a cat](cat.png) sits", "a cat sits"),
        ("# Title\n\nText", "Title Text"),
        ("<b>bold</b> &amp; <i>soft</i><br/>next", "bold & soft next"),
        ("<p>one</p><script>alert('x')</script><!-- no --><p>two</p>", "one two"),
        ("<speak>one <unknown a='b'>two</unknown></speak>", "one two"),
        ('<speak xmlns="http://www.w3.org/2001/10/synthesis">a &lt; b</speak>', "a < b"),
        ("if (a < b && c > d) x = y<int>;", "if (a < b && c > d) x = y<int>;"),
        ("2 * 3 * 4 and snake_case_name and a_b", "2 * 3 * 4 and snake_case_name and a_b"),
        ("5 > 3 & 2 < 4; AT&T &nothing;", "5 > 3 & 2 < 4; AT&T &nothing;"),
        ("# just a comment", "# just a comment"),
        ("[x] not a link (really)", "[x] not a link (really)"),
    ],
)
def test_auto_takes_out_syntax_and_leaves_words(source: str, left: str) -> None:
    assert text_of(source) == left


@pytest.mark.parametrize("source", ["<b>x</b> **y** [pause:1s] &amp; <break/>", "<speak>x</speak>"])
def test_plain_is_taken_literally(source: str) -> None:
    spans = read(source, "plain").spans
    assert [span.text for span in spans if isinstance(span, Text)] == [source]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('a <break time="2s"/> b', [2.0]),
        ("<speak>a<break time='250ms'/>b<break strength='strong'/>c<break/>d</speak>", [0.25, 0.8, 0.5]),
        ("<speak>a<break strength='none'/>b</speak>", []),
        ("wait [pause:1.5s] and [pause:300ms]", [1.5, 0.3]),
        ("**bold** [pause:2s] text", [2.0]),
        ("[pause:soon]", []),
    ],
)
def test_pauses_are_as_long_as_written(source: str, expected: list[float]) -> None:
    assert pauses(source) == expected


def test_pauses_are_limited_one_by_one_and_together() -> None:
    script = read("<speak>a" + "<break time='9999s'/>b" * 100 + "</speak>", "ssml")
    lengths = [span.seconds for span in script.spans if isinstance(span, Pause)]
    assert max(lengths) == MAX_PAUSE_SECONDS
    assert sum(lengths) == MAX_TOTAL_PAUSE_SECONDS
    assert "shortened" in script.notices[0]


def test_prosody_multiplies_inwards_and_ends_with_its_element() -> None:
    script = read("<speak>a<prosody rate='2'>b<prosody rate='50%' pitch='+2st'>c</prosody></prosody>d</speak>", "ssml")
    styles = [(span.text, span.style.prosody) for span in script.spans if isinstance(span, Text)]
    assert styles == [("a", Prosody()), ("b", Prosody(2.0)), ("c", Prosody(1.0, 2.0)), ("d", Prosody())]


def test_language_voice_marks_and_hints_are_kept() -> None:
    source = (
        "<speak xml:lang='en'><voice name='ann'>a</voice><lang xml:lang='de'>b</lang><mark name='m'/>"
        "<sub alias='World Wide Web'>WWW</sub><phoneme alphabet='ipa' ph='x'>y</phoneme>"
        "<say-as interpret-as='ordinal'>3</say-as></speak>"
    )
    spans = read(source, "ssml").spans
    texts = {span.text: span for span in spans if isinstance(span, Text)}
    assert texts["a"].style.voice == "ann"
    assert texts["b"].style.language == "de"
    assert texts["WWW"].alias == "World Wide Web"
    assert texts["y"].phones == "x"
    assert texts["3"].say_as == "ordinal"
    assert [span for span in spans if isinstance(span, Mark)] == [Mark("m", source.index("<mark"))]


@pytest.mark.parametrize("source", ["<speak>one <break time='1s'> two", "<speak>a & b</speak>", "<speak><p>x</speak>"])
def test_malformed_ssml_is_read_with_a_notice(source: str) -> None:
    script = read(source, "ssml")
    assert "malformed" in script.notices[0]
    assert "<" not in text_of(source, "ssml")


def test_entities_of_a_document_are_not_expanded() -> None:
    bomb = '<!DOCTYPE speak [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><speak>&b;</speak>'
    script = read(bomb, "ssml")
    assert "declares entities" in script.notices[0]
    assert len(text_of(bomb, "ssml")) < len(bomb)


@pytest.mark.parametrize(
    "source", ["<p>" * 5000 + "x", "<prosody rate='200%'>" * 5000 + "x", "> " * 5000 + "x", "[" * 9000]
)
@pytest.mark.parametrize("markup", ["markdown", "ssml", "auto"])
def test_nesting_is_bounded(source: str, markup: Markup) -> None:
    spans = read(source, markup).spans
    assert sum(len(span.text) for span in spans if isinstance(span, Text)) <= 2 * len(source) + 2
    assert all(0.25 <= span.style.prosody.rate <= 4 for span in spans if isinstance(span, Text))


def test_what_stands_inside_an_alias_is_part_of_it() -> None:
    source = "<speak><sub alias='x'>a<break time='1s'/><p>b</p><mark name='m'/></sub> c</speak>"
    assert text_of(source) == "a<break time='1s'/><p>b c"
    assert pauses(source) == []


def test_a_table_too_wide_to_be_one_is_text() -> None:
    """Each of its rows would be filled up with thousands of cells."""
    source = "|a" * 3000 + "|\n" + "|-" * 3000 + "|\n" + "x\n" * 2000
    assert len(read(source, "markdown").spans) < 5000


def test_in_another_language_nothing_is_said_in_english() -> None:
    source = "Hallo.\n\n```\nx = 1\n```\n\nAAAAAAAAAAAAAAAAAAAA"
    said = [line.written for line in lines(read(source, "markdown"), 200, "de") if isinstance(line, Line)]
    assert said == ["Hallo.", "x = 1", "20 A"]
    said = [line.written for line in lines(read(source, "markdown"), 200, "en") if isinstance(line, Line)]
    assert said == ["Hallo.", "code block:", "x = 1", "20 times A"]


def test_code_blocks_are_announced_and_read_or_skipped() -> None:
    source = "Look:\n\n```python\nx = 1\n```\n\nDone."
    whole = [span for span in read(source, "markdown").spans if isinstance(span, Text)]
    assert [span.text for span in whole if span.code] == ["x = 1"]
    assert "code block" in text_of(source)
    skipped = read(source, "markdown", code_blocks="skip").spans
    assert not any(span.code for span in skipped if isinstance(span, Text))
    assert any("skipped" in span.text for span in skipped if isinstance(span, Text))


@pytest.mark.parametrize(
    ("reader", "written", "value"),
    [
        (seconds, "2s", 2.0), (seconds, "1.5 s", 1.5), (seconds, "250ms", 0.25), (seconds, "2", None),
        (seconds, "-1s", None),
        (rate, "fast", 1.5), (rate, "150%", 1.5), (rate, "+50%", 1.5), (rate, "0.5", 0.5), (rate, "0", None),
        (pitch, "+2st", 2.0), (pitch, "+100%", 12.0), (pitch, "-50%", -12.0), (pitch, "200Hz", None),
        (pitch, "high", 3.0),
        (volume, "+6dB", 1.995), (volume, "silent", 0.0), (volume, "50", 0.5), (volume, "120%", 1.2),
        (volume, "loud", 1.5),
    ],
)  # fmt: skip
def test_values_of_ssml(reader: object, written: str, value: float | None) -> None:
    found = reader(written)  # type: ignore[operator]
    assert found == (None if value is None else pytest.approx(value, abs=0.01))
