"""Whatever a person gives is imported, or refused with one sentence that says what it is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from fishvoiced.backends.fish.checkpoint.folder import recognize
from fishvoiced.backends.fish.checkpoint.shapes import check, codec_shapes, language_shapes
from fishvoiced.backends.fish.checkpoint.weight_files import open_table
from fishvoiced.backends.fish.checkpoint.weights import codec_weights, language_weights
from fishvoiced.backends.fish.network import checkpoint as checkpoints
from fishvoiced.errors import CheckpointError
from tools.harness.hub import COMMIT

POINTER = b"version https://git-lfs.example/spec/v1\noid sha256:1234\nsize 1740000000\n"


@pytest.fixture
def folder(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    copy = shutil.copytree(tiny_checkpoint, tmp_path / "my fish")
    extras = json.loads((copy / "fishvoice.json").read_text())
    del extras["name"]
    (copy / "fishvoice.json").write_text(json.dumps(extras))
    return copy


def test_a_folder_has_its_own_name_and_its_cards_licence(folder: Path) -> None:
    (folder / "README.md").write_text("---\nlanguage: en\nlicense: cc-by-nc-sa-4.0\n---\nlicense: mit\n")
    found = recognize(folder)
    assert (found.name, found.config.license) == ("my-fish", "CC-BY-NC-SA-4.0")


def test_a_single_file_of_a_checkpoint_stands_for_its_folder(folder: Path) -> None:
    assert recognize(folder / "model.pth").folder == folder


def test_a_snapshot_in_the_hubs_cache_has_the_repositorys_name(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "hub" / "models--someone--s1-mini"
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text(COMMIT)
    snapshot = shutil.copytree(folder, cache / "snapshots" / COMMIT)
    assert recognize(snapshot).name == "s1-mini"
    assert recognize(cache).folder == snapshot
    shutil.copytree(folder, cache / "snapshots" / COMMIT[::-1])
    assert recognize(cache).folder == snapshot
    (cache / "refs" / "main").unlink()
    with pytest.raises(CheckpointError, match="holds 2 snapshots"):
        recognize(cache)


def firefly(folder: Path) -> None:
    (folder / "codec.pth").unlink()
    (folder / "firefly-gan-vq-fsq-8x1024-21hz-generator.pth").touch()


def lora(folder: Path) -> None:
    (folder / "codec.pth").unlink()
    (folder / "step_0001_lora.ckpt").touch()


def nested(folder: Path) -> None:
    shutil.copytree(folder, folder.parent / "copy")
    for file in folder.iterdir():
        file.unlink()
    (folder.parent / "copy").rename(folder / "inner")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (firefly, "it is Fish Speech 1.2 to 1.5"),
        (lora, "merge it into its base model first"),
        (lambda f: (f / "adapter_config.json").touch(), "is a LoRA adapter"),
        (lambda f: (f / "config.json").write_text('{"model_type": "fish_qwen3_omni"}'), "Fish Audio S2"),
        (lambda f: (f / "codec.pth").unlink(), "has no codec.pth"),
        (lambda f: (f / "special_tokens.json").unlink(), "special_tokens.json is missing"),
        (nested, "did you mean"),
    ],
)
def test_other_formats_are_refused_in_one_sentence(folder: Path, change: Callable[[Path], object], says: str) -> None:
    change(folder)
    with pytest.raises(CheckpointError, match=says) as refused:
        recognize(folder)
    assert "\n" not in str(refused.value)


def test_a_path_that_is_nothing_or_a_strange_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        recognize(tmp_path / "nowhere")
    (tmp_path / "voice.onnx").touch()
    with pytest.raises(CheckpointError, match="is a single file"):
        recognize(tmp_path / "voice.onnx")


@pytest.mark.parametrize("name", ["model.pth", "model.safetensors"])
def test_a_git_lfs_pointer_is_known_as_one(folder: Path, name: str) -> None:
    (folder / "model.pth").unlink()
    (folder / name).write_bytes(POINTER)
    with pytest.raises(CheckpointError, match="git lfs pull"):
        open_table(recognize(folder).model)


def test_safetensors_hold_the_same_weights_in_one_file_or_in_shards(folder: Path) -> None:
    wanted = open_table(folder / "model.pth")
    arrays = {name: np.ascontiguousarray(weight.read()) for name, weight in wanted.items()}
    (folder / "model.pth").unlink()
    names = sorted(arrays)
    shards = [names[::2], names[1::2]]
    where = {}
    for i, shard in enumerate(shards, start=1):
        file = f"model-{i:05}-of-00002.safetensors"
        save_file({name: arrays[name] for name in shard}, folder / file)
        where |= dict.fromkeys(shard, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": where}))
    sharded = open_table(recognize(folder).model)
    save_file({name: array.astype(np.float16) for name, array in arrays.items()}, folder / "model.safetensors")
    halves = open_table(recognize(folder).model)
    assert recognize(folder).model.name == "model.safetensors"
    for name, array in arrays.items():
        np.testing.assert_array_equal(sharded[name].read(), array)
        np.testing.assert_array_equal(halves[name].read(), array.astype(np.float16).astype(np.float32))


def test_a_truncated_safetensors_file_is_refused(folder: Path) -> None:
    save_file({"a": np.zeros((100, 100), np.float32)}, folder / "model.safetensors")
    whole = (folder / "model.safetensors").read_bytes()
    for length in (4, 40, len(whole) - 1):
        (folder / "model.safetensors").write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match="damaged"):
            open_table(folder / "model.safetensors")


def test_the_shapes_that_are_expected_are_the_torch_networks(tiny_checkpoint: Path) -> None:
    loaded = checkpoints.load(tiny_checkpoint)
    for module, shapes in (
        (loaded.dual_ar, language_shapes(loaded.config.dual_ar)),
        (loaded.codec, codec_shapes(loaded.config.codec)),
    ):
        assert {name: tuple(value.shape) for name, value in module.state_dict().items()} == dict(shapes)


def test_weights_are_those_that_torch_itself_reads(tiny_checkpoint: Path) -> None:
    import torch

    stored = torch.load(tiny_checkpoint / "model.pth", weights_only=True)
    table = language_weights(open_table(tiny_checkpoint / "model.pth"))
    for name, tensor in stored.items():
        np.testing.assert_array_equal(table[name].read(), tensor.float().numpy())
        if tensor.ndim > 1:
            np.testing.assert_array_equal(table[name].read(1, 3), tensor[1:3].float().numpy())
    codec = recognize(tiny_checkpoint).config.codec
    check(codec_weights(open_table(tiny_checkpoint / "codec.pth"), codec), codec_shapes(codec), tiny_checkpoint)
