"""The decoder in 8 bits: as good as promised on a voice that speaks, and block by block."""

from __future__ import annotations

import math
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from fishvoiced.backends.fish.checkpoint.folder import recognize
from fishvoiced.backends.fish.convert import sample_speech
from fishvoiced.backends.fish.convert.decoder import write_decoder
from fishvoiced.backends.fish.convert.decoder_int8 import Int8Sound, observe
from fishvoiced.backends.fish.convert.graph import Graph
from fishvoiced.backends.fish.convert.importer import Conversion, import_checkpoint
from fishvoiced.backends.fish.engine.onnx_engine import OnnxDecoder
from fishvoiced.backends.fish.engine.select import available
from fishvoiced.backends.fish.network import checkpoint as checkpoints
from fishvoiced.backends.fish.store.catalog import STARTER_FOLDER
from fishvoiced.backends.fish.store.models import DECODER, ConvertedModel, ModelStore
from fishvoiced.backends.fish.types import Codes
from fishvoiced.backends.onnx_sessions import Runtime, Session
from fishvoiced.errors import CheckpointError
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
def conversion() -> Conversion:
    checkpoint = recognize(STARTER_FOLDER)
    return Conversion(checkpoint, checkpoint.config)


@pytest.fixture(scope="module")
def speaker(conversion: Conversion, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("speaker")
    sample_speech.write_speaker(folder, conversion.language, conversion.config, conversion.tokenizer)
    return folder


def said(conversion: Conversion, speaker: Path) -> Codes:
    sentences = sample_speech.speak(
        speaker, conversion.config, conversion.tokenizer, conversion.frontend(), conversion.runtime
    )
    return sample_speech.typical_codes(sentences)


@pytest.fixture(scope="module")
def speech(conversion: Conversion, speaker: Path) -> Codes:
    """Codes of sentences that the scales were not fitted to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sample_speech, "ENGLISH", UNSEEN)
        patch.setattr(sample_speech, "FRAMES", 60)
        return said(conversion, speaker)


def decoder(conversion: Conversion, codes: Codes, folder: Path) -> Path:
    """The graph of a decoder that is fitted to ``codes``."""
    spans = observe(conversion.codec, conversion.config.codec, codes, folder, conversion.runtime)
    with Graph(folder, "decoder", "int8") as graph:
        write_decoder(graph, conversion.codec, conversion.config.codec, Int8Sound(spans))
    return folder / "decoder.onnx"


@pytest.fixture(scope="module")
def graph(conversion: Conversion, speaker: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return decoder(conversion, said(conversion, speaker), tmp_path_factory.mktemp("int8"))


@pytest.fixture(scope="module")
def session(graph: Path) -> Session:
    return Session(graph, Runtime(threads=1, spinning=False))


@pytest.fixture(scope="module")
def exact(starter: checkpoints.Checkpoint, speech: Codes) -> torch.Tensor:
    """What torch makes of the speech in float32."""
    with torch.inference_mode():
        return starter.codec.decode(torch.from_numpy(speech)[None])[0, 0]


def sound(session: Session, loaded: checkpoints.Checkpoint, codes: Codes, *blocks: int) -> torch.Tensor:
    decoder = OnnxDecoder(session, loaded.config.codec.frame_samples)
    parts = np.split(codes, np.cumsum(blocks)[:-1], axis=1) if blocks else [codes]
    return torch.from_numpy(np.concatenate([decoder.decode(part) for part in parts]))


def loudness_over_error(wanted: torch.Tensor, got: torch.Tensor) -> float:
    """Decibels."""
    return float(10 * torch.log10(wanted.square().mean() / (wanted - got).square().mean()))


def test_speech_sounds_as_in_float32(
    starter: checkpoints.Checkpoint, session: Session, speech: Codes, exact: torch.Tensor
) -> None:
    got = sound(session, starter, speech)
    rate = starter.config.codec.sample_rate
    distance = float((log_mel(exact, rate) - log_mel(got, rate)).abs().mean()) * math.log(10)
    error = loudness_over_error(exact, got)
    print(f"int8 decoder, {speech.shape[1]} frames: log-mel distance {distance:.3f}, error {error:.1f} dB below speech")
    assert exact.std() > 0.02
    assert distance <= FARTHEST
    assert error > 25


def test_blocks_join_as_one(starter: checkpoints.Checkpoint, session: Session, speech: Codes) -> None:
    whole = sound(session, starter, speech)
    rest = speech.shape[1] - 15
    assert loudness_over_error(whole, sound(session, starter, speech, 1, 1, 2, 3, 8, rest)) > 33


def test_all_convolutions_but_the_last_are_in_int8(starter: checkpoints.Checkpoint, graph: Path) -> None:
    counts = Counter(node.op_type for node in onnx.load(graph, load_external_data=False).graph.node)
    rates = len(starter.config.codec.decoder_rates)
    assert counts["QLinearConv"] == 3 * rates
    assert counts["MatMulIntegerToFloat"] == 1 + 4 * rates
    assert counts["GatherElements"] == 7 * rates + 1
    assert counts["Conv"] == 2  # the depthwise ones behind the quantizer
    assert counts["Cos"] == 0


def test_scales_that_see_less_are_worse(
    conversion: Conversion,
    starter: checkpoints.Checkpoint,
    session: Session,
    speech: Codes,
    exact: torch.Tensor,
    tmp_path: Path,
) -> None:
    """The scales really come from what was observed: two frames are too few."""
    narrow = Session(decoder(conversion, speech[:, :2], tmp_path), Runtime(threads=1))
    errors = [loudness_over_error(exact, sound(each, starter, speech)) for each in (session, narrow)]
    assert errors[0] > errors[1] + 3


def test_a_model_that_says_nothing_is_refused(
    conversion: Conversion, speaker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample_speech, "FRAMES", 0)
    with pytest.raises(CheckpointError, match="--codec-precision fp32"):
        said(conversion, speaker)


def test_int8_is_a_part_of_its_own_and_found(tiny_checkpoint: Path, tiny_model: ConvertedModel, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_model.folder, tmp_path / "models" / tiny_model.folder.name)
    model = import_checkpoint(tiny_checkpoint, ModelStore(folder.parent), "fp32", "int8")
    assert model.folder == folder
    assert {"fp32", "int8"} <= set(model.precisions(DECODER))
    assert available(model, DECODER, "int8") == "int8"
    part = model.graph(DECODER, "int8").parent
    size, full = (sum(f.stat().st_size for f in p.iterdir()) for p in (part, part.with_name("decoder-fp32")))
    assert size < full
