"""Rounded weights: how far off they are, and that ONNX Runtime multiplies with what was packed."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from fishvoiced.fish.quantize import weights as weight_quantization
from fishvoiced.fish.quantize.weights import Packed, pack, quantize_matmuls


def unpack(packed: Packed, bits: int) -> NDArray[np.float32]:
    """Packed → [in, out]."""
    blocks = packed.blocks
    if bits == 4:
        blocks = np.stack([blocks & 15, blocks >> 4], axis=-1).reshape(*blocks.shape[:2], -1)
    levels = blocks.astype(np.float32) - (1 << (bits - 1))
    return (levels * packed.scales[..., None]).reshape(len(levels), -1).T


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


def product(operator: str, weight: NDArray[np.float32]) -> ir.Model:
    """``x @ weight`` as a graph of opset 21; Gemm holds the matrix the other way round."""
    columns, rows = weight.shape if operator == "Gemm" else weight.T.shape
    x = ir.val("x", ir.DataType.FLOAT, (1, rows))
    constant = ir.val("w", const_value=ir.tensor(weight, name="w"))
    attributes = {"transB": 1} if operator == "Gemm" else {}
    node = ir.node(operator, [x, constant], attributes)
    node.outputs[0].name, node.outputs[0].dtype = "y", ir.DataType.FLOAT
    node.outputs[0].shape = ir.Shape((1, columns))
    graph = ir.Graph([x], node.outputs, nodes=[node], initializers=[constant], opset_imports={"": 21}, name="g")
    return ir.Model(graph, ir_version=10)


@pytest.mark.parametrize(("operator", "bits"), [("MatMul", 4), ("Gemm", weight_quantization.HEAD_BITS)])
def test_the_runtime_multiplies_with_the_packed_weights_and_heads_keep_eight_bits(operator: str, bits: int) -> None:
    weight, x = weights(256, 40), weights(1, 256)
    model = product(operator, weight.T.copy() if operator == "Gemm" else weight)
    assert quantize_matmuls(model, 4) == 1
    (node,) = model.graph
    assert node.attributes.get_int("bits", 0) == bits
    session = ort.InferenceSession(ir.to_proto(model).SerializeToString())
    (y,) = session.run(None, {"x": x})
    wanted = x @ unpack(pack(weight, bits), bits)
    assert np.abs(y - wanted).max() < 0.02 * np.abs(wanted).max()  # activations are rounded to int8


@pytest.mark.parametrize(("rows", "columns"), [(48, 64), (64, 7)])
def test_a_product_that_fills_no_block_or_has_few_outputs_is_left_alone(rows: int, columns: int) -> None:
    assert quantize_matmuls(product("MatMul", weights(rows, columns)), 4) == 0
