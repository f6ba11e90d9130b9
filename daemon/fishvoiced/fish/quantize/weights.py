"""Weight-only quantization of a graph's matrix products, as a pass over the graph.

Weights are rounded in blocks along the input axis, symmetric, one scale per block, and multiplied by ONNX Runtime's
``MatMulNBits`` with int8 activations (accuracy level 4). Decoding waits for memory, and scales are memory: blocks of
wide matrices are long, and what that costs is won back twice. A 4-bit block has the scale of least squared error among
several that clip its largest values; and heads, whose rounding decides between tokens, keep 8 bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from fishvoiced.fish.network.layers import MS_DOMAIN

LARGEST_BLOCK, SMALLEST_BLOCK = 128, 32
"""Weights that share a scale."""
LEAST_BLOCKS = 8
"""Scales of a row: a narrow matrix averages out less of its rounding and is soon read, so its blocks are shorter."""
CLIPPING = (1.0, 0.94, 0.88, 0.82, 0.75, 8 / 7, 8 / 6, 8 / 5)
"""The shares of a 4-bit block's range that are tried; those above 1 find weights that lie on a grid already, whose
largest is at level 7, 6 or 5."""
HEAD_BITS = 8
SMALLEST_HALVED = 1024
"""Elements: smaller tensors (norms, biases, tables of a few entries) are not worth a conversion."""
INT8_ACTIVATIONS = 4
"""``accuracy_level`` of MatMulNBits: multiply with activations rounded to int8 per block."""


@dataclass(frozen=True)
class Packed:
    """``blocks`` uint8 [out, in / block, block x bits / 8]; ``scales`` float32 [out, in / block]."""

    blocks: NDArray[np.uint8]
    scales: NDArray[np.float32]
    block: int


def pack(weight: NDArray[np.float32], bits: int) -> Packed:
    """Quantize ``weight`` [in, out], ``in`` a multiple of 32, to ``bits`` 4 or 8."""
    block = block_size(weight.shape[0])
    values = np.ascontiguousarray(weight.T).reshape(weight.shape[1], -1, block)
    middle = 1 << (bits - 1)
    scale = finest_scale(values) if bits == 4 else np.abs(values).max(-1, keepdims=True) / (middle - 1)
    levels = (to_levels(values, scale, middle) + middle).astype(np.uint8)
    blocks = levels if bits == 8 else levels[..., 0::2] | levels[..., 1::2] << np.uint8(4)
    return Packed(blocks, scale[..., 0].astype(np.float32), block)


def block_size(width: int) -> int:
    """How many of ``width`` inputs, a multiple of 32, share a scale: a power of two that divides it."""
    most = max(SMALLEST_BLOCK, min(LARGEST_BLOCK, width // LEAST_BLOCKS))
    return min(1 << most.bit_length() - 1, width & -width)


def to_levels(values: NDArray[np.float32], scale: NDArray[np.float32], middle: int) -> NDArray[np.float32]:
    """The nearest of ``2 * middle`` levels, -middle … middle - 1; 0 where the scale is."""
    inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale != 0)
    return np.clip(np.rint(values * inverse), -middle, middle - 1)


def finest_scale(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scales [out, blocks, 1] of 4-bit blocks.

    The value of largest magnitude maps to -8 or, clipped, would map beyond; whichever gives the least squared error,
    then fitted once more to the levels that it gave.
    """
    peak = np.take_along_axis(values, np.abs(values).argmax(-1)[..., None], -1)
    best, least = (peak / -8).astype(np.float32), np.full_like(peak, np.inf)
    for share in CLIPPING:
        scale = (peak * (share / -8)).astype(np.float32)
        error = np.square(to_levels(values, scale, 8) * scale - values).sum(-1, keepdims=True)
        best, least = np.where(error < least, scale, best), np.minimum(error, least)
    levels = to_levels(values, best, 8)
    square = np.square(levels).sum(-1, keepdims=True)
    return np.divide((levels * values).sum(-1, keepdims=True), square, out=np.zeros_like(best), where=square != 0)


