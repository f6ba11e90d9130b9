"""An ONNX graph being written: operators in memory, weights straight to the file beside it, each once.

The only door to ``onnx``. A weight is read, rounded as the precision says, written and forgotten, so that writing a
graph takes no more memory than its largest weight, whatever the model's size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from fishvoiced.backends.fish.checkpoint.tensors import Weight
from fishvoiced.backends.fish.quantize.weights import HEAD_BITS, SMALLEST_BLOCK, Packed, pack

OPSET = 21
IR_VERSION = 10
MS_DOMAIN = "com.microsoft"
MS_OPERATORS = {
    "GroupQueryAttention",
    "MatMulIntegerToFloat",
    "MatMulNBits",
    "QLinearConv",
    "RotaryEmbedding",
    "SkipSimplifiedLayerNormalization",
}
"""ONNX Runtime's own. Its QLinearConv differs from ONNX's: it can have channels last."""
BITS = {"int8": 8, "int4": 4}
INT8_ACTIVATIONS = 4
"""``accuracy_level`` of MatMulNBits: multiply with activations rounded to int8 per block."""
SMALLEST_HALVED = 1024
"""Elements: smaller tensors (norms, biases, tables of a few entries) are not worth a conversion."""
SMALLEST_HALVED_TABLE = 1 << 16
SMALLEST_OWN_FILE = 1 << 20
"""Elements: larger tables lie in a file of their own, which is the same in every precision that halves them, and which
precisions side by side therefore share."""
LARGEST_INLINE_BYTES = 1024
"""Longer weights lie in the file beside the graph, where they can be mapped."""
PAGE, GRANULE = 4096, 65536
"""Where weights begin: Windows maps at multiples of 64 KiB."""

Array: TypeAlias = NDArray[Any]
Matrix: TypeAlias = Weight | Packed
"""[out, in], to be rounded as the graph's precision says, or rounded already."""
Shape: TypeAlias = Sequence[int | str]


