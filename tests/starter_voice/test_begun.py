"""A training that is carried elsewhere goes on with nearly the same weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tools.starter_voice import adversarial, begun, decoder, dual_ar
from tools.starter_voice.codebooks import Codebooks
from tools.starter_voice.training import smoothed


def test_a_training_is_kept_taken_up_elsewhere_and_goes_on(work: Path, tmp_path: Path) -> None:
    decoder.train(work, hours=10.0, batch=1, until=1)
    adversarial.train(work, hours=10.0, batch=1, until=1)
    dual_ar.train(work, hours=10.0, until=1, budget=150)
    begun.keep(work, tmp_path / "begun.npz")
    assert (tmp_path / "begun.npz").stat().st_size < 14e6

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    begun.take_up(elsewhere, tmp_path / "begun.npz")
    books, same = Codebooks.load(work / "codebooks.pt"), Codebooks.load(elsewhere / "codebooks.pt")
    assert torch.equal(same.books, books.books)
    assert same.scale == books.scale
    for name in ("dual_ar", "decoder", "adversarial"):
        before, after = smoothed(work / f"{name}.pt"), smoothed(elsewhere / f"{name}.pt")
        assert before.keys() == after.keys()
        for key, value in before.items():
            assert (after[key] - value).abs().max() <= value.abs().max() / 200 + 1e-3

    (elsewhere / "speech").symlink_to(work / "speech")
    dual_ar.train(elsewhere, hours=10.0, until=1, budget=150)
    adversarial.train(elsewhere, hours=10.0, batch=1, until=501)
    with pytest.raises(FileExistsError, match="move it away"):
        begun.take_up(elsewhere, tmp_path / "begun.npz")
