"""Rounded weights: how far off they are, and that ONNX Runtime multiplies with what was packed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from fishvoiced.backends.fish.checkpoint.tensors import Weight
from fishvoiced.backends.fish.convert.graph import Graph
from fishvoiced.backends.fish.convert.transformer import FLOAT
from fishvoiced.backends.fish.quantize import weights as weight_quantization
from fishvoiced.backends.fish.quantize.weights import HEAD_BITS, Packed, pack, unpacked
from fishvoiced.backends.onnx_sessions import Runtime, Session


def unpack(packed: Packed, bits: int) -> NDArray[np.float32]:
    """Packed → [in, out]."""
    return unpacked(packed, bits).T


def weights(rows: int, columns: int) -> NDArray[np.float32]:
    return np.random.default_rng(1).standard_normal((rows, columns)).astype(np.float32)


def relative_error(packed: Packed, bits: int, weight: NDArray[np.float32]) -> float:
    return float(np.square(unpack(packed, bits) - weight).sum() / np.square(weight).sum())


@pytest.mark.parametrize(("bits", "most"), [(8, 6e-5), (4, 0.0105)])
def test_the_error_of_rounding_is_small(bits: int, most: float) -> None:
    weight = weights(1024, 40)
    assert relative_error(pack(weight, bits), bits, weight) < most


def test_four_bits_are_finer_with_the_best_scale_than_with_the_largest(monkeypatch: pytest.MonkeyPatch) -> None:
    weight = weights(1024, 40)
    searched = relative_error(pack(weight, 4), 4, weight)
    monkeypatch.setattr(weight_quantization, "CLIPPING", (1.0,))
    assert searched < 0.95 * relative_error(pack(weight, 4), 4, weight)


@pytest.mark.parametrize(
    ("rows", "block"), [(3072, 128), (1024, 128), (960, 64), (512, 64), (192, 32), (96, 32), (32, 32)]
)
def test_blocks_divide_the_input_axis_and_are_shorter_in_narrow_matrices(rows: int, block: int) -> None:
    packed = pack(weights(rows, 3), 4)
    assert packed.block == block
    assert packed.blocks.shape == (3, rows // block, block // 2)


@pytest.mark.parametrize("bits", [4, 8])
def test_a_block_of_zeros_stays_zero(bits: int) -> None:
    assert not unpack(pack(np.zeros((64, 2), np.float32), bits), bits).any()


def run(folder: Path, weight: NDArray[np.float32], precision: str, x: NDArray[np.float32], head: bool) -> Any:
    """``x`` times ``weight`` [in, out] by a graph of that precision, and the operator that does it."""
    matrix = Weight.of(np.ascontiguousarray(weight.T))
    with Graph(folder, "product", precision) as graph:
        graph.input("x", FLOAT, x.shape)
        write = graph.head if head else graph.product
        graph.output("y", write("x", "w", matrix), FLOAT, [len(x), weight.shape[1]])
    (node,) = onnx.load(folder / "product.onnx", load_external_data=False).graph.node
    return Session(folder / "product.onnx", Runtime(threads=1)).run({"x": x})[0], node


@pytest.mark.parametrize(("head", "bits"), [(False, 4), (True, HEAD_BITS)])
def test_the_runtime_multiplies_with_the_packed_weights_and_heads_keep_eight_bits(
    head: bool, bits: int, tmp_path: Path
) -> None:
    weight, x = weights(256, 40), weights(1, 256)
    y, node = run(tmp_path, weight, "int4", x, head)
    assert {a.name: a.i for a in node.attribute}["bits"] == bits
    wanted = x @ unpack(pack(weight, bits), bits)
    assert np.abs(y - wanted).max() < 0.02 * np.abs(wanted).max()  # activations are rounded to int8


@pytest.mark.parametrize(("rows", "columns"), [(48, 64), (64, 7)])
def test_a_product_that_fills_no_block_or_has_few_outputs_is_left_alone(
    rows: int, columns: int, tmp_path: Path
) -> None:
    weight, x = weights(rows, columns), weights(1, rows)
    y, node = run(tmp_path, weight, "int4", x, head=False)
    assert node.op_type == "MatMul"
    np.testing.assert_allclose(y, x @ weight, rtol=1e-5, atol=1e-5)


def test_float16_halves_the_file_and_not_the_arithmetic(tmp_path: Path) -> None:
    weight, x = weights(64, 40).astype(np.float16).astype(np.float32), weights(1, 64)
    for precision, item in (("fp32", 4), ("fp16", 2)):
        folder = tmp_path / precision
        folder.mkdir()
        matrix = Weight.of(np.ascontiguousarray(weight.T))
        with Graph(folder, "product", precision) as graph:
            graph.input("x", FLOAT, x.shape)
            graph.output("y", graph.product("x", "w", matrix), FLOAT, [1, 40])
        assert (folder / "product.weights").stat().st_size == weight.size * item
        y = Session(folder / "product.onnx", Runtime(threads=1)).run({"x": x})[0]
        np.testing.assert_allclose(y, x @ weight, rtol=1e-5, atol=1e-5)