class Graph:
    """``NAME.onnx``, ``NAME.weights`` and, for large tables, ``NAME.tables`` in ``folder``; values are called by their
    names.

    ``precision`` "fp32": as it is. "fp16": large weights in half the bytes, widened when the graph is loaded, so that
    the arithmetic stays float32. "int8", "int4": matrices as ``MatMulNBits`` has them, heads in 8 bits, large tables in
    float16.
    """

    def __init__(self, folder: Path, name: str, precision: str) -> None:
        self.bits = BITS.get(precision)
        self._halves = precision == "fp16"
        self._path = folder / f"{name}.onnx"
        self._weights = _WeightFile(folder / f"{name}.weights")
        self._tables = _WeightFile(folder / f"{name}.tables")
        self._nodes: list[onnx.NodeProto] = []
        self._widenings: list[onnx.NodeProto] = []
        self._initializers: dict[str, onnx.TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._known: dict[object, str] = {}
        self._renamed: dict[str, str] = {}

    def __enter__(self) -> Graph:
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: object, _traceback: TracebackType | None) -> None:
        self._weights.close()
        self._tables.close()
        if kind is None:
            self._save()

    # -- operators ------------------------------------------------------------------------------------------------

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """An operator with one output."""
        return self.ops(kind, 1, *inputs, **attributes)[0]

    def ops(self, kind: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        """An operator with several outputs. An input "" is left out."""
        number = len(self._nodes)
        names = [f"{kind}_{number}.{i}" for i in range(outputs)]
        domain = MS_DOMAIN if kind in MS_OPERATORS else ""
        node = helper.make_node(kind, inputs, names, f"{kind}_{number}", domain=domain, **attributes)
        self._nodes.append(node)
        return names

    def unused(self, value: str) -> None:
        """An operator's output that nobody reads: it need not be computed."""
        self._renamed[value] = ""

    def input(self, name: str, kind: int, shape: Shape) -> str:
        self._inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def output(self, name: str, value: str, kind: int, shape: Shape) -> None:
        self._renamed[value] = name
        self._outputs.append(helper.make_tensor_value_info(name, kind, shape))

    # -- constants ------------------------------------------------------------------------------------------------

    def constant(self, array: Array) -> str:
        """A value known beforehand; equal ones are kept once."""
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._known:
            self._known[key] = self._store(f"constant_{len(self._known)}", array)
        return self._known[key]

    def integers(self, *values: int) -> str:
        """int64 [n]."""
        return self.constant(np.array(values, np.int64))

    def integer(self, value: int) -> str:
        return self.constant(np.array(value, np.int64))

    def number(self, value: float) -> str:
        return self.constant(np.array(value, np.float32))

    # -- weights --------------------------------------------------------------------------------------------------

    def weight(self, name: str, read: Callable[[], Array], file: _WeightFile | None = None) -> str:
        """The weight of that name, read and written when it is first asked for."""
        if name not in self._known:
            array = read()
            if self._halves and array.dtype == np.float32 and array.size >= SMALLEST_HALVED:
                half = self._store(f"{name}.f16", array.astype(np.float16), file)
                self._widenings.append(helper.make_node("Cast", [half], [name], name, to=TensorProto.FLOAT))
                self._known[name] = name
            else:
                self._known[name] = self._store(name, array, file)
        return self._known[name]

    def product(self, x: str, name: str, matrix: Matrix) -> str:
        """``x`` [..., in] times ``matrix`` [out, in]: [..., out]."""
        if isinstance(matrix, Packed) or (self.bits and _can_be_rounded(matrix.shape)):
            return self._rounded_product(x, name, matrix, self.bits or 4)
        return self.op("MatMul", x, self.weight(name, lambda: np.ascontiguousarray(matrix.read().T)))

    def head(self, x: str, name: str, matrix: Weight) -> str:
        """``x`` [rows, in] times ``matrix`` [out, in]: logits, whose rounding decides between tokens."""
        if self.bits and _can_be_rounded(matrix.shape):
            return self._rounded_product(x, name, matrix, HEAD_BITS)
        return self.op("Gemm", x, self.weight(name, matrix.read), transB=1)

    def lookup(self, name: str, table: Weight, rows: str) -> str:
        """The rows of a table [n, dim]: [..., dim]."""
        size = math.prod(table.shape)
        file = self._tables if size >= SMALLEST_OWN_FILE else self._weights
        if not self.bits or size < SMALLEST_HALVED_TABLE:
            return self.op("Gather", self.weight(name, table.read, file), rows, axis=0)
        half = self.weight(name, lambda: table.read().astype(np.float16), file)
        return self.op("Cast", self.op("Gather", half, rows, axis=0), to=TensorProto.FLOAT)

    def _rounded_product(self, x: str, name: str, matrix: Matrix, bits: int) -> str:
        if f"{name}.q" not in self._known:
            packed = matrix if isinstance(matrix, Packed) else pack(matrix.read().T, bits)
            self._known[f"{name}.q"] = self._store(f"{name}.q{bits}", packed.blocks)
            self._known[f"{name}.scale"] = self._store(f"{name}.scale", packed.scales)
            self._known[f"{name}.block"] = str(packed.block)
        out, width = matrix.shape
        return self.op(
            "MatMulNBits",
            x,
            self._known[f"{name}.q"],
            self._known[f"{name}.scale"],
            K=width,
            N=out,
            bits=bits,
            block_size=int(self._known[f"{name}.block"]),
            accuracy_level=INT8_ACTIVATIONS,
        )

    def _store(self, name: str, array: Array, file: _WeightFile | None = None) -> str:
        tensor = TensorProto(name=name, data_type=helper.np_dtype_to_tensor_dtype(array.dtype), dims=array.shape)
        if array.nbytes <= LARGEST_INLINE_BYTES:
            tensor.raw_data = array.tobytes()
        else:
            tensor.data_location = TensorProto.EXTERNAL
            for key, value in (file or self._weights).append(array).items():
                tensor.external_data.add(key=key, value=str(value))
        self._initializers[name] = tensor
        return name

    def _save(self) -> None:
        nodes = [*self._widenings, *self._nodes]
        for node in nodes:
            for names in (node.input, node.output):
                names[:] = [self._renamed.get(name, name) for name in names]
        graph = helper.make_graph(
            nodes, self._path.stem, self._inputs, self._outputs, list(self._initializers.values())
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MS_DOMAIN, 1)]
        model = helper.make_model(graph, producer_name="fishvoice", ir_version=IR_VERSION, opset_imports=opsets)
        self._path.write_bytes(model.SerializeToString())


class _WeightFile:
    """Weights one behind the other; there is no file before there is a weight."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def append(self, array: Array) -> dict[str, str | int]:
        """Where it lies then, in ONNX's words."""
        if self._file is None:
            self._file = self._path.open("wb")
        step = GRANULE if array.nbytes >= GRANULE else PAGE
        offset = self._file.seek(-(-self._file.tell() // step) * step)
        np.ascontiguousarray(array).tofile(self._file)
        return {"location": self._path.name, "offset": offset, "length": array.nbytes}

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _can_be_rounded(shape: tuple[int, ...]) -> bool:
    """What ``MatMulNBits`` takes: inputs in whole blocks, and not just a few outputs."""
    out, width = shape
    return width % SMALLEST_BLOCK == 0 and out >= SMALLEST_BLOCK
