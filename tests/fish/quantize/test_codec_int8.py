"""The decoder in 8 bits: as good as promised on a voice that speaks, in ONNX Runtime as in torch, block by block."""

from __future__ import annotations

import math
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from fishvoiced.errors import CheckpointError
from fishvoiced.fish.convert import export, importer, sample_speech
from fishvoiced.fish.convert.importer import import_checkpoint, write_graph
from fishvoiced.fish.engine.onnx_engine import OnnxDecoder
from fishvoiced.fish.engine.select import available
from fishvoiced.fish.network import checkpoint as checkpoints
from fishvoiced.fish.quantize import codec_int8, qparams
from fishvoiced.fish.store.catalog import STARTER_FOLDER
from fishvoiced.fish.store.models import DECODER, ConvertedModel, ModelStore
from fishvoiced.onnx_sessions import Runtime, Session
from tools.starter_voice.mel import log_mel

FARTHEST = 0.15
"""Mean absolute difference of natural-log mel magnitudes."""
UNSEEN = (
    "The weather is nice today.",
    "Please open the window before you go.",
    "There are many people waiting outside the door.",
    "The children played in the garden until dark.",
    "She bought three apples and a bottle of milk.",
    "The train leaves at seven in the morning.",
    "He wrote a long letter to his brother.",
    "I would like a cup of coffee with sugar.",
)


@pytest.fixture(scope="module")
def starter() -> checkpoints.Checkpoint:
    return checkpoints.load(STARTER_FOLDER)


@pytest.fixture(scope="module")
def rounded(starter: checkpoints.Checkpoint) -> checkpoints.Checkpoint:
    return importer.rounded(starter, lambda: sample_speech.speak(starter, STARTER_FOLDER), DECODER, "int8")


@pytest.fixture(scope="module")
def speech(starter: checkpoints.Checkpoint) -> torch.Tensor:
    """Codes of sentences that the scales were not fitted to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sample_speech, "SENTENCES", UNSEEN)
        patch.setattr(sample_speech, "FRAMES", 60)
        return sample_speech.typical_codes(sample_speech.speak(starter, STARTER_FOLDER))


@pytest.fixture(scope="module")
def graph(rounded: checkpoints.Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("int8")
    write_graph(export.trace(DECODER, rounded), "int8", folder, DECODER)
    return folder / "decoder.onnx"


@pytest.fixture(scope="module")
def session(graph: Path) -> Session:
    return Session(graph, Runtime(threads=1, spinning=False))


@pytest.fixture(scope="module")
def unpacked(rounded: checkpoints.Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Session:
    """The same decoder, with the products before it left in float32, as torch has them."""
    folder = tmp_path_factory.mktemp("unpacked")
    write_graph(export.trace(DECODER, rounded), "fp32", folder, DECODER)
    return Session(folder / "decoder.onnx", Runtime(threads=1, spinning=False))


def sound(session: Session, loaded: checkpoints.Checkpoint, codes: torch.Tensor, *blocks: int) -> torch.Tensor:
    decoder = OnnxDecoder(session, loaded.config.codec.frame_samples)
    parts = torch.split(codes[0], list(blocks) or codes.shape[2], dim=1)
    return torch.from_numpy(np.concatenate([decoder.decode(part.numpy()) for part in parts]))


def loudness_over_error(wanted: torch.Tensor, got: torch.Tensor) -> float:
    """Decibels."""
    return float(10 * torch.log10(wanted.square().mean() / (wanted - got).square().mean()))


def test_speech_sounds_as_in_float32(starter: checkpoints.Checkpoint, session: Session, speech: torch.Tensor) -> None:
    with torch.inference_mode():
        wanted = starter.codec.decode(speech)[0, 0]
    got = sound(session, starter, speech)
    rate = starter.config.codec.sample_rate
    distance = float((log_mel(wanted, rate) - log_mel(got, rate)).abs().mean()) * math.log(10)
    error = loudness_over_error(wanted, got)
    print(f"int8 decoder, {speech.shape[2]} frames: log-mel distance {distance:.3f}, error {error:.1f} dB below speech")
    assert wanted.std() > 0.02
    assert distance <= FARTHEST
    assert error > 25


def test_onnx_runtime_and_torch_round_alike(
    rounded: checkpoints.Checkpoint, unpacked: Session, speech: torch.Tensor
) -> None:
    with torch.inference_mode():
        wanted = rounded.codec.decode(speech)[0, 0]
    # Not to the bit: float32 sums differ in their last one, and a value between two levels may fall to the other.
    assert loudness_over_error(wanted, sound(unpacked, rounded, speech)) > 50


def test_blocks_join_as_one(rounded: checkpoints.Checkpoint, session: Session, speech: torch.Tensor) -> None:
    whole = sound(session, rounded, speech)
    rest = speech.shape[2] - 15
    assert loudness_over_error(whole, sound(session, rounded, speech, 1, 1, 2, 3, 8, rest)) > 33


def test_all_convolutions_but_the_last_are_in_int8(starter: checkpoints.Checkpoint, graph: Path) -> None:
    counts = Counter(node.op_type for node in onnx.load(graph, load_external_data=False).graph.node)
    rates = len(starter.config.codec.decoder_rates)
    assert counts["QLinearConv"] == 3 * rates
    assert counts["MatMulIntegerToFloat"] == 1 + 4 * rates
    assert counts["GatherElements"] == 7 * rates + 1
    assert counts["Conv"] == 2  # the depthwise ones behind the quantizer
    assert counts["Cos"] == 0


def test_scales_that_see_less_are_worse(
    starter: checkpoints.Checkpoint, rounded: checkpoints.Checkpoint, speech: torch.Tensor
) -> None:
    """The scales really come from what was observed: two frames are too few."""
    narrow = codec_int8.in_int8(starter.codec, qparams.observe(starter.codec, speech[:, :, :2]))
    with torch.inference_mode():
        wanted = starter.codec.decode(speech)
        errors = [loudness_over_error(wanted, codec.decode(speech)) for codec in (rounded.codec, narrow)]
    assert errors[0] > errors[1] + 3


def test_a_model_that_says_nothing_is_refused(starter: checkpoints.Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample_speech, "FRAMES", 0)
    with pytest.raises(CheckpointError, match="--codec-precision fp32"):
        sample_speech.speak(starter, STARTER_FOLDER)


def test_int8_is_a_part_of_its_own_and_found(tiny_checkpoint: Path, tiny_model: ConvertedModel, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_model.folder, tmp_path / "models" / tiny_model.folder.name)
    model = import_checkpoint(tiny_checkpoint, ModelStore(folder.parent), "fp32", "int8")
    assert model.folder == folder
    assert {"fp32", "int8"} <= set(model.precisions(DECODER))
    assert available(model, DECODER, "int8") == "int8"
    part = model.graph(DECODER, "int8").parent
    size, full = (sum(f.stat().st_size for f in p.iterdir()) for p in (part, part.with_name("decoder-fp32")))
    assert size < full
