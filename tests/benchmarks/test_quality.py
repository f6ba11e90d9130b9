"""8-bit weights choose as float32 does, on the voice that ships: the quick part of ``python -m benchmarks.quality``."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.quality import (
    LEAST_AGREEMENT,
    SENTENCES,
    Figures,
    Forced,
    agreement,
    misses,
    prompts,
    shipped_sampling,
    spoken,
)
from fishvoiced.backends.fish.convert.importer import import_checkpoint
from fishvoiced.backends.fish.engine.onnx_engine import OnnxEngine
from fishvoiced.backends.fish.store.catalog import STARTER_FOLDER
from fishvoiced.backends.fish.store.models import FAST, SLOW, ConvertedModel, ModelStore
from fishvoiced.backends.onnx_sessions import Runtime

LEAST_CODES = 0.85
"""In all codebooks, of two sentences: they scatter around what all of them have, 92 %."""


@pytest.fixture(scope="module")
def starter() -> ConvertedModel:
    (folder,) = (STARTER_FOLDER / "converted").iterdir()
    return ConvertedModel.open(folder)


@pytest.fixture(scope="module")
def int8(tmp_path_factory: pytest.TempPathFactory) -> ConvertedModel:
    return import_checkpoint(STARTER_FOLDER, ModelStore(tmp_path_factory.mktemp("int8")), "int8", "int8")


def test_int8_finds_the_same_codes_likeliest(starter: ConvertedModel, int8: ConvertedModel) -> None:
    begin = starter.tokenizer().semantic_begin
    engine = OnnxEngine(starter, "fp16", "fp16", Runtime(threads=1))  # float16 on disk, float32 arithmetic
    read = prompts(starter, SENTENCES[:2])
    said = [spoken(engine, prompt, shipped_sampling(starter), 1) for prompt in read]
    exact = Forced(starter.graph(SLOW, "fp16"), starter.graph(FAST, "fp16"), begin)
    rounded = Forced(int8.graph(SLOW, "int8"), int8.graph(FAST, "int8"), begin)
    wanted = [exact(*each) for each in zip(read, said, strict=True)]
    found = [rounded(*each) for each in zip(read, said, strict=True)]
    assert sum(codes.shape[1] for codes in said) > 40
    semantic, codes = agreement(wanted, found)
    assert semantic >= LEAST_AGREEMENT
    assert codes >= LEAST_CODES
    # The measure is not content with anything: told another past, the exact model itself chooses otherwise.
    other = [exact(prompt, np.roll(codes, 7, axis=1)) for prompt, codes in zip(read, said, strict=True)]
    assert agreement(wanted, other)[0] < LEAST_AGREEMENT


def test_a_precision_that_misses_its_bar_is_named() -> None:
    exact, good = Figures("fp32", 1.0, 1.0, 0.30), Figures("int8", 0.95, 0.9, 0.31)
    assert misses([exact, good, Figures("int4", 0.8, 0.6, 0.30)], 0.1) == []
    assert misses([exact, good, Figures("int4", 0.8, 0.6, 0.32)], 0.1) == [
        "int4 has 2.0% more word errors than float32"
    ]
    assert "int8" in misses([exact, Figures("int8", 0.89, 0.9, 0.3), Figures("int4", 0.8, 0.6)], 0.1)[0]
    assert "0.16" in misses([exact, good, Figures("int4", 0.8, 0.6, 0.30)], 0.16)[0]
