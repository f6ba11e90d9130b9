"""What holds for every text: nothing that carries meaning vanishes, places stay true, time grows with the length."""

from __future__ import annotations

import sys
import time
import unicodedata
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fishvoiced.text.lines import Line, lines
from fishvoiced.text.markup import read as read_markup
from fishvoiced.text.markup.read import MARKUPS, Markup
from fishvoiced.text.pronounce import pronounce
from fishvoiced.text.spans import Pause, Text
from fishvoiced.text.spoken.english import read

MEANING = frozenset({"Sc", "Sm", "No", "Nl", "Lu", "Ll", "Lt", "Lm", "Lo", "Nd"})
FRAGMENTS = st.sampled_from(
    ["a ", "B", "word", "Dr. ", "U.S. ", "don't ", "3", "1/2", "10-20", "$5", "€", "12:30", "2024-12-25", "x²", "½",
    "№", "%",
     "http://a.b/c", "a@b.c", "foo_bar", "camelCase", "NASA", "CEOs", "!=", "->", "C#", "...", "…", "-", "—", "(",
     ")", "[",
     "]", "**", "*", "_", "`", "```\n", "# ", "\n", "\n\n", "- ", "1. ", "> ", "|", "<b>", "</b>",
     "<break time='1s'/>", "<p>",
     "</p>", "&amp;", "&lt;", "[a](b)", "![i](j)", "[pause:1s]", "[[w|p]]", "<speak>", "</speak>", "<sub alias='x y'>",
     "</sub>", "<!--", "-->", "👍", "🇩🇪", "é", "e\u0301", "ł", "日本", "ж", "\ud800", "\x00", "\u200b", "\u2028",
     "AAAAAAAAAAAAAAAA"]
)  # fmt: skip
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=80), st.lists(FRAGMENTS, max_size=25).map("".join)
)


def every_character(kinds: frozenset[str]) -> list[str]:
    return [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) in kinds]


@pytest.mark.parametrize("kind", sorted(MEANING))
def test_every_character_that_carries_meaning_gives_a_word(kind: str) -> None:
    silent = [character for character in every_character(frozenset({kind})) if not read(character).words]
    assert not silent, f"{len(silent)} of {kind}: {silent[:20]}"


@pytest.mark.parametrize("kind", ["Sc", "Sm", "No", "Nl", "Nd"])
def test_signs_and_numbers_are_said_inside_a_text(kind: str) -> None:
    nothing = len(read("x y").words)
    silent = [c for c in every_character(frozenset({kind})) if len(read(f"x {c} y").words) <= nothing]
    assert not silent, f"{len(silent)} of {kind}: {silent[:20]}"


def test_letters_inside_a_text_are_said_or_reported() -> None:
    """A word of another script cannot be read by an English voice; then the reading says so."""
    letters = every_character(frozenset({"Lu", "Ll", "Lt", "Lm", "Lo"}))
    vanished = [c for c in letters if len((found := read(f"ox {c}{c} ox")).words) <= 2 and not found.unread]
    assert not vanished, f"{len(vanished)}: {vanished[:20]}"


@given(TEXTS)
@settings(deadline=None)
def test_words_keep_their_places(text: str) -> None:
    at = 0
    for word in read(text).words:
        assert at <= word.start < word.end <= len(text)
        assert word.spoken == " ".join(word.spoken.split()) != ""
        at = word.start


@given(TEXTS)
@settings(deadline=None)
def test_pauses_never_follow_each_other(text: str) -> None:
    words = read(text).words
    assert not any(a.is_pause and b.is_pause for a, b in pairwise(words))
    assert not (words and words[0].is_pause and len(words) > 1)


@given(TEXTS, st.sampled_from(MARKUPS))
@settings(max_examples=300, deadline=None)
def test_spans_are_pieces_of_the_source_in_its_order(text: str, markup: Markup) -> None:
    at = 0
    for span in read_markup(text, markup).spans:
        if isinstance(span, Text | Pause):
            assert at <= span.start <= span.end <= len(text)
            at = span.start
    if markup == "plain":
        assert "".join(span.text for span in read_markup(text, markup).spans if isinstance(span, Text)) == text


@given(TEXTS, st.sampled_from(MARKUPS))
@settings(max_examples=300, deadline=None)
def test_places_survive_all_stages(text: str, markup: Markup) -> None:
    """Every spoken word points into its line, and lines follow each other through the request's text."""
    at = 0
    for line in lines(read_markup(text, markup), 60):
        if line is None:  # nothing is to be said there
            continue
        assert at <= line.start <= line.end <= len(text)
        at = line.start
        if isinstance(line, Line):
            for word in line.reading.words:
                assert line.start <= word.start <= word.end <= line.end


