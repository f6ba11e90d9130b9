"""The default engine: converted graphs in ONNX Runtime.

One frame is two runs: the slow AR turns the last column into logits and a hidden state, the fast AR turns these
into the next column, sampling included. Both write into memory that the other reads; Python copies nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from fishvoiced.backends.fish.config import CodecConfig, TransformerConfig
from fishvoiced.backends.fish.engine.prefix_cache import PrefixCache
from fishvoiced.backends.fish.engine.sampling_state import SamplingState
from fishvoiced.backends.fish.store.models import DECODER, ENCODER, GRAPHS_OF_PART, LANGUAGE, ConvertedModel
from fishvoiced.backends.fish.store.parts import MANIFEST, sha256
from fishvoiced.backends.fish.types import Codes, Prompt, SamplingOptions
from fishvoiced.backends.onnx_sessions import (
    VERSION,
    Array,
    Binding,
    OrtValue,
    Runtime,
    Session,
    buffer,
    keeps_int8_kv,
    shared,
)
from fishvoiced.errors import BadReference, BadRequest, EngineError
from fishvoiced.synthesis.audio import Samples

INT8_PREFILL = 32
"""Columns of one run where K and V are int8: the kernel's time grows with the square of their number."""
CAPACITY_STEP = 256
"""K/V buffers come in multiples of this many columns, so that they can be used again."""


