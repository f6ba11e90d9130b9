"""Rounded weights whose errors make up for each other: on the grid that is packed, and nearer in their results."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from fishvoiced.fish.convert import sample_speech
from fishvoiced.fish.convert.importer import rounded
from fishvoiced.fish.network import checkpoint as checkpoints
from fishvoiced.fish.quantize.gptq import compensate_fast, compensate_slow, compensated
from fishvoiced.fish.quantize.weights import pack
from fishvoiced.fish.store.catalog import STARTER_FOLDER
from fishvoiced.fish.store.models import FAST, SLOW
from tests.fish.quantize.test_weights import unpack


def packed(weight: Tensor) -> Tensor:
    """``weight`` [out, in] as ``quantize_matmuls`` would round it."""
    return torch.from_numpy(np.ascontiguousarray(unpack(pack(weight.numpy().T.copy(), 4), 4).T))


def problem(width: int) -> tuple[Tensor, Tensor]:
    """A matrix [48, width] and inputs [2000, width] of a few directions and some noise."""
    dice = torch.Generator().manual_seed(width)
    directions = torch.randn(width // 8, width, generator=dice)
    inputs = torch.randn(2000, width // 8, generator=dice) @ directions + torch.randn(2000, width, generator=dice)
    return torch.randn(48, width, generator=dice), inputs


@pytest.mark.parametrize("width", [64, 192, 512, 1024])
def test_results_are_nearer_than_those_of_the_nearest_weights(width: int) -> None:
    weight, inputs = problem(width)
    seen, unseen = inputs[:1000], inputs[1000:]
    nearest, found = packed(weight), compensated(weight, seen.mT @ seen)
    errors = [float((unseen @ (w - weight).mT).square().mean()) for w in (nearest, found)]
    assert errors[1] < 0.6 * errors[0]


@pytest.mark.parametrize("width", [64, 192, 512, 1024])
def test_packing_finds_the_grid_again(width: int) -> None:
    weight, inputs = problem(width)
    found = compensated(weight, inputs.mT @ inputs)
    assert not torch.allclose(found, packed(weight), atol=1e-3)
    torch.testing.assert_close(packed(found), found, rtol=1e-5, atol=1e-6)


def test_inputs_that_never_come_leave_the_nearest_weights() -> None:
    weight, _ = problem(64)
    torch.testing.assert_close(compensated(weight, torch.zeros(64, 64)), packed(weight), rtol=1e-5, atol=1e-5)


@pytest.fixture(scope="module")
def spoken() -> list[sample_speech.SampleSentence]:
    return sample_speech.speak(checkpoints.load(STARTER_FOLDER), STARTER_FOLDER)


def predictions(model: checkpoints.DualAR, sentence: sample_speech.SampleSentence) -> tuple[Tensor, Tensor]:
    """Log-probabilities of the semantic code and of the residual ones, teacher-forced."""
    (hidden,), (codes,) = sample_speech.frames(model, [sentence])
    return F.log_softmax(model.head(hidden), -1), F.log_softmax(model.fast_logits(hidden, codes), -1)


def nearest_weights(model: checkpoints.DualAR) -> None:
    for layer in (*model.layers, *model.fast_layers):
        for module in layer.modules():
            if isinstance(module, torch.nn.Linear):
                module.weight.data = packed(module.weight.data)


def test_the_starter_voice_stays_nearer_to_itself_on_a_sentence_that_was_not_fitted(
    spoken: list[sample_speech.SampleSentence],
) -> None:
    *fitted, other = spoken
    exact, nearest, model = (checkpoints.load(STARTER_FOLDER).dual_ar.eval() for _ in range(3))
    nearest_weights(nearest)
    compensate_slow(model, [each.all_columns(model.semantic_begin) for each in fitted])
    compensate_fast(model, *sample_speech.frames(model, fitted))
    with torch.no_grad():
        wanted = predictions(exact, other)
        distances = [
            [
                float(F.kl_div(q, p, log_target=True, reduction="sum"))
                for p, q in zip(wanted, predictions(m, other), strict=True)
            ]
            for m in (nearest, model)
        ]
    assert distances[1][0] < 0.9 * distances[0][0]
    assert distances[1][1] < 0.9 * distances[0][1]


def test_conversion_compensates_at_int4_alone(spoken: list[sample_speech.SampleSentence]) -> None:
    loaded = checkpoints.load(STARTER_FOLDER)
    before = {name: weight.clone() for name, weight in loaded.dual_ar.state_dict().items()}

    def changed() -> set[str]:
        return {
            name.split(".")[0]
            for name, weight in loaded.dual_ar.state_dict().items()
            if not torch.equal(weight, before[name])
        }

    for precision in ("fp16", "int8"):
        for graph in (SLOW, FAST):
            rounded(loaded, lambda: spoken, graph, precision)
    assert changed() == set()
    rounded(loaded, lambda: spoken, SLOW, "int4")
    assert changed() == {"layers"}
    rounded(loaded, lambda: spoken, FAST, "int4")
    assert changed() == {"layers", "fast_layers"}
