"""What a frame costs at least on this machine: bytes of weights over the kernel's bandwidth, operations over its rate.

Both rates are measured with ONNX Runtime's own kernels in the process that reports them, on weights that no cache
holds. Decoding reads every weight once per step; the codec computes, and its weights are read once per block.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from fishvoiced.backends.fish.config import TransformerConfig
from fishvoiced.backends.fish.convert.graph import MS_DOMAIN
from fishvoiced.backends.fish.quantize.weights import LARGEST_BLOCK
from fishvoiced.backends.onnx_sessions import Runtime

WIDE = (1024, 6144)
"""The product that reads most: gate and up projection."""
COLD_BYTES = 192 << 20
"""Far beyond any cache that a few cores share."""
PRODUCTS = ("MatMul", "MatMulNBits", "Gemm")
CHANNELS, KERNEL, COLUMNS = 384, 7, 1024
"""A convolution from the middle of the codec's decoder."""

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True)
class Limit:
    """Milliseconds per frame that no loop around the same kernels can go below."""

    slow_ms: float
    fast_ms: float
    codec_ms: float

    @property
    def ms(self) -> float:
        return self.slow_ms + self.fast_ms + self.codec_ms

    def rtf(self, frame_ms: float) -> float:
        return self.ms / frame_ms


def limit(slow_bytes: float, fast_bytes: float, bandwidth: float, codec_operations: float, rate: float) -> Limit:
    """Bytes and operations per frame; ``bandwidth`` in bytes and ``rate`` in operations per second."""
    return Limit(1e3 * slow_bytes / bandwidth, 1e3 * fast_bytes / bandwidth, 1e3 * codec_operations / rate)


def weight_bytes(graph: Path) -> int:
    """What one run of a graph reads: the constant matrices of all its products, each as often as it is used."""
    model = onnx.load(graph, load_external_data=False).graph
    sizes = {w.name: _size(w) for w in model.initializer}
    return sum(sum(sizes.get(name, 0) for name in node.input) for node in model.node if node.op_type in PRODUCTS)


def _size(tensor: onnx.TensorProto) -> int:
    return int(np.prod(tensor.dims)) * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize


def cache_bytes(config: TransformerConfig, columns: int, itemsize: int) -> int:
    """K and V, of ``itemsize`` bytes each, that attention reads in one step after ``columns`` columns."""
    return 2 * config.n_layer * config.n_local_heads * config.head_dim * itemsize * columns


def bandwidth(precision: str, runtime: Runtime) -> float:
    """Bytes of weights per second that the precision's own kernel gets through, one row at a time."""
    bits = {"fp32": 32, "int8": 8, "int4": 4}[precision]
    (rows, columns), block = WIDE, LARGEST_BLOCK
    matrix = rows * columns * bits // 8 + (0 if bits == 32 else rows * columns // block * 4)
    random = np.random.default_rng(0)
    nodes, weights = [], []
    for i in range(-(-COLD_BYTES // matrix)):
        if bits == 32:
            weights.append(numpy_helper.from_array(random.random(WIDE, np.float32), f"w{i}"))
            nodes.append(helper.make_node("MatMul", ["x", f"w{i}"], [f"y{i}"]))
            continue
        blocks = random.integers(0, 256, (columns, rows // block, block * bits // 8), np.uint8)
        weights.append(numpy_helper.from_array(blocks, f"w{i}"))
        weights.append(numpy_helper.from_array(random.random((columns, rows // block), np.float32), f"s{i}"))
        shape: dict[str, Any] = {"K": rows, "N": columns, "bits": bits, "block_size": block, "accuracy_level": 4}
        nodes.append(helper.make_node("MatMulNBits", ["x", f"w{i}", f"s{i}"], [f"y{i}"], domain=MS_DOMAIN, **shape))
    x = random.standard_normal((1, rows)).astype(np.float32)
    return len(nodes) * matrix / seconds(_session(nodes, weights, x, [1, columns], runtime))


def convolution_rate(precision: str, runtime: Runtime) -> float:
    """Operations (two per multiplication) per second of the runtime's convolution: ``fp32`` or ``int8``."""
    random = np.random.default_rng(0)
    shape = (CHANNELS, CHANNELS, KERNEL)
    if precision == "fp32":
        weights = [numpy_helper.from_array(random.standard_normal(shape).astype(np.float32), "w")]
        nodes = [helper.make_node("Conv", ["x", "w"], ["y0"])]
        x: Array = random.standard_normal((1, CHANNELS, COLUMNS + KERNEL - 1)).astype(np.float32)
    else:
        scale, zero = np.float32(0.01), np.uint8(128)
        weights = [
            numpy_helper.from_array(random.integers(-127, 128, shape, np.int8), "w"),
            numpy_helper.from_array(np.asarray(scale), "s"),
            numpy_helper.from_array(np.asarray(zero), "z"),
            numpy_helper.from_array(np.full(CHANNELS, scale), "ws"),
            numpy_helper.from_array(np.zeros(CHANNELS, np.int8), "wz"),
        ]
        nodes = [helper.make_node("QLinearConv", ["x", "s", "z", "w", "ws", "wz", "s", "z"], ["y0"])]
        x = random.integers(0, 256, (1, CHANNELS, COLUMNS + KERNEL - 1), np.uint8)
    operations = 2 * CHANNELS * CHANNELS * KERNEL * COLUMNS
    return operations / seconds(_session(nodes, weights, x, [1, CHANNELS, COLUMNS], runtime))


def _session(
    nodes: list[onnx.NodeProto], weights: list[onnx.TensorProto], x: Array, shape: list[int], runtime: Runtime
) -> Callable[[], object]:
    """The nodes as one graph from ``x`` to y0, y1 …, ready to run."""
    kind = TensorProto.FLOAT if x.dtype == np.float32 else TensorProto.UINT8
    graph = helper.make_graph(
        nodes,
        "kernel",
        [helper.make_tensor_value_info("x", kind, x.shape)],
        [helper.make_tensor_value_info(f"y{i}", kind, shape) for i in range(len(nodes))],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid(MS_DOMAIN, 1)])
    model.ir_version = 10
    session = ort.InferenceSession(model.SerializeToString(), runtime.options(), providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"x": x})


def seconds(run: Callable[[], object], times: int = 15) -> float:
    """Median time of a run, warm."""
    taken = []
    for _ in range(times + 2):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken[2:])


def codec_operations(checkpoint: Path, frames: int = 8) -> float:
    """Operations (two per multiplication) per frame of the codec's decoder, counted while PyTorch decodes a block."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from fishvoiced.backends.fish.network import checkpoint as checkpoints

    codec = checkpoints.load(checkpoint).codec
    codes = torch.zeros(1, codec.config.num_codebooks, frames, dtype=torch.int64)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        codec.decode(codes)
    return float(counter.get_total_flops()) / frames
