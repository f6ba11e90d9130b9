"""Normalization: the examples a person would name, and the promises for every string there is."""

from __future__ import annotations

import unicodedata

import pytest
from fish_speech.text.clean import clean_text
from hypothesis import given
from hypothesis import strategies as st

from fishvoiced.text.normalize import MAX_COMBINING, normalize, speakable

NASTY = st.sampled_from(
    "aeق नक'’\"“.,!?！？。、…=<-_ \n\t\r\x00\x1f\x85\xa0"
    "\u0300\u0301\u0316\u0338\u094d\u093c\u0958\u3099\u20e3\ufe0f\u200b\u200c\u200d\u202e\u2028\ufeff\ufffd\ufffe"
    "\u2126\u212b\u0374\u1ffd\u3131ﾞｶＡ１①½²㎏℃ﬁ𝐇ﷺ\ufe70ŉʹ😀👩🇩🏽☎✓°\ud800\udc00"
)
ANY_TEXT = st.text(st.one_of(NASTY, st.characters(exclude_categories=())), max_size=60)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  It’s ‘fine’.  ", "It's 'fine'."),
        ("“Quotes” and «guillemets» stay…", "“Quotes” and «guillemets» stay…"),
        ("one\n\ntwo\tthree\u00a0four\u3000five\u2028six", "one two three four five six"),
        ("soft\u00adhy\u200bphen\ufeff", "softhyphen"),
        ("bell\x07 and \x1b[0m", "bell and [0m"),
        ("cafe\u0301", "café"),
        ("👋🏽 Hello 👨‍👩‍👧 world ❤️.", "Hello world."),
        ("keycap 1️⃣ and flag 🇩🇪!", "keycap 1 and flag !"),
        ("𝐁𝐨𝐥𝐝 ﬁsh ＡＢＣ１２ ① №5 ㎏ 20℃", "Bold fish ABC12 1 No5 kg 20°C"),
        ("10² is ½ of 200", "10² is ½ of 200"),
        ("，你好！", "，你好！"),
        ("ｶﾞｷﾞ", "ガギ"),
        ("ㅋㅋㅋ", "ㅋㅋㅋ"),
        ("No!!!!! What?!?!? Yes,,, well.....", "No! What?! Yes, well..."),
        ("真的！！！？？", "真的？！"),
        ("======== a == b && --help ../x ___", "= a == b && --help ../x _"),
        ("می\u200cخواهم क्\u200dष x\u200cy a\u200d", "می\u200cخواهم क्\u200dष x\u200cy a"),
        ("کم\u200c، a\u200d b", "کم، a b"),
        ("low \ud83d surrogate", "low surrogate"),
        ("\U0001f600", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_examples(text: str, expected: str) -> None:
    assert normalize(text) == expected


@given(ANY_TEXT)
def test_twice_is_once(text: str) -> None:
    assert normalize(normalize(text)) == normalize(text)


@given(ANY_TEXT)
def test_result_is_clean(text: str) -> None:
    result = normalize(text)
    assert result == result.strip()
    assert "  " not in result
    assert unicodedata.is_normalized("NFC", result)
    assert not {unicodedata.category(c) for c in result} & {"Cc", "Cn", "Co", "Cs", "Me", "Zl", "Zp"}
    result.encode()  # no surrogates


@given(st.text(st.sampled_from('abc XYZ 123 ’‘,.?!;:"“”()é你好。，'), max_size=40))
def test_agrees_with_upstream(text: str) -> None:
    assert normalize(clean_text(text)) == normalize(text)


@pytest.mark.parametrize("text", ["a", "7", "你", "é", "€", "%", "🙂 ok", "𝐇", "㎏", "٣"])
def test_speakable(text: str) -> None:
    assert speakable(text)


@pytest.mark.parametrize(
    "text", ["", "  \n", "...", "?!", "🙂🙃", "\x00\x07", "====", "“”—", "\u200b", "\u0301", "\ud800", "│╎"]
)
def test_not_speakable(text: str) -> None:
    assert not speakable(text)


@given(ANY_TEXT)
def test_normalizing_keeps_what_can_be_said(text: str) -> None:
    assert speakable(normalize(text)) == speakable(text)


def test_heaps_of_marks_are_cut() -> None:
    """All different, since equal ones are taken for repeated punctuation; and quadratic to compose if left in."""
    heap = "".join(map(chr, range(0x316, 0x330)))
    assert len(normalize("a" + heap * 2_000 + "b" + heap)) == 2 + 2 * MAX_COMBINING