def quantize_matmuls(model: ir.Model, bits: int) -> int:
    """Replace every product with a constant matrix; weights used several times are packed once.

    ``MatMul`` has a matrix [in, out]; ``Gemm`` is how a product of single rows is exported, a head's, with [out, in].
    Products whose ``in`` is no multiple of 32, or whose ``out`` is less, stay as they are. Returns how many were
    replaced.
    """
    graph = model.graph
    model.opset_imports.setdefault(MS_DOMAIN, 1)
    packed: dict[str, tuple[ir.Value, ir.Value, int]] = {}
    replaced = 0
    for node in list(graph):
        head = _is_head(node)
        if not head and (node.op_type != "MatMul" or node.domain not in ("", "ai.onnx")):
            continue
        left, weight = node.inputs[:2]
        if weight is None or weight.name is None or weight.const_value is None or len(weight.const_value.shape) != 2:
            continue
        rows, columns = (int(n) for n in weight.const_value.shape)  # type: ignore[arg-type]
        if head:
            rows, columns = columns, rows
        if rows % SMALLEST_BLOCK or columns < SMALLEST_BLOCK:
            continue
        width = HEAD_BITS if head else bits
        if weight.name not in packed:
            array = np.asarray(weight.const_value.numpy(), dtype=np.float32)
            data = pack(array.T if head else array, width)
            packed[weight.name] = (
                _initializer(graph, f"{weight.name}.q{width}", data.blocks),
                _initializer(graph, f"{weight.name}.scale", data.scales),
                data.block,
            )
        blocks, scales, block = packed[weight.name]
        product = ir.node(
            "MatMulNBits",
            [left, blocks, scales],
            {"K": rows, "N": columns, "bits": width, "block_size": block, "accuracy_level": INT8_ACTIVATIONS},
            domain=MS_DOMAIN,
            name=node.name,
        )
        ir.convenience.replace_nodes_and_values(graph, node, [node], [product], node.outputs, product.outputs)
        replaced += 1
    for name in packed:
        if not graph.initializers[name].uses():
            del graph.initializers[name]
    return replaced


def _is_head(node: ir.Node) -> bool:
    """``x @ w.T``, without a bias."""
    return (
        node.op_type == "Gemm"
        and len(node.inputs) == 2
        and node.attributes.get_float("alpha", 1.0) == 1.0
        and node.attributes.get_int("transA", 0) == 0
        and node.attributes.get_int("transB", 0) == 1
    )


def store_half(model: ir.Model) -> int:
    """Keep all large weights in float16 on disk, widened when the graph is loaded. Returns how many.

    Half the size, and float32 speed and arithmetic: ONNX Runtime folds the conversions at load. Exact for weights
    that were float16 in the checkpoint.
    """
    graph = model.graph
    first = graph[0]
    halved = 0
    for name, weight in list(graph.initializers.items()):
        value = weight.const_value
        if value is None or value.dtype != ir.DataType.FLOAT or value.size < SMALLEST_HALVED:
            continue
        half = _initializer(graph, f"{name}.f16", value.numpy().astype(np.float16))
        wide = ir.node("Cast", [half], {"to": int(ir.DataType.FLOAT)})
        wide.outputs[0].shape, wide.outputs[0].dtype = weight.shape, ir.DataType.FLOAT
        graph.insert_before(first, wide)
        ir.convenience.replace_all_uses_with(weight, wide.outputs[0])
        del graph.initializers[name]
        halved += 1
    return halved


def halve_embeddings(model: ir.Model) -> int:
    """Keep large lookup tables in float16, converted after the lookup. Returns how many were converted."""
    graph = model.graph
    converted = 0
    for node in list(graph):
        table = node.inputs[0] if node.op_type == "Gather" else None
        if table is None or table.const_value is None or table.const_value.dtype != ir.DataType.FLOAT:
            continue
        if table.const_value.size < 1 << 16 or any(user.op_type != "Gather" for user, _ in table.uses()):
            continue
        half = _initializer(graph, f"{table.name}.f16", table.const_value.numpy().astype(np.float16))
        old = graph.initializers[table.name or ""]
        for user, index in list(old.uses()):
            user.replace_input_with(index, half)
            rows = user.outputs[0]
            wide = ir.node("Cast", [rows], {"to": int(ir.DataType.FLOAT)})
            wide.outputs[0].shape, wide.outputs[0].dtype = rows.shape, ir.DataType.FLOAT
            rows.dtype = ir.DataType.FLOAT16
            for consumer, at in list(rows.uses()):
                if consumer is not wide:
                    consumer.replace_input_with(at, wide.outputs[0])
            graph.insert_after(user, wide)
        del graph.initializers[old.name or ""]
        converted += 1
    return converted


def _initializer(graph: ir.Graph, name: str, array: NDArray[np.generic]) -> ir.Value:
    value = ir.val(name, const_value=ir.tensor(array, name=name))
    graph.register_initializer(value)
    return value
