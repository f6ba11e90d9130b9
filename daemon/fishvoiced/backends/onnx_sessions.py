"""The only door to ONNX Runtime: options, sessions, and runs that copy nothing.

A :class:`Binding` is a session with its inputs and outputs fixed in memory. What stays the same from frame to
frame is bound once; a run is then one call, without allocation or conversion in Python.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from fishvoiced.errors import EngineError

Array: TypeAlias = NDArray[Any]
OrtValue: TypeAlias = ort.OrtValue
VERSION: str = ort.__version__
INT8_KV_SINCE = (1, 27)
"""The first ONNX Runtime whose attention can keep K and V as int8 on the CPU. Older ones fail when it is run."""
NUMPY_TYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(int8)": np.int8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(uint8)": np.uint8,
}
"""Of our graphs' inputs."""


def keeps_int8_kv(version: str = VERSION) -> bool:
    """Whether this ONNX Runtime can run a slow AR with int8 K and V."""
    return tuple(int(part) for part in version.split(".")[:2]) >= INT8_KV_SINCE


@dataclass(frozen=True)
class Runtime:
    """How graphs are run. Each session has its own pool, whose threads sleep as soon as its run is over.

    Spinning pays while a run lasts (its operators are tens of microseconds apart) and costs a core when it does
    not; ``force_spinning_stop`` is ONNX Runtime's switch for exactly that.
    """

    threads: int = 0
    """Threads per run; 0: one per physical core, ONNX Runtime's own choice."""
    spinning: bool = True
    affinities: str | None = None
    """ONNX Runtime's ``session.intra_op_thread_affinities``; None: wherever the system puts them."""

    def options(self) -> ort.SessionOptions:
        options = ort.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "1" if self.spinning else "0")
        options.add_session_config_entry("session.force_spinning_stop", "1")
        if self.affinities is not None:
            options.add_session_config_entry("session.intra_op_thread_affinities", self.affinities)
        return options


class Session:
    """One graph in memory. Raises EngineError if it cannot be loaded.

    ``appended``: protobuf bytes behind the file's own, which protobuf merges into its message.
    """

    def __init__(self, path: Path, runtime: Runtime, *, appended: bytes = b"") -> None:
        try:
            graph = path.read_bytes() + appended if appended else str(path)
            self._session = ort.InferenceSession(graph, runtime.options(), providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's exceptions share no base class
            raise EngineError(f"{path} cannot be loaded: {error}") from error
        self.inputs = {i.name: tuple(i.shape) for i in self._session.get_inputs()}
        self.types = {i.name: NUMPY_TYPES[i.type] for i in self._session.get_inputs()}
        self.outputs = {o.name: tuple(o.shape) for o in self._session.get_outputs()}

    def run(self, feeds: dict[str, Array]) -> list[Array]:
        """Run with arrays by name, in and out copied: for what happens once."""
        try:
            results: list[Array] = self._session.run(None, feeds)
        except Exception as error:
            raise EngineError(str(error)) from error
        return results

    def bind(self) -> Binding:
        return Binding(self._session)


class Binding:
    """A session's inputs and outputs, bound to memory that the caller owns."""

    def __init__(self, session: ort.InferenceSession) -> None:
        self._session = session
        self._binding = session.io_binding()
        self._held: dict[str, ort.OrtValue] = {}

    def input(self, name: str, value: ort.OrtValue) -> None:
        self._held[name] = value  # ONNX Runtime holds a pointer, not a reference
        self._binding.bind_ortvalue_input(name, value)

    def output(self, name: str, value: ort.OrtValue) -> None:
        self._held[name] = value
        self._binding.bind_ortvalue_output(name, value)

    def run(self) -> None:
        try:
            self._session.run_with_iobinding(self._binding)
        except Exception as error:
            raise EngineError(str(error)) from error


def shared(array: Array) -> ort.OrtValue:
    """An OrtValue over the array's own memory: writing the one changes the other."""
    return ort.OrtValue.ortvalue_from_numpy(array)


def buffer(shape: tuple[int, ...], dtype: type[np.generic] = np.float32) -> tuple[Array, ort.OrtValue]:
    """Zeroed memory, as an array and as an OrtValue of the same memory."""
    array = np.zeros(shape, dtype)
    return array, shared(array)
