"""Without ONNX Runtime, or with an export that fails, PyTorch speaks: and says so."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from fishvoice.protocol import AudioEnd, AudioStart
from fishvoiced.backends.fish.convert.importer import Conversion, import_checkpoint
from fishvoiced.backends.fish.convert.shared_weights import list_weights
from fishvoiced.backends.fish.engine.select import EngineChoice, open_engine
from fishvoiced.backends.fish.engine.torch_engine import TorchEngine
from fishvoiced.backends.fish.prompt import build_prompt
from fishvoiced.backends.fish.store.catalog import STARTER_FOLDER
from fishvoiced.backends.fish.store.models import ConvertedModel, ModelStore
from fishvoiced.backends.fish.types import SamplingOptions
from fishvoiced.cli.models.command import models_command
from fishvoiced.config import Config, ConfigError, load
from fishvoiced.errors import EngineError, ModelStoreError
from fishvoiced.hardware.detect.collect import collect
from tools.harness.daemon_process import chunks, running

GREEDY = SamplingOptions(1.0, 0.0, 1.0)


@pytest.fixture
def shipped(tmp_path: Path) -> ConvertedModel:
    """The starter voice as the wheel has it: without its checkpoint."""
    converted = next((STARTER_FOLDER / "converted").iterdir())
    model = ConvertedModel.open(shutil.copytree(converted, tmp_path / "package" / "converted" / converted.name))
    assert model.source is None
    return model


def test_the_shipped_voice_sounds_in_torch_as_in_onnx_runtime(shipped: ConvertedModel) -> None:
    facts = collect()
    onnx, _ = open_engine(shipped, EngineChoice("onnx", "fp16", "fp16"), facts)
    torch, notice = open_engine(shipped, EngineChoice("torch"), facts)
    assert notice is None
    prompt = build_prompt(torch.tokenizer, torch.config.dual_ar.num_codebooks, "HH AH0 L OW1", ())
    there, here = ([*engine.generate(prompt, GREEDY, 0, 24)] for engine in (onnx, torch))
    np.testing.assert_array_equal(np.concatenate(here, 1), np.concatenate(there, 1))
    sounds = [engine.decoder().decode(np.concatenate(there, 1)) for engine in (onnx, torch)]
    assert np.abs(sounds[0]).max() > 0.01
    np.testing.assert_allclose(sounds[1], sounds[0], atol=2e-3)


def test_the_weights_of_any_converted_model_are_found_in_its_graphs(
    tiny_model: ConvertedModel, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(tiny_model.folder, tmp_path / tiny_model.folder.name)
    weights = sum(file.stat().st_size for file in copy.rglob("*.weights"))
    assert list_weights(ConvertedModel.open(copy), tiny_checkpoint) < weights / 10
    model = ConvertedModel.open(copy)  # the manifest knows the list
    found, original = TorchEngine.of_converted(model), TorchEngine(tiny_checkpoint)
    prompt = build_prompt(original.tokenizer, original.config.dual_ar.num_codebooks, "hello", ())
    for one, other in zip(found.generate(prompt, GREEDY, 0, 8), original.generate(prompt, GREEDY, 0, 8), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_list_that_does_not_fit_is_refused(shipped: ConvertedModel) -> None:
    (shipped.folder / "language-fp16" / "slow.weights").write_bytes(b"short")
    with pytest.raises(ModelStoreError, match="does not fit"):
        TorchEngine.of_converted(shipped)


WITHOUT_ONNX_RUNTIME = 'import sys\nsys.modules["onnxruntime"] = None\n'


def test_with_torch_and_without_onnx_runtime_the_daemon_speaks_and_says_how(
    home: Path, shipped: ConvertedModel
) -> None:
    """The package as installed: its starter folder has the graphs alone."""
    package = home / "package"
    source = Path(__file__).resolve().parents[4]
    ignore = shutil.ignore_patterns("*.pth", "__pycache__")
    shutil.copytree(source / "daemon" / "fishvoiced", package / "fishvoiced", ignore=ignore)
    (package / "sitecustomize.py").write_text(WITHOUT_ONNX_RUNTIME)
    path = f"{package}:{source / 'client'}:{source}"
    with running(home, ready=False, module="fishvoiced", env={"PYTHONPATH": path}) as daemon, daemon.client() as client:
        messages = client.until_end(client.speak("Hello.", seed=1), within=110.0)
        start = next(message for message in messages if isinstance(message, AudioStart))
        assert start.voice == "starter"
        assert "PyTorch does instead" in (start.notice or "")
        assert isinstance(messages[-1], AudioEnd)
        assert messages[-1].finish_reason == "complete"
        assert len(chunks(messages)) > 1
        assert [each["engine"] for each in client.status()["models"]] == ["torch"]


@pytest.fixture
def unexportable(monkeypatch: pytest.MonkeyPatch) -> None:
    def write(*_: object) -> None:
        raise RuntimeError("operator aten::imaginary is not supported\nby this exporter")

    monkeypatch.setattr(Conversion, "write", write)


@pytest.mark.usefixtures("unexportable")
def test_an_export_that_fails_is_told_kept_and_spoken_by_torch(
    tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = ModelStore(tmp_path)
    model = import_checkpoint(tiny_checkpoint, store, "fp32", "fp32")
    assert "aten::imaginary is not supported" in (model.unconverted or "")
    assert models_command(["list"], store) == 0
    assert "runs in PyTorch only: its language could not be converted: RuntimeError" in capsys.readouterr().out
    engine, notice = open_engine(model, EngineChoice(), collect())
    assert engine.name == "torch"
    assert "aten::imaginary" in (notice or "")


def test_an_import_that_succeeds_later_forgets_the_reason(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(Conversion, "write", lambda *_: 1 / 0)
        assert import_checkpoint(tiny_checkpoint, ModelStore(tmp_path), "fp32", "fp32").unconverted
    assert import_checkpoint(tiny_checkpoint, ModelStore(tmp_path), "fp32", "fp32").unconverted is None


def test_the_device_of_torch_comes_from_the_settings() -> None:
    settings = load(None, {"FISHVOICE_ENGINE_DEVICE": "cuda"}, {})
    assert settings.engine.device == "cuda"
    with pytest.raises(ConfigError, match="device"):
        load(None, {}, {"engine": {"device": "tpu"}})
    assert Config().engine.device == "cpu"


def test_a_device_that_is_not_there_is_an_error_that_names_it(shipped: ConvertedModel) -> None:
    with pytest.raises(EngineError, match="cannot use device 'cuda'"):
        open_engine(shipped, EngineChoice("torch", device="cuda"), collect())
