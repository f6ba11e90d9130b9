"""From flite's report to aligned utterances."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from fishvoiced.text.english import Pronounced
from tools.starter_voice import flite, speech

LINE = "12160 16000\t- pau:0:0.2000\tdh:0:0.0400 ax:0:0.1200\tk:1:0.2000 ae:1:0.3200 t:1:0.6400\t- pau:0:0.9000\n"
PIECES = [Pronounced(0, 3, "the", "ðə"), Pronounced(4, 7, "cat", "kǽt"), Pronounced(7, 8, ".", ".")]


def utterance(line: str = LINE) -> flite.Utterance:
    count, tokens = flite.parse(line)
    rows = np.zeros((count // flite.ROW_SAMPLES, flite.CHANNELS), np.float32)
    return flite.Utterance(np.arange(count, dtype=np.int16), tokens, rows)


def test_parse_gives_symbols_with_stress_and_ends() -> None:
    count, tokens = flite.parse(LINE)
    assert count == 12160
    assert [t.symbols for t in tokens] == ["", "ðə", "kǽt", ""]
    assert tokens[2].ends == (0.2, 0.32, 0.64)
    assert tokens[0].is_pause


def test_an_unknown_phone_is_an_error() -> None:
    with pytest.raises(KeyError):
        flite.parse("0 0\tqq:0:0.1\n")


def test_words_get_the_ends_of_their_phones() -> None:
    one = speech.align(PIECES, utterance(), "sentence", "the cat.")
    assert one is not None
    assert [w[0] for w in one.words] == ["ðə", "kǽt", "."]
    assert one.words[1][1] == "CAT"
    assert [w[2] for w in one.words] == [(0.04, 0.12), (0.2, 0.32, 0.64), (0.64,)]
    assert len(one.rows) * flite.ROW_SAMPLES == len(one.samples)


def test_a_word_of_other_length_shares_its_time_evenly() -> None:
    pieces = [PIECES[0], Pronounced(4, 7, "cat", "kǽǽt"), PIECES[2]]
    one = speech.align(pieces, utterance(), "sentence", "the cat.")
    assert one is not None
    assert one.words[1][2] == pytest.approx((0.25, 0.38, 0.51, 0.64))


@pytest.mark.skipif(not Path("/usr/include/flite/flite.h").exists() or not shutil.which("cc"), reason="flite1-dev")
def test_the_source_speaks_on_the_grid(tmp_path: Path) -> None:
    program = flite.build(tmp_path)
    (plain,) = flite.speak(program, ["Good morning, Tom."], tmp_path / "scratch")
    (one,) = flite.speak_on_grid(program, ["Good morning, Tom."], tmp_path / "scratch")
    assert [t.symbols for t in one.tokens] == [t.symbols for t in plain.tokens]
    ends = [end for token in one.tokens[1:-1] for end in token.ends]
    assert [round(end / 0.04) * 0.04 for end in ends] == pytest.approx(ends, abs=1e-4)
    assert (np.diff([0, *ends]) > 0.039).all()
    assert one.rows is not None
    assert len(one.samples) == len(one.rows) * flite.ROW_SAMPLES == round((ends[-1] + 0.12) * flite.RATE)
    moved = [
        old - new
        for t, u in zip(plain.tokens[1:-1], one.tokens[1:-1], strict=True)
        for old, new in zip(t.ends, u.ends, strict=True)
    ]
    assert max(moved) - min(moved) < 0.12
    assert np.abs(one.samples).max() > 3000
    assert not (tmp_path / "scratch").exists()


@pytest.mark.parametrize("pieces", [PIECES[:1], [*PIECES[:2], *PIECES[:1]], []])
def test_readings_that_differ_are_refused(pieces: list[Pronounced]) -> None:
    assert speech.align(pieces, utterance(), "sentence", "the cat.") is None


def test_a_shard_reads_back_as_written(tmp_path: Path, shard: Path) -> None:
    first, second = list(speech.read_shard(shard))[:2]
    assert first.kind == "keys"
    assert first.words[0][0] == "ab"
    assert len(second.samples) % speech.FRAME == 0
