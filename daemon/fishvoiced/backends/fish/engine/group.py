"""Streams that share passes: each reads the weights once for a frame of every stream that wants one.

A frame waits for memory, so rows that are multiplied with the weights together cost little more than one. A stream has
a row: its K and V, its place in the arrays that the graphs read and write, its draws, its limit. It joins and leaves
between two frames, and takes part in a pass only if a frame of it is wanted then: somebody said so (`Stream.ride`), or
it takes turns with the one that asks. Who was not asked since that one's last turn waits for something, his listener's
credit perhaps, and costs nobody anything; who has his first turn, or others' no more, is alone. A pass covers all
rows from the first to the last that take part. What it computes of those between them is not kept: such a row is given
the column that it waits with, so what the pass writes is what its own next pass will write there again.

**The same bits in any company.** ONNX Runtime multiplies rows in pairs where there are two, and a row by itself rounds
otherwise (`MatMulNBits` with blocks of 64 weights and more). So passes have whole pairs: a single stream's row has an
idle one beside it, which costs little, because memory is waited for anyway. ``rows`` 1 goes without, and its streams
say other codes than those of a group.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from fishvoiced.backends.fish.config import DualARConfig
from fishvoiced.backends.fish.engine.kv_rows import KVRows
from fishvoiced.backends.fish.engine.prefix_cache import PrefixCache
from fishvoiced.backends.fish.engine.sampling_state import SamplingState, empty_inputs
from fishvoiced.backends.fish.types import Codes, Prompt, SamplingOptions
from fishvoiced.backends.onnx_sessions import Array, Binding, Session, shared

PAIR = 2
"""Rows that the products' kernels take at a time."""
INT8_PREFILL = 32
"""Columns of one run where K and V are int8: the kernel's time grows with the square of their number."""


class Group:
    """``rows`` streams at most; the graphs ``slow`` and ``fast`` are those of ``convert/slow.py`` and ``fast.py``."""

    def __init__(
        self, slow: Session, fast: Session, config: DualARConfig, end_token: int, rows: int, prefixes: PrefixCache
    ) -> None:
        self.config, self.end_token, self.prefixes = config, end_token, prefixes
        self.streams: list[Stream | None] = [None] * rows
        self.kv = KVRows(config.slow, rows, slow.types["past.0"], config.max_seq_len)
        self.stride = INT8_PREFILL if slow.types["past.0"] is np.int8 else config.max_seq_len
        self.inputs = empty_inputs(config.num_codebooks, rows)
        self._slow, self._fast = slow, fast
        books = config.num_codebooks
        self.columns = np.zeros((rows, books + 1, 1), np.int64)
        self.totals = np.ones(rows, np.int32)  # columns of each row with the one that its next step adds
        self._drawn = np.zeros_like(self.columns)
        self._stepped = [np.zeros((rows, *slow.outputs[name][1:]), np.float32) for name in ("logits", "hidden")]
        self._ready = [np.zeros_like(array) for array in self._stepped]
        self._turns = 0
        self._slow_bindings: dict[tuple[int, int], Binding] = {}
        self._fast_bindings: dict[tuple[int, int], Binding] = {}

    @property
    def is_full(self) -> bool:
        return None not in self.streams

    @property
    def is_empty(self) -> bool:
        return not any(self.streams)

    # -- coming and going -----------------------------------------------------------------------------------------

    def join(self, prompt: Prompt, sampling: SamplingOptions, seed: int, max_frames: int) -> Stream:
        """A new stream in a free row: the one that holds the prompt's prefix already, or the first."""
        key = self.prefixes.key(prompt)
        free = [row for row, stream in enumerate(self.streams) if stream is None]
        row = min(free, key=lambda row: (self.kv.prefixes[row] != key, row))
        used = {stream.row: int(self.totals[stream.row]) - 1 for stream in self.streams if stream is not None}
        if self.kv.reserve(prompt.columns.shape[1] + max_frames, used):
            self._slow_bindings.clear()
        inputs = {name: array[row : row + 1] for name, array in self.inputs.items()}
        history = SamplingState(self.config.num_codebooks, max_frames, sampling, seed, inputs)
        stream = self.streams[row] = Stream(self, row, prompt, key, history, max_frames)
        return stream

    def leave(self, stream: Stream) -> None:
        """Its row is free."""
        if self.streams[stream.row] is stream:
            self.streams[stream.row] = None
            self.totals[stream.row] = 1

    # -- computing ------------------------------------------------------------------------------------------------

    def prefill(self, row: int, columns: Array, begin: int) -> None:
        """Columns [1 + num_codebooks, S] of the row's prompt behind ``begin`` others."""
        total = np.zeros(1, np.int32)
        binding = self._slow_binding(row, row + 1, self._ready, total)
        for start in range(0, columns.shape[1], self.stride):
            run = columns[None, :, start : start + self.stride]
            total[0] = begin + start + run.shape[2]
            binding.input("columns", shared(np.ascontiguousarray(run)))
            binding.run()
        self.totals[row] = total[0] + 1

    def turn(self) -> int:
        """A frame of some stream is asked for: the number of this time, from 1 on."""
        self._turns += 1
        return self._turns

    def invite(self, since: int) -> None:
        """Those whose turn was after that one ride in the next pass; nobody if it is 0, never."""
        for stream in self.streams:
            if since and stream is not None and stream.turn > since:
                stream.ride()

    def step(self) -> None:
        """One frame more of every stream that rides."""
        riders = [stream for stream in self.streams if stream is not None and stream.rides]
        stepping = [stream for stream in riders if stream.has_column]
        if stepping:
            self._slow_step(stepping)
        for stream in riders:
            stream.history.next_frame()
        span = self._span(riders)
        if span not in self._fast_bindings:
            self._fast_bindings[span] = self._fast_binding(*span)
        self._fast_bindings[span].run()
        for stream in riders:
            stream.take(self._drawn[stream.row])

    def _slow_step(self, streams: Sequence[Stream]) -> None:
        begin, end = span = self._span(streams)
        if span not in self._slow_bindings:
            self._slow_bindings[span] = self._slow_binding(begin, end, self._stepped, self.totals[begin:end])
            self._slow_bindings[span].input("columns", shared(self.columns[begin:end]))
        for row in range(begin, end):
            if (stream := self.streams[row]) is None or not stream.has_begun:
                self.kv.prefixes[row] = None  # an idle row's step writes its first column
        self._slow_bindings[span].run()
        for stream in streams:
            for stepped, ready in zip(self._stepped, self._ready, strict=True):
                ready[stream.row] = stepped[stream.row]
            self.totals[stream.row] += 1

    def _span(self, streams: Sequence[Stream]) -> tuple[int, int]:
        """The rows from the first to the last of these, in whole pairs."""
        rows = [stream.row for stream in streams]
        begin, end = min(rows), max(rows) + 1
        return begin // PAIR * PAIR, min(-(-end // PAIR) * PAIR, len(self.streams))

    def _slow_binding(self, begin: int, end: int, outputs: Sequence[Array], totals: Array) -> Binding:
        binding = self._slow.bind()
        binding.input("total", shared(totals))
        self.kv.bind(binding, slice(begin, end))
        for name, array in zip(("logits", "hidden"), outputs, strict=True):
            binding.output(name, shared(array[begin:end]))
        return binding

    def _fast_binding(self, begin: int, end: int) -> Binding:
        binding = self._fast.bind()
        for name, array in zip(("logits", "hidden"), self._ready, strict=True):
            binding.input(name, shared(array[begin:end]))
        for name, array in self.inputs.items():
            binding.input(name, shared(array[begin:end].reshape(shape_of(self._fast, name, end - begin))))
        binding.output("column", shared(self._drawn[begin:end]))
        return binding


