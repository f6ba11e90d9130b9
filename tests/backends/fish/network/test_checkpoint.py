"""Checkpoint folders: upstream's wrappings are understood, and everything that is wrong is told clearly."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from fishvoiced.backends.fish.checkpoint.folder import recognize
from fishvoiced.backends.fish.checkpoint.weights import transposed_to_phases
from fishvoiced.backends.fish.config import CodecConfig, ModelConfig
from fishvoiced.backends.fish.convert.importer import checkpoint_hash
from fishvoiced.backends.fish.network import checkpoint as checkpoints
from fishvoiced.backends.fish.network.codec import CausalTransposedConv, Stream
from fishvoiced.backends.untrusted import UntrustedFolder
from fishvoiced.errors import CheckpointError
from tools.random_checkpoint import S1_MINI

Edit = Callable[[Path], object]


@pytest.fixture
def folder(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_checkpoint, tmp_path / "checkpoint")


def rewrite(path: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    """By a rename: a loaded checkpoint is mapped, and writing into the file would change it under its reader."""
    torch.save(change(torch.load(path, weights_only=True)), path.with_suffix(".new"))
    path.with_suffix(".new").rename(path)


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("model.pth", lambda state: {"state_dict": state}),
        ("model.pth", lambda state: {f"model.{k}": v for k, v in state.items()}),
        ("model.pth", lambda state: state | {"audio_projector.weight": torch.zeros(3)}),
        ("codec.pth", lambda state: {"state_dict": {f"generator.{k}": v for k, v in state.items()}}),
        (
            "codec.pth",
            lambda state: {f"generator.{k}": v for k, v in state.items()} | {"discriminator.x": torch.zeros(1)},
        ),
    ],
    ids=["state_dict", "model-prefix", "audio-weights", "generator", "discriminator"],
)
def test_wrappings_of_upstream(folder: Path, file: str, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    plain = checkpoints.load(folder)
    rewrite(folder / file, change)
    wrapped = checkpoints.load(folder)
    for part in ("dual_ar", "codec"):
        for name, value in getattr(plain, part).state_dict().items():
            assert torch.equal(getattr(wrapped, part).state_dict()[name], value), name


def test_separate_q_k_and_v_are_joined(folder: Path) -> None:
    whole = checkpoints.load(folder)

    def split(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        packed = state.pop("layers.0.attention.wqkv.weight")
        q, k, v = packed.split([64, 32, 32])
        return state | {f"layers.0.attention.{n}.weight": t.clone() for n, t in (("wq", q), ("wk", k), ("wv", v))}

    rewrite(folder / "model.pth", split)
    name = "layers.0.attention.wqkv.weight"
    assert torch.equal(checkpoints.load(folder).dual_ar.state_dict()[name], whole.dual_ar.state_dict()[name])


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda f: (f / "config.json").unlink(), "no config.json"),
        (lambda f: (f / "config.json").write_text("{oops"), "damaged or not of the right shape"),
        (lambda f: (f / "config.json").write_text('{"model_type": "llama"}'), "model_type 'llama'"),
        (lambda f: (f / "config.json").write_text('{"model_type": "dual_ar"}'), "missing required field"),
        (lambda f: (f / "model.pth").unlink(), "has no model.pth"),
        (lambda f: (f / "model.pth").write_bytes((f / "model.pth").read_bytes()[:5000]), "damaged or not a torch"),
        (lambda f: (f / "codec.pth").write_bytes(b"RIFF a sound file"), "damaged or not a torch"),
        (lambda f: torch.save({"a": torch.zeros(2)}, f / "model.pth"), "lacks .* weights"),
        (lambda f: torch.save([1, 2], f / "codec.pth"), "does not hold a table of tensors"),
        (lambda f: (f / "special_tokens.json").unlink(), "special_tokens.json is missing"),
        (lambda f: (f / "special_tokens.json").write_text('{"<|im_end|>": 3}'), "interleave"),
        (lambda f: (f / "tokenizer.tiktoken").write_text("not base64 !"), "damaged"),
        (lambda f: (f / "fishvoice.json").unlink(), "codebooks"),
        (
            lambda f: rewrite(f / "model.pth", lambda s: s | {"norm.weight": torch.zeros(9)}),
            r"norm.weight has shape \(9,\), the configuration says \(64,\)",
        ),
    ],
)
def test_what_is_wrong_is_said(folder: Path, edit: Edit, says: str) -> None:
    edit(folder)
    with pytest.raises(CheckpointError, match=says):
        checkpoints.load(folder)


def test_pickled_code_is_not_run(folder: Path, tmp_path: Path) -> None:
    torch.save({"weight": _Bomb(tmp_path / "exploded")}, folder / "model.pth")
    with pytest.raises(CheckpointError, match="model.pth is damaged or not a torch checkpoint"):
        checkpoints.load(folder)
    assert not (tmp_path / "exploded").exists()


class _Bomb:
    """Unpickling this writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return Path.touch, (self.path,)  # type: ignore[return-value]


def test_the_hash_follows_every_file(folder: Path) -> None:
    before = checkpoint_hash(recognize(folder))
    config = json.loads((folder / "fishvoice.json").read_text())
    (folder / "fishvoice.json").write_text(json.dumps(config | {"description": "another"}))
    assert checkpoint_hash(recognize(folder)) != before


def test_configuration_of_s1_mini_has_its_860_million_parameters() -> None:
    config = ModelConfig.from_json(S1_MINI.to_json(), UntrustedFolder(Path("model"), CheckpointError), "model.json")
    assert config == S1_MINI
    with torch.device("meta"):
        model = checkpoints.DualAR(config.dual_ar, 151678, 4096, 151645)
    assert round(sum(p.numel() for p in model.parameters()) / 1e6) == 860
    assert CodecConfig().frame_samples == 2048
    assert round(CodecConfig().frame_rate, 2) == 21.53


@pytest.mark.parametrize(("kernel", "stride"), [(16, 8), (2, 2), (10, 5), (6, 2)])
def test_phases_equal_a_transposed_convolution(kernel: int, stride: int) -> None:
    torch.manual_seed(0)
    theirs = torch.nn.ConvTranspose1d(6, 5, kernel, stride)
    ours = CausalTransposedConv(6, 5, kernel, stride)
    with torch.no_grad():
        ours.conv.weight.copy_(torch.from_numpy(transposed_to_phases(theirs.weight.detach().numpy(), stride)))
        assert theirs.bias is not None
        assert ours.conv.bias is not None
        ours.conv.bias.copy_(theirs.bias.repeat(stride))
        x = torch.randn(2, 6, 11)
        torch.testing.assert_close(ours(x, Stream()), theirs(x)[..., : 11 * stride])
        back = checkpoints.phases_to_transposed(ours.conv.weight, stride)
    assert torch.equal(back, theirs.weight)
