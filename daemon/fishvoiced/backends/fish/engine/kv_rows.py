"""K and V of every slow layer for a few streams, a row each: one array per layer, so that neighbors share a pass."""

from __future__ import annotations

import numpy as np

from fishvoiced.backends.fish.config import TransformerConfig
from fishvoiced.backends.onnx_sessions import Array, Binding, shared

CAPACITY_STEP = 256
"""Rows come in multiples of this many columns, so that they can be used again."""


class KVRows:
    """Float32 or int8 [rows, n_local_heads, capacity, head_dim] for K and for V of each layer. Past and present share
    memory, which the system gives only where something was written.

    ``prefixes``: of each row, the key of what its first columns hold; no run of its stream writes there again.
    """

    def __init__(self, config: TransformerConfig, rows: int, kind: type[np.generic], longest: int) -> None:
        self.prefixes: list[str | None] = [None] * rows
        self.capacity = 0
        self._config, self._kind, self._longest = config, kind, longest
        self._arrays: list[Array] = []

    def reserve(self, columns: int, used: dict[int, int]) -> bool:
        """Room for so many columns in every row; ``used`` are the rows in use with the columns they hold, which stay.
        True if the memory is another one now: what was bound is to be bound anew."""
        if columns <= self.capacity:
            return False
        self.capacity = min(-(-columns // CAPACITY_STEP) * CAPACITY_STEP, self._longest)
        shape = (len(self.prefixes), self._config.n_local_heads, self.capacity, self._config.head_dim)
        for i in range(2 * self._config.n_layer):  # one after the other: both sizes of all at once would be too much
            array = np.zeros(shape, self._kind)
            for row, held in used.items():
                array[row, :, :held] = self._arrays[i][row, :, :held]
            self._arrays[i : i + 1] = [array]
        self.prefixes = [key if row in used else None for row, key in enumerate(self.prefixes)]
        return True

    @property
    def bytes(self) -> int:
        """Of all rows, written or not."""
        config, size = self._config, np.dtype(self._kind).itemsize
        return 2 * config.n_layer * len(self.prefixes) * config.n_local_heads * self.capacity * config.head_dim * size

    def bind(self, slow: Binding, rows: slice) -> None:
        for i, array in enumerate(self._arrays):
            value = shared(array[rows])
            slow.input(f"past.{i}", value)
            slow.output(f"present.{i}", value)

    def first(self, row: int, columns: int) -> Array:
        """A copy of the row's first columns: [2 * n_layer, n_local_heads, columns, head_dim]."""
        return np.stack([array[row, :, :columns] for array in self._arrays])

    def fill(self, row: int, values: Array) -> None:
        """Overwrite the row's first columns with what `first` gave."""
        for array, value in zip(self._arrays, values, strict=True):
            array[row, :, : value.shape[1]] = value
