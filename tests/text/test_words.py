"""The user's own words: found as whole words or patterns, live, per language and voice; and a file kept intact."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fishvoiced.text.own_words.entries import MAX_PATTERN_CHARACTERS, BadWords, OwnWord, WordList, parse
from fishvoiced.text.own_words.file import OwnWords, WordsFile, add, load, remove
from fishvoiced.text.phones import UnknownPhone, to_misaki, to_starter
from fishvoiced.text.pronounce import pronounce

WOOSTER = OwnWord(written="Worcester", spoken="wooster")


def said(text: str, file: Path, language: str = "en", voice: str | None = None) -> str:
    words = OwnWords(WordsFile(file), language, voice)
    tree = pronounce(text, "plain", language=language, own_words=words)
    return " ".join(segment["spoken"] for segment in tree["segments"])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "words.toml"


def test_a_word_is_said_as_decided_whatever_its_capitals(file: Path) -> None:
    add(file, WOOSTER)
    spoken = said("In Worcester and WORCESTER, not Worcestershire.", file)
    assert spoken == "in wooster and wooster, not worcestershire."


def test_capitals_matter_where_they_are_to(file: Path) -> None:
    add(file, OwnWord(written="Polish", spoken="poh lish", case=True))
    assert said("Polish the Polish polish", file) == "poh lish the poh lish polish"


def test_several_words_are_one_entry_and_the_longest_wins(file: Path) -> None:
    add(file, OwnWord(written="New", spoken="noo"))
    add(file, OwnWord(written="New York", spoken="the big apple"))
    assert said("New shoes in New York", file) == "noo shoes in the big apple"


def test_a_pattern_puts_its_groups_into_what_is_said(file: Path) -> None:
    add(file, OwnWord(written=r"JIRA-(\d+)", spoken=r"ticket \1", pattern=True))
    assert said("see JIRA-42", file) == "see ticket forty two"


def test_words_hold_for_their_language_and_voice_alone(file: Path) -> None:
    add(file, OwnWord(written="gift", spoken="present", language="en"))
    add(file, OwnWord(written="data", spoken="dahta", voice="ann"))
    assert said("gift data", file, "en-GB", "ann") == "present dahta"
    assert said("gift data", file, "de", "bob") == "gift data"


def test_a_change_of_the_file_holds_for_the_next_text(file: Path) -> None:
    words = OwnWords(WordsFile(file), "en", None)
    assert pronounce("Worcester", own_words=words)["segments"][0]["spoken"] == "worcester"
    add(file, WOOSTER)
    assert pronounce("Worcester", own_words=words)["segments"][0]["spoken"] == "wooster"
    remove(file, "worcester")
    assert pronounce("Worcester", own_words=words)["segments"][0]["spoken"] == "worcester"


def test_a_broken_file_is_told_and_the_words_of_before_hold_on(file: Path) -> None:
    add(file, WOOSTER)
    live = WordsFile(file)
    live.words_for("en", None)
    file.write_text("[[word]]\nwritten = 3\n")
    os.utime(file, ns=(1, 1))
    words = OwnWords(live, "en", None)
    assert pronounce("Worcester", own_words=words)["segments"][0]["spoken"] == "wooster"
    assert "as they were before" in next(iter(words.notices))


def test_a_slow_pattern_is_left_out_and_told() -> None:
    slow = WordList([OwnWord(written=r"(?:a+)+b|(?:a|a)*c|(a*)*d", spoken="x", pattern=True)])
    found, notices = slow.find("a" * 3000 + "!")
    assert found == []
    assert "takes too long" in notices[0]


def test_what_the_user_wrote_into_the_file_stays(file: Path) -> None:
    file.write_text('# my names\n\n[[word]]\nwritten = "Siobhan"\nspoken = "shivawn"  # my aunt\n')
    add(file, WOOSTER)
    add(file, OwnWord(written="worcester", spoken="wuster"))
    assert file.read_text().startswith('# my names\n\n[[word]]\nwritten = "Siobhan"\nspoken = "shivawn"  # my aunt\n')
    assert [word.spoken for word in load(file)] == ["shivawn", "wuster"]
    assert remove(file, "worcester") == 1
    assert [word.written for word in load(file)] == ["Siobhan"]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ('written = "x"', "either what is spoken or its phones"),
        ('written = "x"\nspoken = "y"\nphones = "z"', "either what is spoken or its phones"),
        ('written = " "\nspoken = "y"', "something written"),
        ('written = "x"\nphones = "§"', "no phone"),
        ('written = "("\nspoken = "y"\npattern = true', "no regular expression"),
        (f'written = "{"x" * (MAX_PATTERN_CHARACTERS + 1)}"\nspoken = "y"\npattern = true', "longer than"),
        ('written = "x"\nspokn = "y"', "unknown field"),
    ],
)
def test_an_entry_that_makes_no_sense_is_named(entry: str, reason: str) -> None:
    with pytest.raises(BadWords, match=reason):
        parse(f"[[word]]\n{entry}\n", "words.toml")


def test_a_word_with_a_line_break_is_refused(file: Path) -> None:
    with pytest.raises(BadWords, match="line breaks"):
        add(file, OwnWord(written="a\nb", spoken="c"))
    assert not file.exists()


@pytest.mark.parametrize(
    ("ipa", "misaki", "starter"),
    [
        ("ˈwʊstɚ", "wˈʊstəɹ", "wʉstɚ"),
        ("tʃɜːtʃ", "ʧɜʧ", "čɚč"),
        ("/ˈdeɪ.tə/", "dˈAtə", "dêtə"),
        ("ʃɪˈvɔːn", "ʃɪvˈɔn", "šɪvón"),
        ("ˈθɪŋ dʒɔɪ", "θˈɪŋʤY", "θɨŋǰø"),
    ],
)
def test_phones_in_the_alphabets_of_the_voices(ipa: str, misaki: str, starter: str) -> None:
    assert to_misaki(ipa) == misaki
    assert to_starter(ipa) == starter


@pytest.mark.parametrize("phones", ["", "ˈ", "§", "hello1"])
def test_signs_that_are_no_phones_are_refused(phones: str) -> None:
    with pytest.raises(UnknownPhone):
        to_misaki(phones)
