"""The English front end: what is said for written text, how it is pronounced, and where in the text it stands."""

from __future__ import annotations

import gzip
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishvoiced.text.english import LEXICON_FILE, EnglishFrontend, load, spelled
from fishvoiced.text.spoken.english.symbols import LONE
from fishvoiced.text.spoken.words import Word

WORDS = {
    "a": "ə", "the": "ðə", "i": "í", "fox": "fáks", "parse": "párs", "add": "ǽd", "quick": "kwɨk", "file": "fíl",
    "page": "pêǰ", "up": "âp", "key": "kî", "board": "bórd", "save": "sêv", "nasa": "nǽsə", "café": "-", "cafe": "kəfê",
    "try": "trí", "box": "báks", "user": "yúzɚ", "eight": "êt",
}  # fmt: skip
LEXICON = WORDS | {letter: f"[{letter}]" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
FRONTEND = EnglishFrontend(LEXICON)


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("In 2026, 1,024 files.", "in twenty twenty six, one thousand and twenty four files."),
        ("On 2026-11-22 at 12:05", "on november twenty second twenty twenty six at twelve oh five"),
        ("at 9:00", "at nine o'clock"),
        ("It costs $12.50!", "it costs twelve dollars and fifty cents!"),
        ("$1 or £2.01 or $3.5 million", "one dollar or two pounds and one penny or three point five million dollars"),
        ("the 21st of the 1980s", "the twenty first of the nineteen eighties"),
        ("about 3.14%", "about three point one four percent"),
        ("-5 °C and 16 GB", "minus five degrees celsius and sixteen gigabytes"),
        ("version 1.2.13", "version one point two point thirteen"),
        ("007", "zero zero seven"),
        ("Dr. Smith vs. Mr. Jones", "doctor smith versus mister jones"),
        ("i.e. the U.S.A.", "that is the U S A."),
        ("XML over SSH", "X M L over S S H"),
        ("NASA", "nasa"),
        ("xml", "X M L"),
        ("SAVE THE FILE", "save the file"),
        ("pageUp and read_file", "page up and read file"),
        ("utf8 is file.txt", "utf eight is file dot T X T"),
        ("Ctrl+C", "control plus C"),
        ("a or B", "a or B"),
        ("a cat, A B C and “a 'word'”", "a cat, A B C and a word"),
        ("capital A", "capital A"),
        ("a, b", "A, B"),
        ("control a.", "control A."),
        ("a", "A"),
        ("A", "A"),
        ("I", "i"),
        ("don’t", "don't"),
        ("naïve café", "naive cafe"),
        ("cafe\N{COMBINING ACUTE ACCENT}!", "cafe!"),
        ("well-known - or not", "well known, or not"),
        ("one (two) three: four; five", "one, two, three, four, five"),
        ("wait... what?!", "wait. what?"),
        ("**bold** `code` # heading", "bold code hash heading"),
        ("==== title ====", "title"),
        ("one\n\ntwo", "one. two"),
        ("…", "ellipsis"),
        ("(", "left paren"),
        ("\n", "new line"),
        (" ", "space"),
        ("", ""),
        ("日本 fox", "fox"),
    ],
)
def test_written_as_spoken(written: str, spoken: str) -> None:
    assert FRONTEND.spoken(written) == spoken


@pytest.mark.parametrize("mark", sorted(LONE))
def test_every_lone_mark_has_a_name(mark: str) -> None:
    assert FRONTEND.spoken(mark).replace(" ", "").isalpha()


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("The quick fox.", "ðə kwɨk fáks."),
        ("fox's", "fáksəz"),
        ("foxes", "fáksəz"),
        ("users", "yúzɚz"),
        ("parsed", "párst"),
        ("added", "ǽdəd"),
        ("tries", "tríz"),
        ("tried", "tríd"),
        ("parsing", "pársɪŋ"),
        ("quickly", "kwɨklĭ"),
        ("keyboard", "kîbórd"),
        ("C", "[C]"),
        ("frobnicate", "FROBNICATE"),
        ("page, up!", "pêǰ, âp!"),
        ("8", "êt"),
    ],
)
def test_pronunciation(text: str, symbols: str) -> None:
    assert FRONTEND(text) == symbols


def test_letters_are_all_that_spelling_keeps() -> None:
    assert spelled("o'brien-2") == "OBRIEN"


@given(st.text(alphabet="abz .,?!-'0195$%:\n", max_size=40))
def test_symbols_are_speakable(text: str) -> None:
    said = FRONTEND(text)
    assert said == said.strip()
    assert "  " not in said
    assert said[:1] not in tuple(",.?!")
    assert not any(a in ",.?!" and b in ",.?!" for a, b in pairwise(said))


def test_places_are_those_of_the_words() -> None:
    text = "Save 12 files."
    assert [(text[p.start : p.end], p.spoken) for p in FRONTEND.pronounced(text)] == [
        ("Save", "save"),
        ("12", "twelve"),
        ("files", "files"),
        (".", "."),
    ]


def test_a_fixed_pronunciation_is_put_into_the_phones_of_the_voice() -> None:
    assert FRONTEND.symbols([Word(0, 1, "the"), Word(2, 3, "worcester", "ˈwʊstɚ"), Word(3, 4, ".")]) == "ðə wʉstɚ."


def test_load_reads_what_is_written(tmp_path: Path) -> None:
    (tmp_path / LEXICON_FILE).write_bytes(gzip.compress("fox fáks\nA ĕ\n".encode()))
    assert load(tmp_path)("a fox") == "A fáks"
    assert load(tmp_path / LEXICON_FILE)("A") == "ĕ"


def test_a_damaged_lexicon_is_named(tmp_path: Path) -> None:
    (tmp_path / LEXICON_FILE).write_bytes(gzip.compress(b"fox\n"))
    with pytest.raises(ValueError, match="line 1 is not"):
        load(tmp_path)
