"""Training goes on where it was interrupted, and what comes out packs into a checkpoint that speaks."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from fishvoiced.backends.fish.network import checkpoint
from fishvoiced.text.misaki import NUMBERS
from tools.starter_voice import data, decoder, dual_ar, lexicon, pack, say, voice
from tools.starter_voice.codebooks import BOOK, BOOKS, POSITION_BOOK, WIDTH
from tools.starter_voice.model import Speaker, new_model, plain
from tools.starter_voice.training import Curve, Run, smoothed

NO_BOOKS = torch.zeros(BOOKS, BOOK, WIDTH)


def make_run(folder: Path, seed: int = 0) -> Run:
    torch.manual_seed(seed)
    module = torch.nn.Linear(4, 1)

    def loss(step: int, progress: float) -> tuple[torch.Tensor, list[float]]:
        x = torch.randn(8, 4, generator=torch.Generator().manual_seed(step))
        value = (module(x) - x.sum(1, keepdim=True)).square().mean()
        return value, [value.item()]

    return Run("line", folder, module, loss, ("loss",), hours=1000.0, report=1)


def test_interrupted_training_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole, halves = make_run(tmp_path / "whole"), make_run(tmp_path / "halves")
    assert whole.go(until=6) == 6
    assert halves.go(until=3) == 3
    resumed = make_run(tmp_path / "halves", seed=9)  # other weights: only the state on disk can make it equal
    assert resumed.go(until=6) == 6
    torch.testing.assert_close(resumed.module.weight, whole.module.weight, rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(smoothed(resumed.file), smoothed(whole.file), rtol=1e-4, atol=1e-7)
    rows = Curve(tmp_path / "halves" / "line.csv", ()).rows
    assert [row[0] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert (tmp_path / "halves" / "line.png").stat().st_size > 1000


def test_both_stages_train_pack_and_speak(work: Path) -> None:
    dual_ar.train(work, hours=10.0, until=2, budget=150)
    decoder.train(work, hours=10.0, batch=1, until=2)
    lexicon.save({"ab": "ab", "A": "a"}, work / "lexicon.txt.gz")
    folder = work / "packed"
    pack.pack(work, folder)

    loaded = checkpoint.load(folder)
    assert loaded.config.frontend == "misaki-numbered"
    packed = loaded.dual_ar.state_dict()
    trained = smoothed(work / "dual_ar.pt")
    torch.testing.assert_close(packed["output.weight"], trained["output.weight"], rtol=1e-2, atol=1e-3)
    unit, number = (trained[f"embeddings.parametrizations.weight.original{i}"] for i in (1, 2))
    row = packed["embeddings.weight"][voice.FIRST_UNIT_TOKEN + 5 * NUMBERS + 7]
    torch.testing.assert_close(row, unit[5] + number[7], rtol=1e-2, atol=1e-3)
    codes = torch.randint(0, BOOK, (1, BOOKS, 5))
    codec = decoder.new_codec(decoder.Codebooks.load(work / "codebooks.pt"))
    codec.load_state_dict(smoothed(work / "decoder.pt"))
    decoder.tie_biases(codec)
    torch.testing.assert_close(loaded.codec.decode(codes), codec.decode(codes), rtol=0.05, atol=2e-3)

    samples = say.torch_voice(folder)("ab", 0)
    assert len(samples) % 1200 == 0
    assert np.isfinite(samples).all()

    lexicon.save({"yes": "jˈɛs", "A": "ˈA"}, folder / "lexicon.txt.gz")
    decoded = say.DecoderVoice(folder)("yes", 0)
    assert len(decoded) == len(say.SourceVoice(folder).on_grid("yes", 0).samples)
    assert np.abs(decoded).max() > 0

    before, after = decoder.Codebooks.load(work / "codebooks.pt"), decoder.Codebooks.from_checkpoint(folder)
    torch.testing.assert_close(after.books, before.books, rtol=1e-3, atol=1e-4)
    assert torch.equal(after.basis, before.basis)
    assert after.scale == before.scale

    again = work / "again"
    again.mkdir()
    for name in ("speech", "codes"):
        shutil.copytree(work / name, again / name)
    after.save(again / "codebooks.pt")
    dual_ar.train(again, hours=10.0, until=1, start=folder, budget=150)
    begun = torch.load(again / "dual_ar.pt", weights_only=True)["module"]
    assert (begun["output.weight"] - packed["output.weight"]).abs().max() < 0.01
    model = new_model(folder)
    torch.testing.assert_close(model.embeddings.weight, packed["embeddings.weight"], rtol=0, atol=1e-3)


def test_block_is_the_models_own_arithmetic() -> None:
    model = new_model()
    columns = torch.zeros(1, 1 + BOOKS, 9, dtype=torch.int64)
    columns[0, 0] = torch.tensor([1, 2, 3, 4, *[model.semantic_begin + i for i in range(5)]])
    columns[0, 1:, 4:] = torch.randint(0, BOOK, (BOOKS, 5))
    states, attention = Speaker(model, NO_BOOKS)(columns, None)
    torch.testing.assert_close(states, model.slow(columns)[0])
    torch.testing.assert_close(attention.sum(-1), torch.ones(1, model.config.n_head, 9))
    codes = torch.randint(0, BOOK, (4, BOOKS))
    hidden = torch.randn(4, model.config.dim)
    torch.testing.assert_close(Speaker(model, NO_BOOKS).fast(hidden, codes), model.fast_logits(hidden, codes))


def test_hidden_frames_still_say_their_place() -> None:
    model = new_model()
    columns = torch.zeros(2, 1 + BOOKS, 6, dtype=torch.int64)
    columns[:, 0, 2:] = columns[:, 1, 2:] + model.semantic_begin
    columns[1, 1 : 1 + POSITION_BOOK, 2:] = 9
    columns[1, 0, 2:] = model.semantic_begin + 9
    hidden = torch.arange(6)[None, :, None] < 2
    speaker = Speaker(model, NO_BOOKS)
    states = speaker(columns, hidden.expand(2, 6, 1))[0]
    assert torch.equal(states[0], states[1])
    columns[1, 1 + POSITION_BOOK, 3] = 1
    states = speaker(columns, hidden.expand(2, 6, 1))[0]
    assert torch.equal(states[0, :3], states[1, :3])
    assert (states[0, 3:] != states[1, 3:]).any(-1).all()


def test_codes_are_made_once(work: Path) -> None:
    (pair,) = data.encoded(work)
    stamp = pair[1].stat().st_mtime_ns
    assert list(data.encoded(work)) == [pair]
    assert pair[1].stat().st_mtime_ns == stamp
    rows = [codes for _, codes in data.examples(*pair)]
    assert all(len(codes) == one.frames for codes, (one, _) in zip(rows, data.examples(*pair), strict=True))


def test_no_speech_is_said_clearly(work: Path) -> None:
    shutil.rmtree(work / "speech")
    with pytest.raises(FileNotFoundError, match="run the stage 'speech' first"):
        data.Sounds(work)


def test_own_frames_stand_for_some_of_the_true_ones() -> None:
    """Drawn from what the model says of the column before: here the next code, and 9 for residuals."""
    model, text, frames = new_model(), 6, 50
    dim = model.config.dim
    with torch.no_grad():
        for block in (*model.layers, *model.fast_layers):
            block.attention.wo.weight.zero_()
            block.feed_forward.w2.weight.zero_()
        plain(model)
        for matrix in (model.embeddings, model.codebook_embeddings, model.output, model.fast_output):
            matrix.weight.zero_()
        model.embeddings.weight[model.semantic_begin : model.semantic_begin + dim] = torch.eye(dim)
        model.embeddings.weight[: model.semantic_begin, 0] = 1
        model.output.weight[model.semantic_begin + 1 : model.semantic_begin + 1 + dim] = 100 * torch.eye(dim)
        model.fast_embeddings.weight.fill_(1)
        model.fast_output.weight[9] = 100
    columns = torch.zeros(40, 1 + BOOKS, text + frames, dtype=torch.int64)
    columns[:, 1:, text:] = torch.randint(10, dim - 1, (40, BOOKS, frames))
    columns[:, 0, text:] = columns[:, 1, text:] + model.semantic_begin
    visible = torch.ones(40, text + frames, 1, dtype=torch.bool)
    mixed = dual_ar.with_own_frames(Speaker(model, NO_BOOKS), columns, visible, torch.Generator().manual_seed(0))

    own = mixed[:, 2] == 9
    assert not own[:, :text].any()
    assert torch.equal(mixed.transpose(1, 2)[~own], columns.transpose(1, 2)[~own])
    row, column = own.nonzero(as_tuple=True)
    guess = columns[row, 1, column - 1] + 1
    assert torch.equal(mixed[row, 1, column], guess)
    assert torch.equal(mixed[row, 0, column], guess + model.semantic_begin)
    assert (mixed[row, 2:, column] == 9).all()
    shares = own[:, text:].float().mean(1)
    assert 0.15 < shares.mean() < 0.35
    assert shares.max() < 0.75
    assert shares.min() < 0.1
