"""4-bit weights by GPTQ: each input's rounding error is compensated in the weights of the inputs after it.

GPTQ (Frantar et al. 2023): the inputs of a layer go through a matrix one after the other; what rounding one input's
weights does to the results is made up for by the weights of the inputs still to come, as far as those inputs are
correlated with it, in what the model reads and says itself. ``quantize.pack`` finds the rounded weights on a grid and
keeps them as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from fishvoiced.fish.network.dual_ar import DualAR
from fishvoiced.fish.quantize.weights import SMALLEST_BLOCK, block_size, finest_scale, to_levels

DAMPING = 0.5
"""Of the inputs' mean square, added to each one's: a few sentences do not tell which inputs always go together."""


@torch.no_grad()
def compensate_slow(model: DualAR, texts: Iterable[Tensor]) -> None:
    """Round the slow AR's layers, in place (a copy would be gigabytes); ``texts``: [1 + num_codebooks, S] each."""
    compensate(model.layers, *_tables(model, "slow"), [model.embed(columns[None]) for columns in texts])


@torch.no_grad()
def compensate_fast(model: DualAR, hidden: Iterable[Tensor], codes: Iterable[Tensor]) -> None:
    """Round the fast AR's layers, in place.

    ``hidden`` [T, dim]: the slow AR's states before each frame of ``codes`` [T, num_codebooks]; one pair a sentence.
    """
    states = [
        torch.cat([model.fast_project_in(h)[:, None], model.fast_embeddings(c[:, :-1])], dim=1)
        for h, c in zip(hidden, codes, strict=True)
    ]
    compensate(model.fast_layers, *_tables(model, "fast"), states)


def _tables(model: DualAR, stack: str) -> tuple[Tensor, Tensor]:
    return model.get_buffer(f"{stack}_cos"), model.get_buffer(f"{stack}_sin")


def compensate(layers: Iterable[nn.Module], cos: Tensor, sin: Tensor, states: Sequence[Tensor]) -> None:
    """Round one layer after the other, each on what the rounded ones before it give: ``states`` [B, S, dim] each."""
    for layer in layers:
        for linear, moment in input_moments(layer, cos, sin, states).items():
            linear.weight.copy_(compensated(linear.weight, moment))
        states = [layer(x, cos, sin)[0] for x in states]


def input_moments(layer: nn.Module, cos: Tensor, sin: Tensor, states: Iterable[Tensor]) -> dict[nn.Linear, Tensor]:
    """The sums of the outer products of what goes into each product of a layer, [in, in]."""
    moments: dict[nn.Linear, Tensor] = {}

    def add(linear: nn.Module, inputs: tuple[Tensor]) -> None:
        assert isinstance(linear, nn.Linear)
        x = inputs[0].flatten(0, -2)
        moments[linear] = moments.get(linear, torch.zeros(())) + x.mT @ x

    watched = (module for module in layer.modules() if isinstance(module, nn.Linear) and is_rounded(module))
    watches = [linear.register_forward_pre_hook(add) for linear in watched]
    for x in states:
        layer(x, cos, sin)
    for watch in watches:
        watch.remove()
    return moments


def is_rounded(linear: nn.Linear) -> bool:
    """What ``quantize_matmuls`` replaces."""
    return linear.in_features % SMALLEST_BLOCK == 0 and linear.out_features >= SMALLEST_BLOCK


def compensated(weight: Tensor, moment: Tensor) -> Tensor:
    """``weight`` [out, in] rounded to 4 bits in blocks; ``moment`` [in, in]: the sum of the inputs' outer products."""
    left = weight.mT.contiguous()  # [in, out]: what is still to be rounded
    rounded = torch.empty_like(left)
    mean = moment.diagonal().mean().clamp(min=1e-12)
    damped = moment + torch.eye(len(moment)) * (DAMPING * mean)
    # Row i of this factor of the inverse: how input i's error is best spread over itself and those behind it.
    spread = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(damped)), upper=True)
    size = block_size(len(left))
    for begin in range(0, len(left), size):
        end = begin + size
        scale = finest_scale(left[begin:end].mT.contiguous().numpy())[:, 0]
        errors = torch.empty_like(left[begin:end])
        for i in range(begin, end):
            rounded[i] = torch.from_numpy(to_levels(left[i].numpy(), scale, 8) * scale)
            errors[i - begin] = (left[i] - rounded[i]) / spread[i, i]
            left[i:end].addr_(spread[i, i:end], errors[i - begin], alpha=-1)
        left[end:].addmm_(spread[begin:end, end:].mT, errors, alpha=-1)
    return rounded.mT
