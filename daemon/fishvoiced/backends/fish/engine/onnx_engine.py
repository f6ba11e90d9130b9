"""The default engine: converted graphs in ONNX Runtime.

One frame is two runs: the slow AR turns the last column into logits and a hidden state, the fast AR turns these
into the next column, sampling included. Several generations share them (`group.py`).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from fishvoiced.backends.fish.config import CodecConfig
from fishvoiced.backends.fish.engine.base import Generation
from fishvoiced.backends.fish.engine.group import Group
from fishvoiced.backends.fish.engine.prefix_cache import PrefixCache
from fishvoiced.backends.fish.store.models import DECODER, ENCODER, GRAPHS_OF_PART, LANGUAGE, ConvertedModel
from fishvoiced.backends.fish.store.parts import MANIFEST, sha256
from fishvoiced.backends.fish.types import Codes, Prompt, SamplingOptions
from fishvoiced.backends.onnx_sessions import (
    VERSION,
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
from fishvoiced.voices.base import Streams

STREAMS = 4
"""Generations that share passes, where nothing else is asked for: 1, or an even number."""


class OnnxEngine:
    """Holds the sessions and hands out generations and decoders. Implements `backends.fish.engine.base.Engine`."""

    name = "onnx"

    def __init__(
        self, model: ConvertedModel, language: str, codec: str, runtime: Runtime, streams: int = STREAMS
    ) -> None:
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
        shares_passes = isinstance(self._slow.inputs["columns"][0], str)  # graphs of older conversions do not
        self.streams = streams if shares_passes else 1
        self._prefixes = PrefixCache(f"{sha256(folder / MANIFEST)} {VERSION} {runtime.threads} {self.streams > 1}")
        self._groups = [self._group()]

    def _group(self) -> Group:
        end = self.tokenizer.end_token
        return Group(self._slow, self._fast, self.config.dual_ar, end, self.streams, self._prefixes)

    def generate(self, prompt: Prompt, sampling: SamplingOptions, seed: int, max_frames: int) -> Generation:
        length = prompt.columns.shape[1]
        limit = self.config.dual_ar.max_seq_len
        if length >= limit:
            raise BadRequest(f"text and reference take {length} columns; this model has room for {limit}")
        group = next((group for group in self._groups if not group.is_full), None)
        if group is None:
            group = self._group()
            self._groups.append(group)
        # An empty group beyond the first one only holds memory.
        self._groups = [each for each in self._groups if each in (self._groups[0], group) or not each.is_empty]
        return group.join(prompt, sampling, seed, min(max_frames, limit - length))

    def usage(self) -> Streams:
        groups = list(self._groups)  # another thread may ask
        begun = sum(len(group.streams) - group.streams.count(None) for group in groups)
        return Streams(self.streams, begun, sum(group.kv.bytes for group in groups))

    def decoder(self) -> OnnxDecoder:
        return OnnxDecoder(self._decoder, self.config.codec.frame_samples)

    def encode(self, audio: Samples) -> Codes:
        if not self.config.codec.has_encoder:
            raise BadReference(f"the voice model {self.config.name!r} cannot imitate a recording: it has no encoder")
        return encode(self._model.graph(ENCODER, "fp32"), self.config.codec, audio, self.runtime)

    def close(self) -> None:
        self._groups.clear()
        del self._slow, self._fast, self._decoder


def encode(encoder: Path, codec: CodecConfig, audio: Samples, runtime: Runtime) -> Codes:
    """Codes of a recording at the codec's sample rate, by the graph ``encoder``.

    References are rare and the encoder is large: it is loaded for one recording and let go.
    """
    padded = np.pad(audio.astype(np.float32), (0, -len(audio) % codec.frame_samples))
    codes = Session(encoder, runtime).run({"audio": padded[None, None]})[0]
    return np.asarray(codes[0], np.int64)


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
