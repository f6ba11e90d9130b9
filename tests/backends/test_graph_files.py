"""Where a graph's weights lie: found wherever a tensor can stand, refused outside the graph's own folder."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import onnx
import pytest
from hypothesis import given
from onnx import helper, numpy_helper

from fishvoiced.backends.fish.store.catalog import STARTER_FOLDER
from fishvoiced.backends.graph_files import external_files
from fishvoiced.backends.untrusted import UntrustedFolder
from fishvoiced.errors import ModelStoreError

GRAPHS = sorted(STARTER_FOLDER.glob("converted/*/*/*.onnx"))


def tensor(location: str) -> onnx.TensorProto:
    """Four numbers that lie at the beginning of the file ``location``."""
    weights = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[4])
    weights.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "16")):
        weights.external_data.add(key=key, value=value)
    return weights


def graph(*nodes: onnx.NodeProto, weights: list[onnx.TensorProto]) -> onnx.GraphProto:
    x, y = (helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [4]) for name in "xy")
    return helper.make_graph(list(nodes), "g", [x], [y], weights)


def sparse(location: str) -> onnx.GraphProto:
    found = graph(weights=[])
    found.sparse_initializer.add().values.CopyFrom(tensor(location))
    return found


PLACES: dict[str, Callable[[str], onnx.GraphProto]] = {
    "a weight": lambda to: graph(weights=[tensor(to)]),
    "a sparse weight": sparse,
    "a constant": lambda to: graph(helper.make_node("Constant", [], ["w"], value=tensor(to)), weights=[]),
    "a constant in a branch": lambda to: graph(
        helper.make_node("If", ["x"], ["y"], then_branch=graph(weights=[tensor(to)]), else_branch=graph(weights=[])),
        weights=[],
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_the_file_is_found_wherever_a_tensor_can_stand(place: str) -> None:
    model = helper.make_model(PLACES[place]("../secret"))
    assert external_files(model.SerializeToString()) == {"../secret"}


def test_a_tensor_in_a_function_is_found() -> None:
    constant = helper.make_node("Constant", [], ["w"], value=tensor("/etc/passwd"))
    function = helper.make_function("own", "f", [], ["w"], [constant], [helper.make_opsetid("", 17)])
    model = helper.make_model(graph(weights=[]), functions=[function])
    assert external_files(model.SerializeToString()) == {"/etc/passwd"}


@pytest.mark.parametrize("path", GRAPHS, ids=lambda path: path.name)
def test_of_whole_graphs_it_says_what_onnx_itself_says(path: Path) -> None:
    weights = onnx.load(path, load_external_data=False).graph.initializer
    theirs = {entry.value for each in weights for entry in each.external_data if entry.key == "location"}
    assert external_files(path.read_bytes()) == theirs


def test_weights_in_the_graph_itself_name_no_file() -> None:
    model = helper.make_model(graph(weights=[numpy_helper.from_array(np.ones(4, np.float32), "w")]))
    assert external_files(model.SerializeToString()) == set()


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "", ".", "a/b", "link", "pipe", "gone", "x" * 300])
def test_a_graph_reads_regular_files_of_its_own_folder_only(tmp_path: Path, location: str) -> None:
    folder = tmp_path / "part"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(b"x" * 16)
    (folder / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(folder / "pipe")
    (folder / "a.onnx").write_bytes(helper.make_model(PLACES["a weight"](location)).SerializeToString())
    with pytest.raises(ModelStoreError, match=str(folder)):
        UntrustedFolder(folder, ModelStoreError).graph("a.onnx")
    (folder / "weights").write_bytes(b"x" * 16)
    (folder / "a.onnx").write_bytes(helper.make_model(PLACES["a weight"]("weights")).SerializeToString())
    assert UntrustedFolder(folder, ModelStoreError).graph("a.onnx") == folder / "a.onnx"
    with pytest.raises(ModelStoreError, match="from other files"):
        UntrustedFolder(folder, ModelStoreError).graph("a.onnx", weights_inside=True)


def test_branches_within_branches_without_end_are_refused() -> None:
    message = b""
    for _ in range(200):  # a node, its attribute, a graph in that: fields 1, 5 and 6
        for number in (6, 5, 1):
            message = _field(number, message)
    with pytest.raises(ValueError, match="deeply"):
        external_files(_field(7, message))


def _field(number: int, content: bytes) -> bytes:
    length, size = b"", len(content)
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return struct.pack("B", number << 3 | 2) + length + bytes([size]) + content


WHOLE = helper.make_model(PLACES["a constant in a branch"]("../secret")).SerializeToString()


@given(st.binary(max_size=200))
def test_any_bytes_are_names_or_no_graph(content: bytes) -> None:
    with suppress(ValueError):
        assert all(isinstance(name, str) for name in external_files(content))


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255))
def test_a_changed_byte_ends_in_names_or_one_error(at: int, value: int) -> None:
    changed = bytearray(WHOLE)
    changed[at] = value
    with suppress(ValueError):
        assert all(isinstance(name, str) for name in external_files(bytes(changed)))
