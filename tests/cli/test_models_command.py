"""``fishvoice models``: what precisions cost, what is there, and what is removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from fishvoiced.backends.fish.calibration import kernels
from fishvoiced.backends.fish.calibration.figures import Calibration, Figure
from fishvoiced.backends.fish.convert import graph
from fishvoiced.backends.fish.convert.importer import import_checkpoint
from fishvoiced.backends.fish.engine.onnx_engine import OnnxEngine
from fishvoiced.backends.fish.prompt import build_prompt
from fishvoiced.backends.fish.store import parts
from fishvoiced.backends.fish.store.models import ConvertedModel, ModelStore
from fishvoiced.backends.fish.types import SamplingOptions
from fishvoiced.backends.onnx_sessions import Runtime
from fishvoiced.cli.models.command import models_command
from fishvoiced.hardware.detect.collect import collect


@pytest.fixture(autouse=True)
def quick_kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FISHVOICE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(kernels, "COLD_BYTES", 1 << 20)


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


def test_precision_without_a_value_tells_what_each_costs_before_anything_is_fetched(
    store: ModelStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert models_command(["pull", "--precision"], store) == 0
    licence, heading, *lines = capsys.readouterr().out.splitlines()
    assert licence == "licence CC-BY-NC-SA-4.0 (not for commercial use)"
    assert "precisions of s1-mini on this machine" in heading
    for precision, line in zip(("fp32", "fp16", "int8", "int4"), lines, strict=False):
        assert line.strip().startswith(precision)
        assert "s of work for a second of sound" in line
        assert "GB of memory" in line
        assert "predicted" in line
    assert sum("suits this machine" in line for line in lines) == 1
    assert not store.folder.exists()


def test_precision_without_a_value_reads_a_folder(
    store: ModelStore, tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert models_command(["import", str(tiny_checkpoint), "--name", "mine", "--precision"], store) == 0
    assert "precisions of mine on this machine" in capsys.readouterr().out
    assert models_command(["import", "no such folder", "--precision"], store) == 1
    assert "does not exist" in capsys.readouterr().err
    assert models_command(["pull", "someone/else", "--precision"], store) == 1
    assert "is known once it is here" in capsys.readouterr().err


def test_show_tells_measured_from_predicted(
    store: ModelStore, tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = import_checkpoint(tiny_checkpoint, store, "fp32", "fp32")
    Calibration(model, collect()).predict((Figure("fp32", "fp32", 1, 0.5), Figure("fp32", "fp32", 2, 0.25)))
    assert models_command(["show", "tiny"], store) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "0.25 s of work" in lines["fp32"]
    assert "measured here, installed" in lines["fp32"]
    assert "predicted" in lines["int4"]
    assert "installed" not in lines["int4"]


def test_precisions_side_by_side_share_their_tables_and_both_speak(
    store: ModelStore, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(graph, "SMALLEST_OWN_FILE", 1024)
    monkeypatch.setattr(graph, "SMALLEST_HALVED_TABLE", 1024)
    monkeypatch.setattr(parts, "SHARED_BYTES", 1024)
    for precision in ("int4", "int8", "fp16"):
        model = import_checkpoint(tiny_checkpoint, store, precision, "int8")
    tables = [model.folder / f"language-{precision}" / "slow.tables" for precision in ("int4", "int8", "fp16")]
    assert len({table.stat().st_ino for table in tables}) == 1, "one file on the disk"
    counted = sum(file.stat().st_size for file in model.folder.rglob("*") if file.is_file())
    assert model.size() <= counted - 2 * tables[0].stat().st_size
    assert models_command(["verify"], store) == 0
    for precision in ("int4", "int8", "fp16"):
        assert speaks(model, precision)
    assert models_command(["remove", "tiny"], store) == 0
    assert list(store.models()) == []
    capsys.readouterr()


def test_a_damaged_table_is_shared_with_nobody(
    store: ModelStore, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph, "SMALLEST_OWN_FILE", 1024)
    monkeypatch.setattr(graph, "SMALLEST_HALVED_TABLE", 1024)
    monkeypatch.setattr(parts, "SHARED_BYTES", 1024)
    model = import_checkpoint(tiny_checkpoint, store, "int4", "int8")
    table = model.folder / "language-int4" / "slow.tables"
    damaged = bytearray(table.read_bytes())
    damaged[100] ^= 1
    table.write_bytes(damaged)
    import_checkpoint(tiny_checkpoint, store, "int8", "int8")
    assert parts.is_whole(model.folder / "language-int8")
    import_checkpoint(tiny_checkpoint, store, "int4", "int8")
    assert parts.is_whole(model.folder / "language-int4")
    assert models_command(["verify"], store) == 0


def speaks(model: ConvertedModel, precision: str) -> bool:
    engine = OnnxEngine(model, precision, "int8", Runtime(threads=1, spinning=False))
    prompt = build_prompt(model.tokenizer(), model.config.dual_ar.num_codebooks, "Hello.", [])
    frames = list(engine.generate(prompt, SamplingOptions(0.7, 0.7, 1.5), 1, 3))
    engine.close()
    return len(frames) > 0
