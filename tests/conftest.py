"""What the whole suite shares: models, made once because converting takes half a minute; a home and a daemon in it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from fishvoiced.backends.fish.convert.importer import import_checkpoint
from fishvoiced.backends.fish.engine.base import Engine
from fishvoiced.backends.fish.engine.onnx_engine import OnnxEngine
from fishvoiced.backends.fish.engine.torch_engine import TorchEngine
from fishvoiced.backends.fish.store.models import ConvertedModel, ModelStore
from fishvoiced.backends.onnx_sessions import Runtime
from tools.harness.daemon_process import Daemon, Manager, Wire, running
from tools.random_checkpoint import make

# How fast examples are drawn says something about a busy machine, nothing about the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder in upstream's format: small, with random weights."""
    return make(tmp_path_factory.mktemp("checkpoints") / "tiny")


@pytest.fixture(scope="session")
def tiny_store(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    return ModelStore(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def tiny_model(tiny_checkpoint: Path, tiny_store: ModelStore) -> ConvertedModel:
    """The tiny checkpoint converted in fp32."""
    return import_checkpoint(tiny_checkpoint, tiny_store, "fp32", "fp32")


@pytest.fixture(scope="session")
def onnx_engine(tiny_model: ConvertedModel) -> OnnxEngine:
    return OnnxEngine(tiny_model, "fp32", "fp32", Runtime(threads=1, spinning=False))


@pytest.fixture(scope="session")
def torch_engine(tiny_checkpoint: Path) -> TorchEngine:
    return TorchEngine(tiny_checkpoint)


@pytest.fixture(params=["onnx", "torch"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each of our own engines in turn: they must be interchangeable."""
    fixture: Engine = request.getfixturevalue(f"{request.param}_engine")
    return fixture


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder whose path is short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="fv-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def daemon(home: Path) -> Iterator[Daemon]:
    with running(home) as started:
        yield started


@pytest.fixture
def client(daemon: Daemon) -> Iterator[Wire]:
    with daemon.client() as connected:
        yield connected


@pytest.fixture
def manager(home: Path) -> Iterator[Manager]:
    listening = Manager(home / "notify")
    yield listening
    listening.socket.close()
