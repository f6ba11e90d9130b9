"""How Emacspeak's text is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishvoice.adapters.emacspeak.protocol import Change
from fishvoice.adapters.emacspeak.text import Settings, letter, spoken


@pytest.mark.parametrize(
    ("text", "settings", "said"),
    [
        ("Hello there.", Settings(), "Hello there."),
        ("a-b, don't", Settings(punctuations="all"), "a dash b comma,  don't"),
        ("a-b = c", Settings(punctuations="some"), "a-b  equals  c"),
        ("a = b", Settings(punctuations="none"), "a = b"),
        ("camelCase XMLFile", Settings(), "camel Case XML File"),
        ("camelCase", Settings(split_caps=False), "camelCase"),
        ("Hello NASA", Settings(capitalize=True), "cap Hello NASA"),
        ("Hello NASA", Settings(allcaps_beep=True), "Hello all caps NASA"),
        ("left[*]paren", Settings(), "left paren"),
        ("...", Settings(), "dot, dot, dot"),
        ("-" * 60, Settings(punctuations="none"), ""),
        ("  ", Settings(), ""),
    ],
)
def test_text(text: str, settings: Settings, said: str) -> None:
    assert spoken(text, settings) == said


def test_letters() -> None:
    assert letter("a") == "A"
    assert letter("A") == "capital A"
    assert letter(" ") == "space"
    assert letter("") == ""


def test_rates() -> None:
    assert [Settings(rate=rate).speed for rate in (75, 122, -500, 1e9, 28)] == [1.0, 2.0, 0.5, 3.0, 0.5]


def test_settings_change_one_by_one() -> None:
    changed = Settings().changed(Change(capitalize=True)).changed(Change(rate=90)).changed(Change(punctuations="all"))
    assert changed == Settings(punctuations="all", capitalize=True, rate=90)


@given(st.text(max_size=100), st.sampled_from(["all", "some", "none", "odd"]), st.booleans(), st.booleans())
def test_no_letter_is_lost(text: str, mode: str, capitalize: bool, beep: bool) -> None:
    said = spoken(text, Settings(mode, capitalize, beep))
    assert sum(map(str.isalnum, said)) >= sum(map(str.isalnum, text))
