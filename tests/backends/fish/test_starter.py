"""The voice that ships: it is the one it says it is, speaks by default, and ends when its text ends."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from fishvoiced import UniversalFishSpeechOptimizer
from fishvoiced.backends.fish import frontends
from fishvoiced.backends.fish.checkpoint.folder import recognize
from fishvoiced.backends.fish.config import ModelConfig
from fishvoiced.backends.fish.convert.importer import checkpoint_hash
from fishvoiced.backends.fish.engine.select import EngineChoice, open_engine
from fishvoiced.backends.fish.renderer import SLOWEST_CHARACTERS_PER_SECOND, SPARE_SECONDS
from fishvoiced.backends.fish.store.catalog import STARTER, STARTER_FOLDER, Catalog, user_models, user_voices
from fishvoiced.backends.fish.store.models import ConvertedModel
from fishvoiced.backends.fish.store.parts import is_whole
from fishvoiced.config import Config
from fishvoiced.hardware.detect.collect import collect
from fishvoiced.text.english import LEXICON_FILE
from tools.starter_voice.metrics import Samples, nearest_names

SENTENCES = (
    "The weather is nice today, and we are going for a walk.",
    "Please open the window before you leave the house.",
    "She paid $12.50 on May 3rd, 2021.",
    "OK",
    "a",
    "7",
)

WORDS = ["yes", "no", "left", "right", "open", "close", "window", "button", "seven", "nine", "heading", "escape"]


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FISHVOICE_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="module")
def starter() -> ConvertedModel:
    (folder,) = (STARTER_FOLDER / "converted").iterdir()
    return ConvertedModel.open(folder)


def test_the_graphs_come_from_the_checkpoint_beside_them(starter: ConvertedModel) -> None:
    config = ModelConfig.from_checkpoint(STARTER_FOLDER)
    assert starter.config == config
    assert starter.checkpoint_hash == checkpoint_hash(recognize(STARTER_FOLDER))
    assert all(is_whole(part) for part in starter.folder.iterdir())
    assert starter.source is not None
    assert starter.source.resolve() == STARTER_FOLDER


def test_it_is_small_enough_to_ship(starter: ConvertedModel) -> None:
    """Packed as a wheel packs it: tables of what is never said are zeros."""
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in starter.folder.rglob("*.*"):
            packed.write(file)
    assert len(wheel.getvalue()) <= 25_000_000


def test_it_is_the_default_voice() -> None:
    catalog = Catalog(user_models(), user_voices())
    assert catalog.choose(None).model.name == STARTER
    (info,) = catalog.infos()
    assert info.default
    assert info.language == "en"
    assert info.sample_rate is not None
    assert info.sample_rate >= 16000


@pytest.mark.parametrize("text", SENTENCES)
def test_it_speaks_and_ends_by_itself(text: str) -> None:
    speaker = UniversalFishSpeechOptimizer(settings=Config(voice=STARTER))
    for seed in (1, 2):
        audio, rate, metrics = speaker.synthesize(text, seed=seed)
        assert np.sqrt(np.mean(audio**2)) > 0.01, "silence"
        limit = SPARE_SECONDS + len(text) / SLOWEST_CHARACTERS_PER_SECOND
        assert metrics["audio_seconds"] < 0.8 * limit, "it babbled until it was cut off"
        assert len(audio) / rate > 0.15


def test_words_sound_like_those_of_another_voice() -> None:
    """Each is likest the same word of the light voice, of all the words."""
    said: dict[str, dict[str, Samples]] = {}
    for voice in (STARTER, "heart"):
        speaker = UniversalFishSpeechOptimizer(settings=Config(voice=voice))
        said[voice] = {word: np.asarray(speaker.synthesize(word, seed=1)[0], np.float32) for word in WORDS}
    found = nearest_names(said[STARTER], said["heart"], 24000)
    assert sum(word == likest for word, likest in found.items()) >= len(WORDS) - 1, found


def test_pytorch_begins_with_the_same_codes(starter: ConvertedModel) -> None:
    """The shipped graphs are quantized, so a code may differ here and there; a wrong graph agrees in none."""
    from fishvoiced.backends.fish.prompt import build_prompt
    from fishvoiced.backends.fish.types import SamplingOptions

    assert starter.config.frontend is not None
    frontend = frontends.load(starter.config.frontend, starter.asset(LEXICON_FILE))
    greedy = SamplingOptions(temperature=1.0, top_p=0.0, repetition_penalty=1.0)
    first: dict[str, list[int]] = {}
    for name in ("onnx", "torch"):
        engine, notice = open_engine(starter, EngineChoice(name=name, lm_precision="int8"), collect())
        assert notice is None
        books = engine.config.dual_ar.num_codebooks
        prompts = [build_prompt(engine.tokenizer, books, frontend(text), []) for text in SENTENCES]
        first[name] = [int(next(iter(engine.generate(prompt, greedy, 0, 2)))[0, 0]) for prompt in prompts]
    agreed = sum(a == b for a, b in zip(first["onnx"], first["torch"], strict=True))
    assert agreed >= len(SENTENCES) // 2