class OnnxEngine:
    """Holds the sessions and hands out generations and decoders. Implements `backends.fish.engine.base.Engine`."""

    name = "onnx"

    def __init__(self, model: ConvertedModel, language: str, codec: str, runtime: Runtime) -> None:
        self.config = model.config
        self.tokenizer = model.tokenizer()
        self.precision = f"{language}+{codec}"
        self.runtime = runtime
        self._model = model

        def opened(part: str, precision: str) -> tuple[Path, list[Session]]:
            folder = model.part(part, precision)
            return folder, [Session(folder / f"{graph}.onnx", runtime) for graph in GRAPHS_OF_PART[part]]

        # Half of loading is hashing; it and ONNX Runtime let go of the interpreter.
        with ThreadPoolExecutor() as pool:
            sound = pool.submit(opened, DECODER, codec)
            folder, (self._slow, self._fast) = opened(LANGUAGE, language)
            _, (self._decoder,) = sound.result()
        rounded = self._slow.types["past.0"] is np.int8
        if rounded and not keeps_int8_kv():
            raise EngineError(
                f"{model.name!r} was converted for a newer ONNX Runtime than {VERSION}, which cannot keep K and V in "
                "8 bits; install a newer one, or remove the model and import its checkpoint again"
            )
        self._stride = INT8_PREFILL if rounded else self.config.dual_ar.max_seq_len
        self._free: list[KVBuffers] = []
        self._prefixes = PrefixCache(f"{sha256(folder / MANIFEST)} {VERSION} {runtime.threads}")

    def generate(self, prompt: Prompt, sampling: SamplingOptions, seed: int, max_frames: int) -> Iterator[Codes]:
        length = prompt.columns.shape[1]
        limit = self.config.dual_ar.max_seq_len
        if length >= limit:
            raise BadRequest(f"text and reference take {length} columns; this model has room for {limit}")
        max_frames = min(max_frames, limit - length)
        key = self._prefixes.key(prompt)
        kv = self._take(length + max_frames, key)
        try:
            yield from self._decode(prompt, key, sampling, seed, max_frames, kv)
        finally:
            self._free.append(kv)

    def _decode(
        self, prompt: Prompt, key: str | None, sampling: SamplingOptions, seed: int, max_frames: int, kv: KVBuffers
    ) -> Iterator[Codes]:
        books = self.config.dual_ar.num_codebooks
        column, column_value = buffer((1, books + 1, 1), np.int64)
        total, total_value = buffer((1,), np.int32)
        slow = self._slow.bind()
        slow.input("total", total_value)
        kv.bind(slow)
        logits, hidden = (shared(np.zeros(self._slow.outputs[n], np.float32)) for n in ("logits", "hidden"))
        slow.output("logits", logits)
        slow.output("hidden", hidden)
        history = SamplingState(books, max_frames, sampling, seed)
        fast = self._fast.bind()
        fast.input("logits", logits)
        fast.input("hidden", hidden)
        for name, array in history.inputs.items():
            fast.input(name, shared(array))
        fast.output("column", column_value)

        def prefill(start: int, end: int) -> None:
            for begin in range(start, end, self._stride):
                total[0] = min(begin + self._stride, end)
                slow.input("columns", shared(np.ascontiguousarray(prompt.columns[None, :, begin : total[0]])))
                slow.run()

        # A prefix is always prefilled by itself, found or not: the same runs, hence the same bits.
        start = 0 if key is None else prompt.prefix_length
        if key != kv.prefix:
            kv.prefix = None
            if key is not None:
                self._fill(kv, key, prompt, prefill)
        prefill(start, prompt.columns.shape[1])
        slow.input("columns", column_value)
        for _ in range(max_frames):
            history.next_frame()
            fast.run()
            if column[0, 0, 0] == self.tokenizer.end_token:
                return
            history.add(column[0, 1:, 0])
            yield column[0, 1:].copy()
            total[0] += 1
            slow.run()

    def _fill(self, kv: KVBuffers, key: str, prompt: Prompt, prefill: Callable[[int, int], None]) -> None:
        """Bring the prompt's prefix into ``kv``, computing it if it is not known."""
        known = self._prefixes.find(key, prompt.folder)
        if known is not None:
            kv.fill(known)
        else:
            prefill(0, prompt.prefix_length)
            self._prefixes.keep(key, kv.first(prompt.prefix_length), prompt.folder)
        kv.prefix = key

    def _take(self, columns: int, prefix: str | None) -> KVBuffers:
        """Free buffers with room for ``columns``, those that hold the prefix already or the smallest; or new ones."""
        fitting = [kv for kv in self._free if kv.capacity >= columns]
        if fitting:
            kv = min(fitting, key=lambda kv: (kv.prefix != prefix, kv.capacity))
            self._free.remove(kv)
            return kv
        # Buffers too small for this request would only lie there: a longer one serves the short ones too.
        self._free.clear()
        capacity = -(-columns // CAPACITY_STEP) * CAPACITY_STEP
        capacity = min(capacity, self.config.dual_ar.max_seq_len)
        return KVBuffers(self.config.dual_ar.slow, capacity, self._slow.types["past.0"])

    def decoder(self) -> OnnxDecoder:
        return OnnxDecoder(self._decoder, self.config.codec.frame_samples)

    def encode(self, audio: Samples) -> Codes:
        if not self.config.codec.has_encoder:
            raise BadReference(f"the voice model {self.config.name!r} cannot imitate a recording: it has no encoder")
        return encode(self._model.graph(ENCODER, "fp32"), self.config.codec, audio, self.runtime)

    def close(self) -> None:
        self._free.clear()
        del self._slow, self._fast, self._decoder


def encode(encoder: Path, codec: CodecConfig, audio: Samples, runtime: Runtime) -> Codes:
    """Codes of a recording at the codec's sample rate, by the graph ``encoder``.

    References are rare and the encoder is large: it is loaded for one recording and let go.
    """
    padded = np.pad(audio.astype(np.float32), (0, -len(audio) % codec.frame_samples))
    codes = Session(encoder, runtime).run({"audio": padded[None, None]})[0]
    return np.asarray(codes[0], np.int64)


class KVBuffers:
    """K and V of every slow layer, float32 or int8 [1, n_local_heads, capacity, head_dim].

    Past and present share memory.
    ``prefix`` is the key of what the first columns hold; no run ever writes there again.
    """

    def __init__(self, config: TransformerConfig, capacity: int, kind: type[np.generic]) -> None:
        self.capacity = capacity
        shape = (1, config.n_local_heads, capacity, config.head_dim)
        self._arrays = [np.zeros(shape, kind) for _ in range(2 * config.n_layer)]
        self.values = [shared(array) for array in self._arrays]
        self.prefix: str | None = None

    def bind(self, slow: Binding) -> None:
        for i, value in enumerate(self.values):
            slow.input(f"past.{i}", value)
            slow.output(f"present.{i}", value)

    def first(self, columns: int) -> Array:
        """A copy of the first columns: [2 * n_layer, n_local_heads, columns, head_dim]."""
        return np.stack([array[0, :, :columns] for array in self._arrays])

    def fill(self, values: Array) -> None:
        """Overwrite the first columns with what `first` gave."""
        for array, value in zip(self._arrays, values, strict=True):
            array[0, :, : value.shape[1]] = value


class OnnxDecoder:
    """The codec's decoder with its left contexts in two sets of buffers that swap roles after each run."""

    def __init__(self, session: Session, frame_samples: int) -> None:
        self._frame_samples = frame_samples
        self._position, position_value = buffer((1,), np.int64)
        states = [name for name in session.inputs if name.startswith("past.")]
        sides = [[shared(np.zeros(session.inputs[name], np.float32)) for name in states] for _ in range(2)]
        self._bindings = [self._bind(session, position_value, sides[i], sides[1 - i]) for i in range(2)]

    @staticmethod
    def _bind(session: Session, position: OrtValue, past: list[OrtValue], present: list[OrtValue]) -> Binding:
        binding = session.bind()
        binding.input("position", position)
        for i, (old, new) in enumerate(zip(past, present, strict=True)):
            binding.input(f"past.{i}", old)
            binding.output(f"present.{i}", new)
        return binding

    def decode(self, codes: Codes) -> Samples:
        frames = codes.shape[1]
        audio = np.empty((1, frames * self._frame_samples), np.float32)
        binding = self._bindings[0]
        binding.input("codes", shared(np.ascontiguousarray(codes[None])))
        binding.output("audio", shared(audio))
        binding.run()
        self._bindings.reverse()
        self._position[0] += frames
        samples: Samples = audio[0]
        return samples
