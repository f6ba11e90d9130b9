"""From flite's report to aligned utterances."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fishvoiced.text.english import Pronounced
from tools.starter_voice import flite, speech

LINE = "16000 16000\t- pau:0:0.2000\tdh:0:0.2500 ax:0:0.3000\tk:1:0.4000 ae:1:0.5000 t:1:0.6000\t- pau:0:0.9000\n"
PIECES = [Pronounced(0, 3, "the", "ðə"), Pronounced(4, 7, "cat", "kǽt"), Pronounced(7, 8, ".", ".")]


def utterance(line: str = LINE) -> flite.Utterance:
    count, tokens = flite.parse(line)
    return flite.Utterance(np.arange(count, dtype=np.int16), tokens)


def test_parse_gives_symbols_with_stress_and_ends() -> None:
    count, tokens = flite.parse(LINE)
    assert count == 16000
    assert [t.symbols for t in tokens] == ["", "ðə", "kǽt", ""]
    assert tokens[2].ends == (0.4, 0.5, 0.6)
    assert tokens[0].is_pause


def test_an_unknown_phone_is_an_error() -> None:
    with pytest.raises(KeyError):
        flite.parse("0 0\tqq:0:0.1\n")


def test_silence_is_trimmed_and_time_counts_from_the_cut() -> None:
    one = speech.align(PIECES, utterance(), "sentence", "the cat.")
    assert one is not None
    assert len(one.samples) % speech.FRAME == 0
    assert one.samples[0] == int((0.2 - speech.LEAD) * flite.RATE)
    assert len(one.samples) / flite.RATE == pytest.approx(0.4 + speech.LEAD + speech.TAIL, abs=0.04)
    assert [w[0] for w in one.words] == ["ðə", "kǽt", "."]
    assert one.words[1][1] == "CAT"
    assert one.words[1][2] == pytest.approx((0.23, 0.33, 0.43))


def test_a_word_of_other_length_shares_its_time_evenly() -> None:
    pieces = [PIECES[0], Pronounced(4, 7, "cat", "kǽǽt"), PIECES[2]]
    one = speech.align(pieces, utterance(), "sentence", "the cat.")
    assert one is not None
    assert np.diff(one.words[1][2]) == pytest.approx([0.075] * 3)


@pytest.mark.parametrize("pieces", [PIECES[:1], [*PIECES[:2], *PIECES[:1]], []])
def test_readings_that_differ_are_refused(pieces: list[Pronounced]) -> None:
    assert speech.align(pieces, utterance(), "sentence", "the cat.") is None


def test_a_shard_reads_back_as_written(tmp_path: Path, shard: Path) -> None:
    first, second = list(speech.read_shard(shard))[:2]
    assert first.kind == "keys"
    assert first.words[0][0] == "ab"
    assert len(second.samples) % speech.FRAME == 0
