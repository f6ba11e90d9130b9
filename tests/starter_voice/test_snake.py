"""The activation's own gradient is the one that automatic differentiation finds."""

from __future__ import annotations

import torch
from torch import nn

from fishvoiced.backends.fish.network.codec import Snake, Stream
from tools.starter_voice.snake import FusedSnake, SnakeFunction, fuse


def test_value_and_gradient_are_the_plain_activations() -> None:
    plain = Snake(3)
    with torch.no_grad():
        plain.alpha.copy_(torch.tensor([0.3, 1.0, 2.5])[None, :, None])
    fused = FusedSnake(plain)
    x = torch.randn(2, 3, 40, generator=torch.Generator().manual_seed(0))
    weights = torch.randn(2, 3, 40, generator=torch.Generator().manual_seed(1))
    results = []
    for module in (plain, fused):
        seen = x.clone().requires_grad_()
        out = module(seen, Stream())
        by_alpha, by_x = torch.autograd.grad((out * weights).sum(), (module.alpha, seen))
        results.append((out, by_alpha, by_x))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_gradients_hold_against_finite_differences() -> None:
    x = torch.randn(2, 3, 5, dtype=torch.float64, requires_grad=True)
    alpha = torch.rand(1, 3, 1, dtype=torch.float64).add(0.5).requires_grad_()
    assert torch.autograd.gradcheck(SnakeFunction.apply, (x, alpha))


def test_fusing_keeps_names_and_values() -> None:
    model = nn.ModuleList([nn.ModuleList([Snake(4)]), nn.Linear(2, 2)])
    before = {name: value.clone() for name, value in model.state_dict().items()}
    fuse(model)
    assert isinstance(model[0][0], FusedSnake)
    assert model.state_dict().keys() == before.keys()
    torch.testing.assert_close(dict(model.state_dict()), before)
