"""int4 beside int8 on a hot machine: when there is one, and that the same voice goes on in it."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from fishvoice.protocol import Synthesize
from fishvoiced.backends.fish.backend import FishBackend
from fishvoiced.backends.fish.calibration.figures import Figure
from fishvoiced.backends.fish.convert.importer import import_checkpoint
from fishvoiced.backends.fish.engine.lighter import LoadedMeanwhile, lighter_precision
from fishvoiced.backends.fish.engine.onnx_engine import OnnxEngine
from fishvoiced.backends.fish.store.catalog import Catalog
from fishvoiced.backends.fish.store.models import ConvertedModel, ModelStore
from fishvoiced.backends.fish.store.voices import VoiceStore
from fishvoiced.config import Config, Engine
from fishvoiced.errors import EngineError
from fishvoiced.synthesis.base import Chunk, Lightened, Step
from fishvoiced.voices.registry import VoiceRegistry
from tools.harness.daemon_process import eventually

TEXT = "The first sentence. And then a second one, which is a little longer than that. A third."
ALL = ["fp32", "fp16", "int8", "int4"]


def figures(*rtfs: tuple[str, float], disturbed: bool = False) -> list[Figure]:
    return [Figure(language, "int8", 2, rtf, disturbed) for language, rtf in rtfs]


@pytest.mark.parametrize(
    ("running", "converted", "smallest", "measured", "lighter"),
    [
        ("int8", ["int8", "int4"], "int4", (), "int4"),
        ("fp32", ALL, "int4", (), "int4"),
        ("int4", ALL, "int4", (), None),
        ("int8", ["int8"], "int4", (), None),
        ("int8", ["int8", "int4"], "int8", (), None),  # without AVX2 4 bits are slower than 8
        ("fp32", ALL, "int8", (), "int8"),
        ("int8", ["int8", "int4"], "int4", (("int8", 1.2), ("int4", 0.8)), "int4"),
        ("int8", ["int8", "int4"], "int4", (("int8", 1.0), ("int4", 0.95)), None),  # nothing to gain here
        ("fp32", ALL, "int4", (("fp32", 2.0), ("int8", 1.0), ("int4", 2.1)), "int8"),
    ],
)
def test_the_smallest_converted_one_that_is_faster_here_is_lighter(
    running: str, converted: list[str], smallest: str, measured: tuple[tuple[str, float], ...], lighter: str | None
) -> None:
    assert lighter_precision(running, converted, smallest, figures(*measured)) == lighter


def test_figures_of_a_busy_machine_decide_nothing() -> None:
    busy = figures(("int8", 1.0), ("int4", 2.0), disturbed=True)
    assert lighter_precision("int8", ["int8", "int4"], "int4", busy) == "int4"


@pytest.fixture(scope="module")
def both(tiny_checkpoint: Path, tiny_model: ConvertedModel, tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    """The tiny model with an int8 language model beside the fp32 one."""
    root = tmp_path_factory.mktemp("both")
    shutil.copytree(tiny_model.folder, root / tiny_model.folder.name)
    store = ModelStore(root)
    import_checkpoint(tiny_checkpoint, store, "int8", "fp32")
    return store


@pytest.fixture
def registry(both: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VoiceRegistry:
    monkeypatch.setenv("FISHVOICE_HOME", str(tmp_path))
    settings = Config(engine=Engine(precision="fp32", threads=1))
    return VoiceRegistry([FishBackend(settings, Catalog(both, VoiceStore(tmp_path / "voices"), "tiny"))], "tiny")


def lightened(registry: VoiceRegistry, **options: object) -> list[Step]:
    """All steps of the text, on a machine that is too hot from the first one on; loading has time before that."""
    utterance = registry.open(Synthesize(id="a", text=TEXT, voice="tiny", **options))  # type: ignore[arg-type]
    if utterance.lighten():
        model = registry._resident["tiny"].model
        eventually(lambda: all(each.ready() for each in model._lighter.values()))  # type: ignore[attr-defined]
    return list(utterance.steps)


def test_a_hot_machine_goes_on_in_fewer_bits_and_says_so(registry: VoiceRegistry) -> None:
    steps = lightened(registry)
    change = next(step for step in steps if isinstance(step, Lightened))
    assert change.message == "'tiny' goes on in int8 instead of fp32, because the machine is too hot for more"
    assert change.model == "tiny in int8"
    assert {step.segment for step in steps if isinstance(step, Chunk)} == {0, 1}
    registry.reset()


def test_status_tells_of_the_streams_of_a_model(registry: VoiceRegistry) -> None:
    steps = registry.open(Synthesize(id="a", text=TEXT, voice="tiny", seed=1)).steps
    next(step for step in steps if isinstance(step, Chunk))
    (loaded,) = registry.loaded()
    assert (loaded.streams.most, loaded.streams.begun) == (4, 1)
    assert loaded.streams.bytes > 0
    steps.close()
    assert registry.loaded()[0].streams.begun == 0
    registry.reset()


def test_a_request_that_names_a_seed_gets_the_very_same_sound(registry: VoiceRegistry) -> None:
    assert not any(isinstance(step, Lightened) for step in lightened(registry, seed=7))
    registry.reset()


def test_loading_keeps_nobody_waiting_and_a_failure_is_told(onnx_engine: OnnxEngine) -> None:
    gate = threading.Event()

    def slow() -> OnnxEngine:
        gate.wait(30)
        raise EngineError("no room")

    loading = LoadedMeanwhile(slow)
    assert not loading.ready()
    gate.set()
    with pytest.raises(EngineError, match="no room"):
        eventually(loading.ready)
    loading.close()


def test_what_is_closed_while_it_loads_is_closed_when_it_is_loaded(both: ModelStore) -> None:
    gate, closed = threading.Event(), threading.Event()

    class Closing(OnnxEngine):
        def close(self) -> None:
            super().close()
            closed.set()

    def load() -> OnnxEngine:
        gate.wait(30)
        from fishvoiced.backends.onnx_sessions import Runtime

        return Closing(both.find("tiny"), "int8", "fp32", Runtime(threads=1, spinning=False))

    loading = LoadedMeanwhile(load)
    loading.ready()
    loading.close()
    assert not closed.is_set()
    gate.set()
    assert closed.wait(30)