@given(st.lists(st.sampled_from(["apple", "pear", "plum", "kiwi"]), min_size=1, max_size=20), st.sampled_from(MARKUPS))
@settings(deadline=None)
def test_a_word_that_is_spoken_as_written_is_found_at_its_place(words: list[str], markup: Markup) -> None:
    joints = [" ", " **", "** ", " &amp; ", " <b>", "</b> ", "\n\n", ". ", " [x](y) ", " 12 ", " [pause:1s] "]
    text = "".join(word + joints[(len(word) * 7 + place) % len(joints)] for place, word in enumerate(words))
    found = [
        (word.spoken, text[word.start : word.end])
        for line in lines(read_markup(text, markup), 80)
        if isinstance(line, Line)
        for word in line.reading.words
        if word.spoken in {"apple", "pear", "plum", "kiwi"}
    ]
    assert [spoken for spoken, _ in found] == words
    assert all(spoken == written for spoken, written in found)


PATHOLOGICAL = {
    "digits": "1", "numbers": "12 ", "different numbers": "", "brackets": "[", "images": "![", "links": "[a](",
    "parens": "(",
    "tags": "<", "open tags": "<a ", "attributes": "<a b='", "comments": "<!--", "cdata": "<![CDATA[",
    "entities": "&", "stars": "*",
    "emphasis": "a*", "underscores": "_a", "backquotes": "`a", "combining": "\u0301", "accented": "e\u0301",
    "letters": "a",
    "capitals": "A", "mixed": "a1", "camel": "aB", "words": "word ", "sentences": "Go on. ", "dots": ".",
    "abbreviations": "U.S.",
    "quotes": '"', "apostrophes": "'", "hyphens": "a-", "slashes": "a/", "colons": "1:", "dollars": "$1",
    "dollar signs": "$",
    "percent": "%", "units": "5 kg ", "emoji": "👍", "flags": "🇩", "chinese": "日", "cyrillic": "ж ", "newlines": "\n",
    "tables": "|a|\n|-|\n", "quoted": "> ", "lists": "- a\n", "superscripts": "²", "fractions": "1/2 ",
    "dates": "1/2/2024 ",
    "times": "12:30 ", "pauses": "[pause:1s]", "phones": "[[a|b]]", "elements": "<p>", "hashes": "3f2a9c1 ",
    "base64": "QUJD+/",
    "ips": "1.2.3.4 ", "versions": "1.2.", "phone": "555-0199 ", "blanks": " ", "surrogates": "\ud800",
    "mails": "a@b.c ", "code": "if (x != 0) { foo_bar(a->b, 0x1F); }\n", "quotations": '"Hello," she said. ',
    "html": "<div class='a'><p>text <b>bold</b></p></div>\n", "nested lists": "- a\n  - b\n    - c\n",
    "tabs": "a\tb\t\t", "hebrew": "שלום עולם ",
    "zero width": "a\u200b\u200d", "stacked": "a" + "\u0301\u0302\u0303" * 3,
    "breaks": "<break time='9s'/>", "prosody": "<prosody rate='2'>a",
    "log": "2024-01-02 03:04:05,678 [main] ERROR a.B: x=1\n",
    "numbered": "1. a\n", "stars of names": "*a ", "angles": "<ab> ", "questions": "a ? b : ", "wide": "|a",
}  # fmt: skip


MOST_GROWTH = 7


def seconds(work: Callable[[], object]) -> float:
    """The shortest of five tries, in CPU time: whatever else the machine does only lengthens one."""
    times = []
    for _ in range(5):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def made_of(name: str, length: int) -> str:
    unit = PATHOLOGICAL[name]
    if not unit:
        return " ".join(map(str, range(10_001, 10_001 + length // 6)))
    return (unit * (length // len(unit) + 1))[:length]


@pytest.mark.parametrize("markup", ["auto", "markdown", "ssml"])
@pytest.mark.parametrize("name", sorted(PATHOLOGICAL))
def test_time_grows_with_the_length(name: str, markup: Markup) -> None:
    """Four times the text may take at most seven times as long; quadratic would be sixteen, at every try."""
    short, long = made_of(name, 2_000), made_of(name, 8_000)
    growths = []
    while not growths or (growths[-1] >= MOST_GROWTH and len(growths) < 4):
        base = seconds(lambda: pronounce(short, markup))
        growths.append(seconds(lambda: pronounce(long, markup)) / max(base, 0.005))
    assert min(growths) < MOST_GROWTH


@given(st.text(alphabet="0123456789.,:/-+–eExX×%°'\"$€#()[] kmhABCDVIpst½²", max_size=40))
@settings(max_examples=500, deadline=None)
def test_numbers_in_any_company_are_read(text: str) -> None:
    """Every rule copes with what its pattern lets in."""
    words = read(text).words
    assert not any(character.isdecimal() for word in words for character in word.spoken)
    if any(character.isdecimal() for character in text):
        assert words
