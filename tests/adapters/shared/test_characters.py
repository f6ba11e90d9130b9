"""Single characters and keys in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishvoice.adapters.shared import characters


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        (" ", "space"),
        (",", "comma"),
        ("a", "A"),
        ("A", "A"),
        ("7", "7"),
        ("é", "É"),
        ("ß", "ß"),
        ("♥", "black heart suit"),
    ],
)
def test_characters(symbol: str, name: str) -> None:
    assert characters.character(symbol) == name


def test_capitals_are_told_when_asked() -> None:
    assert characters.character("A", capitals=True) == "capital A"
    assert characters.character("a", capitals=True) == "A"
    assert characters.spelled("aB!", capitals=True) == "A, capital B, exclamation mark"


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("a", "A"),
        ("_", "underscore"),
        ("underscore", "underscore"),
        ("double-quote", "double quote"),
        ("shift_a", "shift A"),
        ("control_alt_Delete", "control alt delete"),
        ("kp-enter", "keypad enter"),
        ("kp_enter", "keypad enter"),
        ("F12", "F 12"),
        ("Control_L", "left control"),
        ("Alt_R", "right alt"),
        ("Page_Down", "page down"),
        ("Prior", "page up"),
        ("shift__", "shift underscore"),
        ("super_,", "super comma"),
    ],
)
def test_keys(key: str, words: str) -> None:
    assert characters.key(key) == words


def test_bare_symbols_are_named_and_decoration_is_not() -> None:
    assert characters.sayable("Hello!") == "Hello!"
    assert characters.sayable(" ... ") == "dot, dot, dot"
    assert characters.sayable("-" * 40) == ""
    assert characters.sayable("  ") == "space"
    assert characters.sayable("") == ""


@given(st.characters())
def test_every_character_has_a_name(symbol: str) -> None:
    assert characters.character(symbol)


@given(st.text(min_size=1, max_size=20))
def test_no_key_is_refused(name: str) -> None:
    assert isinstance(characters.key(name), str)
