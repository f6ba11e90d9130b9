"""What is read from disk is checked before it is used, and only then: an engine's parts, and the encoder."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from fishvoiced.backends.fish.engine.onnx_engine import OnnxEngine
from fishvoiced.backends.fish.store.models import ConvertedModel
from fishvoiced.backends.onnx_sessions import Runtime
from fishvoiced.errors import ModelStoreError


@pytest.fixture
def copy(tiny_model: ConvertedModel, tmp_path: Path) -> ConvertedModel:
    return ConvertedModel.open(shutil.copytree(tiny_model.folder, tmp_path / tiny_model.folder.name))


def load(model: ConvertedModel) -> OnnxEngine:
    return OnnxEngine(model, "fp32", "fp32", Runtime(threads=1, spinning=False))


def damage(file: Path) -> None:
    """One bit in the middle."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize(
    "file", ["language-fp32/slow.weights", "language-fp32/fast.onnx", "decoder-fp32/decoder.weights"]
)
def test_an_engine_refuses_a_damaged_part(copy: ConvertedModel, file: str) -> None:
    damage(copy.folder / file)
    with pytest.raises(ModelStoreError, match=r"damaged.*; remove the model .* and import"):
        load(copy)


def test_the_encoder_is_checked_when_a_recording_is_read(copy: ConvertedModel) -> None:
    audio = np.zeros(copy.config.codec.frame_samples * 2, np.float32)
    engine = load(copy)
    assert engine.encode(audio).shape == (copy.config.dual_ar.num_codebooks, 2)
    damage(copy.folder / "encoder-fp32" / "encoder.weights")
    with pytest.raises(ModelStoreError, match="damaged"):
        load(copy).encode(audio)
