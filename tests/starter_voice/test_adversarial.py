"""The decoder's second training: discriminators learn, each loss has its share, and the state ships."""

from __future__ import annotations

from pathlib import Path

import torch

from tools.starter_voice import adversarial, decoder
from tools.starter_voice.adversarial import SpectrogramDiscriminator, balanced, losses
from tools.starter_voice.training import smoothed


def test_discriminators_learn_to_tell_hiss_from_buzz() -> None:
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    discriminators = torch.nn.ModuleList([SpectrogramDiscriminator(256, channels=8)])
    optimizer = torch.optim.AdamW(discriminators.parameters(), lr=3e-3)
    buzz = torch.zeros(4, 4096)
    buzz[:, ::80] = 0.4
    discriminator_losses, adversarial_losses = [], []
    for _ in range(60):
        hiss = 0.05 * torch.randn(4, 4096, generator=generator)
        discrimination, adversarial, matching = losses(discriminators, hiss, buzz)
        discrimination.backward()
        optimizer.step()
        optimizer.zero_grad()
        discriminator_losses.append(discrimination.item())
        adversarial_losses.append(adversarial.item())
        assert matching > 0
    assert discriminator_losses[-1] < 0.3 < discriminator_losses[0]  # 0.5 is chance
    assert adversarial_losses[-1] > 0.4  # 1: certainly made, 0.25 is chance
    same = 0.05 * torch.randn(4, 4096, generator=generator)
    assert losses(discriminators, same, same)[2] == 0


def test_every_loss_has_its_share_of_the_gradient_however_large_it_is() -> None:
    sound = torch.tensor([[3.0, 4.0]], requires_grad=True)
    first, second = sound[0, 0] * 1000.0, sound[0, 1] * 0.001
    torch.testing.assert_close(balanced([(1.0, first), (0.5, second)], sound), torch.tensor([[1.0, 0.5]]))
    torch.testing.assert_close(balanced([(1.0, first), (0.0, second)], sound), torch.tensor([[1.0, 0.0]]))
    nothing = (sound * 0).sum()
    torch.testing.assert_close(balanced([(1.0, first), (0.5, nothing)], sound), torch.tensor([[1.0, 0.0]]))


def test_it_goes_on_from_the_decoder_trains_both_sides_and_is_what_is_shipped(work: Path) -> None:
    decoder.train(work, hours=10.0, batch=1, until=1)
    before = smoothed(work / "decoder.pt")
    torch.testing.assert_close(adversarial.trained(work).state_dict(), _tied(work, before))

    adversarial.train(work, hours=10.0, batch=1, until=1)
    first = torch.load(work / "adversarial.pt", weights_only=True)["module"]
    adversarial.train(work, hours=10.0, batch=1, until=2)
    second = torch.load(work / "adversarial.pt", weights_only=True)
    assert second["step"] == 2
    for name in ("codec.decoder.0.conv.weight", "discriminators.0.score.weight"):
        moved = (first[name] - second["module"][name]).abs().max()
        assert 0 < moved < 0.01
    shipped = adversarial.trained(work).state_dict()
    averaged = smoothed(work / "adversarial.pt")
    codec = {key.removeprefix("codec."): value for key, value in averaged.items() if key.startswith("codec.")}
    torch.testing.assert_close(shipped, _tied(work, codec))


def _tied(work: Path, weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    codec = decoder.new_codec(decoder.Codebooks.load(work / "codebooks.pt"))
    codec.load_state_dict(weights)
    decoder.tie_biases(codec)
    return codec.state_dict()
