"""The judge itself: the source, judged as if it were the voice, is as good as the source."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("faster_whisper")
pytest.importorskip("speechmos")

from tools.starter_voice import evaluate, lexicon
from tools.starter_voice.say import Samples, SourceVoice
from tools.starter_voice.source import Source

TEXTS = ["The cat slept on the warm chair by the fire.", "Please open the window."]
WORDS = {*["the", "cat", "slept", "on", "warm", "chair", "by", "fire", "please", "open", "window", "yes", "no", "stop"]}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> SourceVoice:
    folder = tmp_path_factory.mktemp("voice")
    lexicon.save(lexicon.build(Source().phonemize, WORDS, []), folder / "lexicon.txt.gz")
    return SourceVoice(folder)


class Half:
    """Says the first half only."""

    def __init__(self, voice: SourceVoice) -> None:
        self.voice, self.rate = voice, voice.rate

    def __call__(self, text: str, seed: int) -> Samples:
        samples = self.voice(text, seed)
        return samples[: len(samples) // 2]


@pytest.fixture(autouse=True)
def _few_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "CHARACTERS", ("a", "b", "q"))
    monkeypatch.setattr(evaluate, "SHORT_WORDS", ("yes", "no", "stop"))


def test_the_source_is_as_good_as_itself(source: SourceVoice, tmp_path: Path) -> None:
    report = evaluate.evaluate(source, source, TEXTS, 1, tmp_path)
    assert report.wer == report.source_wer <= 0.1
    assert report.p808 == report.source_p808 > 3.5
    assert (report.dropped_or_repeated, report.silence_over_limit) == (0, 0)
    assert (report.characters, report.short_words, report.wrong) == (1, 1, [])
    assert json.loads((tmp_path / "report.json").read_text())["sentences"] == 2
    assert (tmp_path / "worst_0.wav").stat().st_size > 10_000


def test_half_a_sentence_is_found_out(source: SourceVoice, tmp_path: Path) -> None:
    report = evaluate.evaluate(Half(source), source, TEXTS, 1, tmp_path)
    assert report.dropped_or_repeated == 2
    assert report.wer > 0.3


def test_a_word_that_the_source_cannot_read_is_said_clearly(source: SourceVoice) -> None:
    with pytest.raises(ValueError, match="zyxwab"):
        source("the zyxwab", 0)
