"""What this machine's kernels get through: weights of products one row at a time, multiplications of convolutions.

Measured with ONNX Runtime's own kernels on weights that no cache holds, once, and kept: what a model that is not
installed yet would cost follows from it.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from fishvoice import paths
from fishvoiced.backends.fish.calibration.figures import machine
from fishvoiced.backends.fish.calibration.measure import DISTURBING, OtherLoad
from fishvoiced.backends.fish.checkpoint.tensors import Weight
from fishvoiced.backends.fish.convert.graph import BITS, Graph, Matrix
from fishvoiced.backends.fish.convert.transformer import FLOAT, UINT8
from fishvoiced.backends.fish.engine.select import runtime
from fishvoiced.backends.fish.quantize.weights import LARGEST_BLOCK, Packed
from fishvoiced.backends.onnx_sessions import Array, Runtime, Session
from fishvoiced.hardware.facts import HardwareFacts

OUT, WIDTH = 6144, 1024
"""Of a product: S1-mini's widest."""
COLD_BYTES = 160 << 20
"""Far beyond any cache that a few cores share."""
CHANNELS, KERNEL, COLUMNS = 384, 7, 512
"""Of a convolution: one from the middle of the codec's decoder."""
RUNS = 7


class Rates(msgspec.Struct, frozen=True):
    """A second's worth, by precision: ``weights`` of products, ``multiplications`` of convolutions."""

    weights: dict[str, float]
    multiplications: dict[str, float]
    disturbed: bool = False


def rates(facts: HardwareFacts, folder: Path | None = None) -> Rates:
    """As kept in ``folder``, else measured now, in a few seconds, and kept unless other programs had a part in it.

    Raises EngineError, OSError.
    """
    file = (folder or paths.cache_dir() / "calibration") / f"kernels-{machine(facts)}.json"
    try:
        return msgspec.json.decode(file.read_bytes(), type=Rates)
    except (OSError, msgspec.DecodeError):
        found = measure(runtime(facts))
    if not found.disturbed:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".tmp")
        partial.write_bytes(msgspec.json.encode(found))
        partial.replace(file)
    return found


def measure(how: Runtime) -> Rates:
    """All kernels, one after the other."""
    load = OtherLoad()
    weights = {precision: _products(precision, how) for precision in ("fp32", *BITS)}
    multiplications = {"fp32": _convolution(how), "int8": _int8_convolution(how)}
    return Rates(weights, multiplications, load.share() > DISTURBING)


def _products(precision: str, how: Runtime) -> float:
    """Weights per second of a row's way through products of a precision."""
    bits = BITS.get(precision, 32)
    count = -(-COLD_BYTES * 8 // (OUT * WIDTH * bits))
    chance = np.random.default_rng(0)
    x = chance.random((1, WIDTH), np.float32)

    def write(graph: Graph) -> None:
        entering = graph.input("x", FLOAT, x.shape)
        for i in range(count):
            graph.output(f"y{i}", graph.product(entering, f"w{i}", _matrix(bits, chance)), FLOAT, [1, OUT])

    return count * OUT * WIDTH / _seconds(write, precision, x, how)


def _matrix(bits: int, chance: np.random.Generator) -> Matrix:
    """A matrix of anything. Equal ones would not do: where pages of one content are kept once, by the hypervisor or the
    hardware, they come from a cache, and an AMD EPYC machine seemed two to three times as fast as it is."""
    if bits == 32:
        return Weight.of(chance.random((OUT, WIDTH), np.float32))
    shape = (OUT, WIDTH // LARGEST_BLOCK)
    blocks = chance.integers(0, 256, (*shape, LARGEST_BLOCK * bits // 8), np.uint8)
    return Packed(blocks, chance.random(shape, np.float32), LARGEST_BLOCK)


def _convolution(how: Runtime) -> float:
    """Multiplications per second in float32, channels first."""
    chance = np.random.default_rng(0)
    x = chance.random((1, CHANNELS, COLUMNS + KERNEL - 1), np.float32)

    def write(graph: Graph) -> None:
        weight = graph.weight("w", lambda: chance.random((CHANNELS, CHANNELS, KERNEL), np.float32))
        y = graph.op("Conv", graph.input("x", FLOAT, x.shape), weight, kernel_shape=[KERNEL])
        graph.output("y", y, FLOAT, [1, CHANNELS, COLUMNS])

    return CHANNELS * CHANNELS * KERNEL * COLUMNS / _seconds(write, "fp32", x, how)


def _int8_convolution(how: Runtime) -> float:
    """Multiplications per second in 8 bits, channels last."""
    chance = np.random.default_rng(0)
    x = chance.integers(0, 256, (1, COLUMNS + KERNEL - 1, CHANNELS), np.uint8)

    def write(graph: Graph) -> None:
        one, zero = graph.number(1.0), graph.constant(np.array(0, np.uint8))
        weight = graph.weight("w", lambda: chance.integers(-127, 128, (CHANNELS, CHANNELS, KERNEL), np.int8))
        scales, zeros = graph.constant(np.ones(CHANNELS, np.float32)), graph.constant(np.zeros(CHANNELS, np.int8))
        inputs = (graph.input("x", UINT8, x.shape), one, zero, weight, scales, zeros, one, zero)
        y = graph.op("QLinearConv", *inputs, channels_last=1, kernel_shape=[KERNEL])
        graph.output("y", y, UINT8, [1, COLUMNS, CHANNELS])

    return CHANNELS * CHANNELS * KERNEL * COLUMNS / _seconds(write, "fp32", x, how)


def _seconds(write: Callable[[Graph], None], precision: str, x: Array, how: Runtime) -> float:
    """The median of a graph's runs, warm."""
    with tempfile.TemporaryDirectory() as name:
        with Graph(Path(name), "kernel", precision) as graph:
            write(graph)
        session = Session(Path(name) / "kernel.onnx", how)
        taken = []
        for _ in range(RUNS + 1):
            began = time.perf_counter()
            session.run({"x": x})
            taken.append(time.perf_counter() - began)
    return statistics.median(taken[1:])
