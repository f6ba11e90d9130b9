"""The alphabet of misaki and the front end that reads it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from fishvoiced.text import phones
from fishvoiced.text.misaki import (
    CONSONANTS,
    FIRST_NUMBERED,
    LETTERS,
    NUMBERS,
    PAUSES,
    SPELLING,
    STRESS,
    SYMBOLS,
    UNITS,
    VOWELS,
    MisakiFrontend,
    NumberedFrontend,
    load,
    numbered,
    spelled,
    units,
    with_suffix,
)


def test_symbols_spelling_and_marks_are_all_different() -> None:
    everything = [*SYMBOLS, *SPELLING.values(), *PAUSES, " "]
    assert len(set(everything)) == len(everything) == len(VOWELS + CONSONANTS + STRESS) + 26 + 5


def test_a_vowel_and_its_stress_are_one_unit() -> None:
    assert units("həlˈO ðˌɛɹ.") == ["h", "ə", "l", "ˈO", " ", "ð", "ˌɛ", "ɹ", "."]
    assert units("ˈbi") == ["ˈ", "b", "i"]
    assert units("") == []


@pytest.mark.parametrize(
    ("stem", "suffix", "whole"),
    [
        ("kˈæt", "s", "kˈæts"),
        ("dˈɔɡ", "s", "dˈɔɡz"),
        ("bˈʌs", "es", "bˈʌsᵻz"),
        ("mˈɑɹk", "'s", "mˈɑɹks"),
        ("stˈɑp", "ed", "stˈɑpt"),
        ("nˈid", "ed", "nˈidᵻd"),
        ("plˈA", "ed", "plˈAd"),
        ("wˈɑʃ", "ed", "wˈɑʃt"),
        ("bˈʌz", "ed", "bˈʌzd"),
        ("ʤˈʌʤ", "ed", "ʤˈʌʤd"),
        ("ɹˈid", "ing", "ɹˈidɪŋ"),
        ("kwˈɪk", "ly", "kwˈɪkli"),
        ("fˈɔɹm", "ers", "fˈɔɹməɹz"),
    ],
)
def test_suffixes_follow_the_sound_of_the_stem(stem: str, suffix: str, whole: str) -> None:
    assert with_suffix(stem, suffix) == whole


def test_a_numbered_string_tells_every_unit_and_its_place_again_from_nought_after_64() -> None:
    read = "ðə kwˈɪk, " * 9 + "!"
    said = numbered(read)
    assert len(said) == len(units(read)) > NUMBERS
    codes = [ord(c) - FIRST_NUMBERED for c in said]
    assert [UNITS[code // NUMBERS] for code in codes] == units(read)
    assert [code % NUMBERS for code in codes] == [i % NUMBERS for i in range(len(codes))]
    assert all(c.isalpha() for c in said)  # a tokenizer that splits words from marks leaves them together


@pytest.mark.parametrize("nothing", ["", " ", "?!", ", ."])
def test_nothing_to_say_stays_nothing_to_say(nothing: str) -> None:
    assert numbered(nothing) == nothing


def test_the_numbered_front_end_reads_as_the_plain_one(tmp_path: Path) -> None:
    lexicon = {"cat": "kˈæt"} | {c: c.lower() for c in LETTERS}
    plain, told = MisakiFrontend(lexicon), NumberedFrontend(lexicon)
    for text in ("The cat!", "cat, cat", ""):
        assert told(text) == numbered(plain(text))
        assert told.of_spoken(text) == numbered(plain.of_spoken(text))
    assert told.spoken("cat") == plain.spoken("cat")


def test_words_come_from_the_lexicon_a_suffix_or_their_letters() -> None:
    frontend = MisakiFrontend({"cat": "kˈæt", "sit": "sˈɪt"} | {c: c.lower() for c in LETTERS})
    assert frontend("Cats sit.") == "kˈæts sˈɪt."
    assert frontend("cat zyxwab") == f"kˈæt {spelled('zyxwab')}"
    assert spelled("zyxwab") == "".join(SPELLING[c] for c in "ZYXWAB")
    assert spelled("né-日") == SPELLING["N"]


def test_a_lexicon_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "lexicon.txt.gz").write_bytes(gzip.compress("cat kˈæt\n".encode()))
    assert load(tmp_path)("cat!") == "kˈæt!"
    (tmp_path / "lexicon.txt.gz").write_bytes(gzip.compress(b"cat\n"))
    with pytest.raises(ValueError, match="line 1"):
        load(tmp_path)


def test_every_sound_that_a_writer_may_give_is_a_unit() -> None:
    """``[word](/phones/)`` and ``words add --phones`` take the whole International Phonetic Alphabet that we know."""
    for sound in (*phones._VOWELS, *phones._CONSONANTS):
        said = NumberedFrontend({}).of_spoken(f"[word](/ˈ{sound}t/)")
        assert len(said) == len(units(phones.to_misaki(f"ˈ{sound}t"))) > 1
