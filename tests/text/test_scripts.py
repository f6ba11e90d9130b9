"""Which scripts a text is written in: cut without loss, and only between words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishvoiced.text.scripts import Run, runs, scripts_read

ENGLISH = scripts_read("en-US")


@given(st.text(max_size=60), st.sampled_from([None, "en", "ru-RU", "zh-CN", "hi"]))
def test_no_character_is_lost(text: str, language: str | None) -> None:
    assert "".join(run.text for run in runs(text, scripts_read(language))) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hello", [("hello", None)]),
        ("naïve café œuvre", [("naïve café œuvre", None)]),
        ("say привет, мир! now", [("say ", None), ("привет, мир! ", "CYRILLIC"), ("now", None)]),
        ("the π and the Ω", [("the π and the Ω", None)]),
        ("हिन्दी is", [("हिन्दी ", "DEVANAGARI"), ("is", None)]),
        ("你好", [("你好", "CJK")]),
        ("£5 … 20 %", [("£5 … 20 %", None)]),
        ("α, β and γ", [("α, β and γ", None)]),
        ("你好，我，世界 5", [("你好，我，世界 5", "CJK")]),
        ("私は学生です。テスト。", [("私は学生です。テスト。", "HIRAGANA")]),
    ],
)
def test_words_of_other_scripts_are_cut_out(text: str, expected: list[tuple[str, str | None]]) -> None:
    assert runs(text, ENGLISH) == [Run(*run) for run in expected]


def test_a_voice_reads_its_own_script_and_latin_letters() -> None:
    assert runs("привет hello", scripts_read("ru_RU")) == [Run("привет hello", None)]
    assert runs("你好 привет", scripts_read(None)) == [Run("你好 привет", None)]
    assert "CJK" in (scripts_read("ja") or ())
