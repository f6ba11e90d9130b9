"""Imports: without torch, resumed after any end, refused before they begin where they cannot succeed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fishvoice.locks import FileLock
from fishvoiced.backends.fish.convert import resources
from fishvoiced.backends.fish.convert.importer import SPOKEN, import_checkpoint
from fishvoiced.backends.fish.store.models import DECODER, ENCODER, LANGUAGE, ConvertedModel, ModelStore
from fishvoiced.backends.fish.store.parts import is_whole, parts_of
from fishvoiced.errors import CheckpointError, ModelStoreError
from tools.random_checkpoint import S1_MINI

COMMAND = """
import sys
from pathlib import Path
from fishvoiced.backends.fish.convert.importer import import_checkpoint
from fishvoiced.backends.fish.store.models import ModelStore
store = ModelStore(Path(sys.argv[2]))
import_checkpoint(Path(sys.argv[1]), store, "int4", "int8", lambda what, share: print(what, flush=True))
assert "torch" not in sys.modules
"""


def start(checkpoint: Path, store: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", COMMAND, str(checkpoint), str(store)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def contents(model: Path) -> dict[str, bytes]:
    return {str(f.relative_to(model)): f.read_bytes() for f in sorted(model.rglob("*")) if f.is_file()}


def test_an_import_killed_at_ten_moments_ends_as_one_that_was_not(tiny_checkpoint: Path, tmp_path: Path) -> None:
    began = time.monotonic()
    said, _ = start(tiny_checkpoint, tmp_path / "whole").communicate()
    lasted = time.monotonic() - began
    assert "done" in said
    store = ModelStore(tmp_path / "killed")
    dice = random.Random(3)
    for _ in range(10):
        process = start(tiny_checkpoint, store.folder)
        try:
            process.wait(dice.uniform(0.2, 1.0) * lasted)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.communicate()
        for model in store.models():
            assert isinstance(model, ConvertedModel), "nothing half-made is listed"
            assert all(is_whole(part) for part in parts_of(model.folder))
    said, _ = start(tiny_checkpoint, store.folder).communicate()
    assert "done" in said, said
    (model,) = store.models()
    (whole,) = ModelStore(tmp_path / "whole").models()
    assert isinstance(model, ConvertedModel)
    assert isinstance(whole, ConvertedModel)
    assert not list(model.folder.glob(".*")), "nothing is left behind"
    assert contents(model.folder).keys() == contents(whole.folder).keys()
    assert store.unfinished() == []


def test_the_same_checkpoint_gives_the_same_bytes(tiny_checkpoint: Path, tmp_path: Path) -> None:
    first, second = (
        import_checkpoint(tiny_checkpoint, ModelStore(tmp_path / name), "int8", "int8") for name in ("a", "b")
    )
    one, other = contents(first.folder), contents(second.folder)
    spoken = [np.load(model.folder / SPOKEN)["said0"] for model in (first, second)]
    np.testing.assert_array_equal(*spoken)
    assert {name for name in one if one[name] != other[name] and name != SPOKEN} == set()


def test_an_unfinished_import_is_no_model_and_can_be_removed(tiny_checkpoint: Path, tmp_path: Path) -> None:
    model = import_checkpoint(tiny_checkpoint, ModelStore(tmp_path), "fp32", "fp32")
    shutil.rmtree(model.folder / "about")
    store = ModelStore(tmp_path)
    assert list(store.models()) == []
    assert store.unfinished() == [model.folder]
    store.remove(model.folder.name)
    assert store.unfinished() == []


def test_another_precision_costs_its_own_parts_alone(tiny_checkpoint: Path, tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    first = import_checkpoint(tiny_checkpoint, store, "fp32", "fp32")
    kept = {part.name: (part / "manifest.json").stat().st_mtime_ns for part in parts_of(first.folder)}
    said: list[str] = []
    import_checkpoint(tiny_checkpoint, store, "fp16", "fp32", lambda what, _share: said.append(what))
    assert not [what for what in said if what.startswith("codec")]
    now = {part.name: (part / "manifest.json").stat().st_mtime_ns for part in parts_of(first.folder)}
    assert now.items() >= kept.items()


def test_two_imports_at_once_are_one_too_many(tiny_checkpoint: Path, tmp_path: Path) -> None:
    with FileLock(tmp_path / ".import.lock") as lock:
        assert lock.try_acquire()
        with pytest.raises(ModelStoreError, match="another import"):
            import_checkpoint(tiny_checkpoint, ModelStore(tmp_path), "fp32", "fp32")


def test_too_little_memory_is_told_beforehand_with_figures(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "BASE_BYTES", 1 << 50)
    with pytest.raises(ModelStoreError, match=r"needs .* GB of memory, and .* GB are free"):
        import_checkpoint(tiny_checkpoint, ModelStore(tmp_path), "int4", "int8")


def test_too_small_a_disk_is_told_beforehand_with_figures(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "SPARE_BYTES", 1 << 60)
    with pytest.raises(ModelStoreError, match=r"GB of disk in .* GB are free"):
        import_checkpoint(tiny_checkpoint, ModelStore(tmp_path), "int4", "int8")


def test_s1_mini_fits_a_laptop_of_8_gb() -> None:
    parts = [(LANGUAGE, "int4"), (DECODER, "int8"), (ENCODER, "fp32")]
    assert resources.memory_bytes(S1_MINI, parts) < 3_000_000_000
    assert resources.disk_bytes(S1_MINI, parts) < 4_000_000_000


def test_a_name_of_ones_own(tiny_checkpoint: Path, tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    assert import_checkpoint(tiny_checkpoint, store, "fp32", "fp32", name="mine").name == "mine"
    assert store.find("mine") is not None
    with pytest.raises(CheckpointError, match="no name for a model"):
        import_checkpoint(tiny_checkpoint, store, "fp32", "fp32", name="../mine")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="mounts a small disk")
def test_a_disk_that_fills_up_meanwhile_leaves_nothing_behind(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1M", "tmpfs", str(disk)], check=False).returncode:
        pytest.skip("no right to mount")
    try:
        monkeypatch.setattr(resources, "SPARE_BYTES", -(1 << 40))
        with pytest.raises(ModelStoreError, match="free some space"):
            import_checkpoint(tiny_checkpoint, ModelStore(disk), "fp32", "fp32")
        whole = [part for model in ModelStore(disk).unfinished() for part in parts_of(model) if is_whole(part)]
        files = [f for f in disk.rglob("*") if f.is_file() and f.name != ".import.lock"]
        assert all(f.parent in whole for f in files), "what is left are whole parts, which the next import keeps"
    finally:
        subprocess.run(["umount", str(disk)], check=True)
