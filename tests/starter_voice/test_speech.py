"""From text to aligned utterances: what the voice reads is what the source says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fishvoiced.text.misaki import MisakiFrontend, spelled, units
from tools.starter_voice import speech
from tools.starter_voice.source import FRAME, RATE, Source

LEXICON = {"the": "ðə", "apple": "ˈæpᵊl", "red": "ɹˈɛd", "cat": "kˈæt", "A": "ˈA", "B": "bˈi", "i": "ˈI", "see": "sˈi"}


@pytest.fixture(scope="module")
def source() -> Source:
    return Source()


@pytest.fixture
def frontend() -> MisakiFrontend:
    return MisakiFrontend(LEXICON)


def test_a_line_is_read_as_the_front_end_reads_it(source: Source, frontend: MisakiFrontend) -> None:
    line = speech.read(source, frontend, "sentence", "The red cat, B.", as_sentence=False)
    assert line is not None
    assert line.phonemes == frontend("The red cat, B.")
    assert ("kˈæt", spelled("cat")) in line.words


def test_in_a_sentence_words_may_sound_otherwise(source: Source, frontend: MisakiFrontend) -> None:
    alone = speech.read(source, frontend, "sentence", "I see the apple.", as_sentence=False)
    joined = speech.read(source, frontend, "sentence", "I see the apple.", as_sentence=True)
    assert alone is not None
    assert joined is not None
    assert "ðə ˈæpᵊl" in alone.phonemes
    assert "ði ˈæpᵊl" in joined.phonemes
    assert joined.phonemes.endswith(".")
    assert [word for _, word in joined.words] == [word for _, word in alone.words]


def test_a_letter_stays_a_letter_in_a_sentence(source: Source, frontend: MisakiFrontend) -> None:
    line = speech.read(source, frontend, "keys", "A, B", as_sentence=True)
    assert line is not None
    assert line.phonemes == "ˈA, bˈi"


def test_a_word_that_only_its_spelling_gives_is_not_spoken(source: Source, frontend: MisakiFrontend) -> None:
    assert speech.read(source, frontend, "short", "the zyxwab", as_sentence=False) is None


def test_every_unit_has_its_end_and_the_sound_covers_them(source: Source, frontend: MisakiFrontend) -> None:
    line = speech.read(source, frontend, "short", "the cat", as_sentence=False)
    assert line is not None
    spoken = speech.speak(source, line, 0, with_samples=True)
    assert spoken.samples is not None
    assert len(spoken.samples) == spoken.frames * FRAME
    assert [len(ends) for _, _, ends in spoken.words] == [len(units(symbols)) for symbols, _ in line.words]
    every = [end for _, _, ends in spoken.words for end in ends]
    assert every == sorted(every)
    assert every[-1] <= len(spoken.samples) / RATE
    assert np.abs(spoken.samples).max() > 3000


def test_shards_read_back_go_on_where_they_stopped_and_only_the_first_keep_sound(
    source: Source, frontend: MisakiFrontend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech, "SHARD", 2)
    monkeypatch.setattr(speech, "AS_SENTENCE", 0)
    lines = [("short", "red cat"), ("keys", "B"), ("short", "the cat."), ("short", "the unsayable zyxwab")]
    speech.make(source, frontend, lines, tmp_path, with_samples=1)
    first, second = sorted(tmp_path.glob("*.npz"))
    assert speech.has_sound(first)
    assert not speech.has_sound(second)
    red, letter = speech.read_shard(first)
    assert (red.kind, red.text, letter.text) == ("short", "red cat", "B")
    assert letter.samples is not None
    assert len(letter.samples) == letter.frames * FRAME
    (cat,) = speech.read_shard(second)
    assert cat.samples is None
    assert "".join(symbols for symbols, _, _ in cat.words) == "ðə kˈæt."

    before = first.stat().st_mtime_ns
    second.unlink()
    speech.make(source, frontend, lines, tmp_path, with_samples=1)
    assert first.stat().st_mtime_ns == before
    assert [one.text for one in speech.read_shard(second)] == ["the cat."]


def test_the_same_line_is_spoken_the_same_again(source: Source, frontend: MisakiFrontend, tmp_path: Path) -> None:
    for name in ("a", "b"):
        speech.make(source, frontend, [("short", "red apple")], tmp_path / name, with_samples=1)
    one, other = (next(speech.read_shard(tmp_path / name / "0000.npz")) for name in ("a", "b"))
    assert one.words == other.words
    assert np.array_equal(one.samples, other.samples)
