"""Converted models on disk: whole or absent, checked before use, damaged ones refused with a remedy."""

from __future__ import annotations

import errno
import json
import shutil
from pathlib import Path

import pytest

from fishvoiced.backends.fish.store.models import ABOUT, DECODER, LANGUAGE, SLOW, ConvertedModel, ModelStore
from fishvoiced.backends.fish.store.parts import MANIFEST, is_whole, verify, writing
from fishvoiced.errors import ModelStoreError


@pytest.fixture
def copy(tiny_model: ConvertedModel, tmp_path: Path) -> ConvertedModel:
    """The converted model in a folder of the test's own, to be damaged."""
    return ConvertedModel.open(shutil.copytree(tiny_model.folder, tmp_path / "models" / tiny_model.folder.name))


def test_a_part_appears_only_when_complete(tmp_path: Path) -> None:
    part = tmp_path / "part"
    with pytest.raises(KeyboardInterrupt), writing(part, "hash") as folder:
        (folder / "half").write_text("x")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    with writing(part, "hash") as folder:
        (folder / "whole").write_text("x")
        assert not part.exists()
    assert is_whole(part)
    assert verify(part) == "hash"
    assert [p.name for p in tmp_path.iterdir()] == ["part"]


def test_a_full_disk_leaves_nothing_and_says_so(tmp_path: Path) -> None:
    with (
        pytest.raises(ModelStoreError, match="No space left.*free some space"),
        writing(tmp_path / "part", "hash") as f,
    ):
        (f / "half").write_text("x")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_cache_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelStoreError, match="cannot write"), writing(tmp_path / "file" / "part", "hash"):
        pass


def test_the_first_of_two_writers_stays(tmp_path: Path) -> None:
    part = tmp_path / "part"
    with writing(part, "hash") as slower:
        (slower / "file").write_text("slower")
        with writing(part, "hash") as faster:
            (faster / "file").write_text("faster")
    assert (part / "file").read_text() == "faster"
    assert [p.name for p in tmp_path.iterdir()] == ["part"]


def test_a_damaged_part_is_replaced_by_a_new_one(tmp_path: Path) -> None:
    part = tmp_path / "part"
    with writing(part, "hash") as folder:
        (folder / "file").write_text("good")
    (part / "file").write_text("bad!")
    with writing(part, "hash") as folder:
        (folder / "file").write_text("new!")
    assert verify(part)
    assert (part / "file").read_text() == "new!"


@pytest.mark.parametrize("damage", ["flip", "cut", "missing", "manifest", "format"])
def test_damage_is_found_and_the_remedy_named(copy: ConvertedModel, damage: str) -> None:
    part = copy.folder / f"{LANGUAGE}-fp32"
    weights = part / "slow.weights"
    data = bytearray(weights.read_bytes())
    match damage:
        case "flip":
            data[len(data) // 2] ^= 1
            weights.write_bytes(data)
        case "cut":
            weights.write_bytes(data[:-100])
        case "missing":
            weights.unlink()
        case "manifest":
            (part / MANIFEST).write_text("{")
        case "format":
            manifest = json.loads((part / MANIFEST).read_text()) | {"format": 0}
            (part / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ModelStoreError, match="fishvoice models remove"):
        copy.graph(SLOW, "fp32")


def test_a_precision_that_was_not_converted_is_told_with_the_ones_that_were(tiny_model: ConvertedModel) -> None:
    with pytest.raises(ModelStoreError, match=r"no int4 language \(it has: fp32\).*--precision int4"):
        tiny_model.graph(SLOW, "int4")
    assert tiny_model.precisions(DECODER) == ["fp32"]


def test_list_find_and_remove(copy: ConvertedModel) -> None:
    store = ModelStore(copy.folder.parent)
    assert [m.name for m in store.models() if isinstance(m, ConvertedModel)] == ["tiny"]
    found = store.find("tiny")
    assert found is not None
    assert found.folder == copy.folder
    assert store.find("other") is None
    with pytest.raises(ModelStoreError, match="no converted model 'other'"):
        store.remove("other")
    assert store.remove("tiny") == copy.folder
    assert list(store.models()) == []


def test_a_damaged_model_is_listed_as_such_and_can_be_removed(copy: ConvertedModel) -> None:
    (copy.folder / ABOUT / MANIFEST).unlink()
    store = ModelStore(copy.folder.parent)
    (error,) = store.models()
    assert isinstance(error, ModelStoreError)
    store.remove(copy.folder.name)
    assert not copy.folder.exists()


def test_a_shipped_model_is_found_but_not_removed(copy: ConvertedModel, tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "own", (copy.folder,))
    assert store.find("tiny") is not None
    with pytest.raises(ModelStoreError, match="came with the package"):
        store.remove("tiny")
    assert copy.folder.exists()
