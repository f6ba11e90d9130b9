"""The lexicon, asked of a phonemizer word by word; common words as they sound inside sentences."""

from __future__ import annotations

from pathlib import Path

from fishvoiced.text.english import read_lexicon
from tools.starter_voice import lexicon
from tools.starter_voice.source import Source


def test_words_sound_as_most_often_in_sentences_or_else_alone() -> None:
    phonemize = Source().phonemize
    alone = lexicon.build(phonemize, ["to", "cat"], [])
    among = lexicon.build(phonemize, ["to", "cat"], ["We go to the shop."] * lexicon.USUAL_FROM)
    assert alone["to"] == "tu"
    assert among["to"] == "tə"
    assert alone["cat"] == among["cat"] == "kˈæt"


def test_letters_are_their_names_and_two_words_or_nothing_are_left_out() -> None:
    built = lexicon.build(Source().phonemize, ["cat's", "日本", "a b"], [])
    assert built["A"] == "ˈA"
    assert built["W"].startswith("dˈʌb")
    assert len(built) == 27
    assert built["cat's"] == "kˈæts"


def test_the_same_lexicon_gives_the_same_bytes_and_reads_back(tmp_path: Path) -> None:
    table = {"cat": "kˈæt", "A": "ˈA"}
    for name in ("one", "two"):
        lexicon.save(table, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert read_lexicon(tmp_path / "one") == table
