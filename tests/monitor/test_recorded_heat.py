"""Heat and the real engine: slower, never different."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fishvoice import Client
from fishvoice.errors import FishvoiceError
from fishvoiced.backends.fish.store.models import ConvertedModel
from tests.daemon.test_heat import Notebook
from tools.harness.daemon_process import ROOT, eventually

TEXT = "The first sentence. And then a second one, which is a little longer than that. A third."


@pytest.fixture
def notebook(tiny_model: ConvertedModel, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notebook]:
    """A user with one converted model and a daemon on a notebook with sensors."""
    folder = Path(tempfile.mkdtemp(prefix="fvh", dir="/tmp"))
    models = folder / "cache" / "models"
    models.mkdir(parents=True)
    shutil.copytree(tiny_model.folder, models / tiny_model.folder.name)
    made = Notebook(folder / "machine")
    for name, value in {
        "HOME": str(folder),
        "VOICE": "tiny",
        "ENGINE_PRECISION": "fp32",
        "ENGINE_THREADS": "2",
        "MONITOR_ROOT": str(made.root),
        "MONITOR_TIME_SCALE": "0.02",
    }.items():
        monkeypatch.setenv(f"FISHVOICE_{name}", value)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(str(ROOT / part) for part in ("client", "daemon")))
    yield made
    made.stop()
    with contextlib.suppress(FishvoiceError), Client(start=False) as client:
        client.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


def phase(client: Client) -> str | None:
    thermal = client.status()["thermal"]
    return None if thermal is None else str(thermal["phase"])


def speak(client: Client) -> tuple[bytes, set[str | None]]:
    heard = list(client.synthesize(TEXT, seed=5))
    return b"".join(bytes(chunk.pcm) for chunk in heard), {chunk.throttled for chunk in heard}


def test_a_seed_sounds_the_same_on_a_hot_machine(notebook: Notebook) -> None:
    with Client() as client:
        list(client.synthesize("Warm."))
        eventually(lambda: phase(client) == "normal")
        cool, told = speak(client)
        assert told == {None}
        notebook.heat(95)
        notebook.throttled.set()
        eventually(lambda: phase(client) == "cooldown")
        cooled = threading.Timer(1.0, notebook.throttled.clear)
        cooled.start()
        notebook.heat(60)
        hot, told = speak(client)
        cooled.join()
        assert told == {None}, "so small a voice costs nothing worth a rest"
        assert hot == cool
