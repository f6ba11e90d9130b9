"""Rounded weights whose errors make up for each other: nearer in their results than the nearest weights."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from fishvoiced.backends.fish.checkpoint.folder import recognize
from fishvoiced.backends.fish.convert.importer import Conversion, before_frames
from fishvoiced.backends.fish.convert.sample_speech import SampleSentence, speak, typical_codes, write_speaker
from fishvoiced.backends.fish.convert.transformer import W2, W13, WO, WQKV, Layer
from fishvoiced.backends.fish.convert.walk import fast_walk, slow_walk
from fishvoiced.backends.fish.network import checkpoint as checkpoints
from fishvoiced.backends.fish.quantize.gptq import compensated
from fishvoiced.backends.fish.quantize.weights import Packed, pack, unpacked
from fishvoiced.backends.fish.store.catalog import STARTER_FOLDER
from fishvoiced.backends.onnx_sessions import Runtime

Floats = NDArray[np.float32]


def nearest(weight: Floats) -> Floats:
    """``weight`` [out, in] with every weight rounded by itself."""
    return unpacked(pack(weight.T, 4), 4)


def found(weight: Floats, inputs: Floats) -> Floats:
    with ThreadPoolExecutor(2) as pool:
        return unpacked(compensated(weight, inputs, pool), 4)


def problem(width: int) -> tuple[Floats, Floats]:
    """A matrix [48, width] and inputs [2000, width] of a few directions and some noise."""
    dice = np.random.default_rng(width)
    directions = dice.standard_normal((width // 8, width))
    inputs = dice.standard_normal((2000, width // 8)) @ directions + dice.standard_normal((2000, width))
    return dice.standard_normal((48, width)).astype(np.float32), inputs.astype(np.float32)


@pytest.mark.parametrize("count", [1000, 100])
@pytest.mark.parametrize("width", [64, 192, 512, 1024])
def test_results_are_nearer_than_those_of_the_nearest_weights(width: int, count: int) -> None:
    weight, inputs = problem(width)
    seen, unseen = inputs[:count], inputs[1000:]
    errors = [np.square(unseen @ (w - weight).T).mean() for w in (nearest(weight), found(weight, seen))]
    assert errors[1] < (0.6 if count == 1000 else 0.95) * errors[0]


def test_inputs_that_never_come_leave_the_nearest_weights() -> None:
    weight, _ = problem(64)
    np.testing.assert_allclose(found(weight, np.zeros((9, 64), np.float32)), nearest(weight), rtol=1e-5, atol=1e-5)


# -- on the voice that ships ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def starter() -> Conversion:
    checkpoint = recognize(STARTER_FOLDER)
    return Conversion(checkpoint, checkpoint.config)


@pytest.fixture(scope="module")
def spoken(starter: Conversion, tmp_path_factory: pytest.TempPathFactory) -> list[SampleSentence]:
    folder = tmp_path_factory.mktemp("speaker")
    write_speaker(folder, starter.language, starter.config, starter.tokenizer)
    return speak(folder, starter.config, starter.tokenizer, starter.frontend(), Runtime(threads=1))


def put(module: torch.nn.Module, layer: Layer) -> None:
    """A layer's rounded matrices into torch's."""
    for name, matrix in layer.matrices.items():
        weight = torch.from_numpy(unpacked(matrix, 4) if isinstance(matrix, Packed) else matrix.read().copy())
        if name == W13:
            gate, up = weight.chunk(2)
            module.get_submodule("feed_forward.w1").weight.data = gate
            module.get_submodule("feed_forward.w3").weight.data = up
        else:
            assert name in (WQKV, WO, W2)
            module.get_submodule(name).weight.data = weight


def predictions(model: checkpoints.DualAR, sentence: SampleSentence) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probabilities of the semantic code and of the residual ones, teacher-forced."""
    columns = torch.from_numpy(sentence.all_columns(model.semantic_begin))
    begin, count = sentence.columns.shape[1] - 1, sentence.codes.shape[1]
    hidden = model.slow(columns[None])[0][0][begin : begin + count]
    codes = torch.from_numpy(np.ascontiguousarray(sentence.codes.T))
    return F.log_softmax(model.head(hidden), -1), F.log_softmax(model.fast_logits(hidden, codes), -1)


@torch.no_grad()
def test_the_starter_voice_stays_nearer_to_itself_on_a_sentence_that_was_not_fitted(
    starter: Conversion, spoken: list[SampleSentence]
) -> None:
    *fitted, other = spoken
    exact, plain, model = (checkpoints.load(Path(STARTER_FOLDER)).dual_ar for _ in range(3))
    for layer in (*plain.layers, *plain.fast_layers):
        for module in layer.modules():
            if isinstance(module, torch.nn.Linear):
                module.weight.data = torch.from_numpy(nearest(module.weight.numpy()))
    config, tokenizer = starter.config.dual_ar, starter.tokenizer
    semantic = range(tokenizer.semantic_begin, tokenizer.semantic_begin + tokenizer.semantic_count)
    texts = [each.all_columns(semantic.start) for each in fitted]
    walk = slow_walk(starter.language, config, semantic, texts, compensate=True, scale_kv=False)
    for module, layer in zip(model.layers, walk.layers(), strict=True):
        put(module, layer)
    fast = fast_walk(starter.language, config, before_frames(walk.states, fitted), typical_codes(fitted))
    for module, layer in zip(model.fast_layers, fast.layers(), strict=True):
        put(module, layer)
    wanted = predictions(exact, other)
    distances = [
        [
            float(F.kl_div(q, p, log_target=True, reduction="sum"))
            for p, q in zip(wanted, predictions(m, other), strict=True)
        ]
        for m in (plain, model)
    ]
    assert distances[1][0] < 0.9 * distances[0][0]
    assert distances[1][1] < 0.9 * distances[0][1]


@torch.no_grad()
def test_a_walk_that_rounds_nothing_is_the_torch_network(starter: Conversion, spoken: list[SampleSentence]) -> None:
    model = checkpoints.load(Path(STARTER_FOLDER)).dual_ar
    semantic = range(model.semantic_begin, model.semantic_begin + model.semantic_count)
    texts = [each.all_columns(model.semantic_begin) for each in spoken[:2]]
    walk = slow_walk(starter.language, starter.config.dual_ar, semantic, texts, compensate=False, scale_kv=False)
    assert all(layer.scales is None for layer in walk.layers())
    wanted = torch.cat([model.slow(torch.from_numpy(text)[None])[0][0] for text in texts]).numpy()
    np.testing.assert_allclose(walk.states, wanted, rtol=1e-3, atol=1e-3 * np.abs(wanted).max())