def shape_of(session: Session, name: str, rows: int) -> tuple[int, ...]:
    """The input's shape for so many streams; graphs of older conversions take one, and say so by their sizes."""
    return tuple(rows if isinstance(size, str) else size for size in session.inputs[name])


class Stream:
    """One generation in a group's row: an iterator over its frames, each [num_codebooks, 1]. See `base.Generation`."""

    def __init__(
        self, group: Group, row: int, prompt: Prompt, key: str | None, history: SamplingState, max_frames: int
    ) -> None:
        self.row, self.history = row, history
        self.has_column = False  # a frame was drawn that the slow AR has not read yet
        self._group, self._prompt, self._key = group, prompt, key
        self._left = max_frames
        self.has_begun = self._ended = self._wanted = False
        self.turn = 0  # when a frame of it was asked for last; 0: never
        self._frames: deque[Codes] = deque()

    @property
    def rides(self) -> bool:
        return self._wanted and self.has_begun and not self._ended

    def begin(self) -> None:
        """Prefill. A prefix is always prefilled by itself, found or not: the same runs, hence the same bits."""
        if self.has_begun:
            return
        group, row, columns = self._group, self.row, self._prompt.columns
        start = 0 if self._key is None else self._prompt.prefix_length
        if self._key != group.kv.prefixes[row]:
            group.kv.prefixes[row] = None
            if self._key is not None:
                self._fill(self._key)
        group.prefill(row, columns[:, start:], start)
        self.has_begun = True
        self._ended = self._left == 0

    def _fill(self, key: str) -> None:
        """Bring the prompt's prefix into the row, computing it if it is not known."""
        group, prompt = self._group, self._prompt
        known = group.prefixes.find(key, prompt.folder)
        if known is not None:
            group.kv.fill(self.row, known)
        else:
            group.prefill(self.row, prompt.columns[:, : prompt.prefix_length], 0)
            group.prefixes.keep(key, group.kv.first(self.row, prompt.prefix_length), prompt.folder)
        group.kv.prefixes[self.row] = key

    def ride(self) -> None:
        self._wanted = True

    def take(self, column: Array) -> None:
        """What a pass has drawn: int64 [1 + num_codebooks, 1]. Behind the last frame the row is free at once."""
        self._wanted = False
        if column[0, 0] == self._group.end_token:
            self._ended = True
        else:
            self.history.add(column[1:, 0])
            self._frames.append(column[1:].copy())
            self._group.columns[self.row] = column
            self.has_column = True
            self._left -= 1
            self._ended = self._left == 0
        if self._ended:
            self._group.leave(self)

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Codes:
        self.begin()
        last, self.turn = self.turn, self._group.turn()
        while not self._frames:
            if self._ended:
                self.close()
                raise StopIteration
            self.ride()
            self._group.invite(since=last)
            self._group.step()
        return self._frames.popleft()

    def close(self) -> None:
        self.has_begun = self._ended = True
        self._frames.clear()
        self._group.leave(self)
