"""Joined operators compute what the separate ones did, and only such pairs are joined as may be."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx_ir as ir
import onnxruntime as ort
import pytest

from fishvoiced.fish.convert.fusion import NORM, fuse_sums_with_norms
from fishvoiced.onnx_sessions import Array

WIDTH = 32


def residual(*, rank: int = 3, broadcast: bool = False) -> ir.Model:
    """``sum = x + y; normed = norm(sum); again = sum + normed``: the sum goes on, as in a transformer."""
    shape = ir.Shape([1, "columns", WIDTH][-rank:])
    x = ir.val("x", ir.DataType.FLOAT, shape)
    y = ir.val("y", ir.DataType.FLOAT, ir.Shape([1, 1, WIDTH][-rank:]) if broadcast else shape)
    gamma = np.random.default_rng(2).standard_normal(WIDTH).astype(np.float32)
    scale = ir.val("scale", const_value=ir.tensor(gamma, name="scale"))
    add = ir.node("Add", [x, y])
    norm = ir.node(NORM, [add.outputs[0], scale], {"axis": -1, "epsilon": 1e-3, "stash_type": 1})
    again = ir.node("Add", [add.outputs[0], norm.outputs[0]])
    for node, name in ((add, "sum"), (norm, "normed"), (again, "again")):
        node.outputs[0].name, node.outputs[0].shape, node.outputs[0].dtype = name, shape, ir.DataType.FLOAT
    graph = ir.Graph(
        [x, y],
        [add.outputs[0], again.outputs[0]],
        nodes=[add, norm, again],
        initializers=[scale],
        opset_imports={"": 21, "com.microsoft": 1},
        name="g",
    )
    return ir.Model(graph, ir_version=10)


def run(model: ir.Model, x: Array, y: Array) -> list[Array]:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    results: list[Array] = ort.InferenceSession(ir.to_proto(model).SerializeToString(), options).run(
        None, {"x": x, "y": y}
    )
    return results


def test_a_sum_and_its_norm_are_joined_and_compute_the_same() -> None:
    x, y = np.random.default_rng(3).standard_normal((2, 1, 5, WIDTH)).astype(np.float32)
    apart, joined = residual(), residual()
    assert fuse_sums_with_norms(joined) == 1
    assert Counter(node.op_type for node in joined.graph) == {f"Skip{NORM}": 1, "Add": 1}
    for wanted, got in zip(run(apart, x, y), run(joined, x, y), strict=True):
        assert np.abs(wanted).max() > 1
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("model", [residual(broadcast=True), residual(rank=2)], ids=["broadcast", "two axes"])
def test_what_the_joined_operator_does_not_promise_stays_apart(model: ir.Model) -> None:
    assert fuse_sums_with_norms(model) == 0
    assert Counter(node.op_type for node in model.graph) == {NORM: 1, "Add": 2}
