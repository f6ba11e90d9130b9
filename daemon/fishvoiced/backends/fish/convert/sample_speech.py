"""The calibration set for quantization: sentences in several languages, and what the model itself says to them.

It is spoken with 8-bit weights, rounded to the nearest, by ONNX Runtime: near enough, and light. Two sentences are
spoken after a reference, which is what the sentence before them sounded like.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fishvoiced.backends.fish.checkpoint.tensors import Table
from fishvoiced.backends.fish.config import ModelConfig
from fishvoiced.backends.fish.convert.fast import write_fast
from fishvoiced.backends.fish.convert.graph import Graph
from fishvoiced.backends.fish.convert.slow import write_slow
from fishvoiced.backends.fish.convert.transformer import Layer, matrices
from fishvoiced.backends.fish.engine.sampling_state import SamplingState
from fishvoiced.backends.fish.prompt import build_prompt
from fishvoiced.backends.fish.tokenizer import Tokenizer
from fishvoiced.backends.fish.types import Codes, Columns, Frontend, Reference, SamplingOptions
from fishvoiced.errors import CheckpointError

if TYPE_CHECKING:
    from fishvoiced.backends.onnx_sessions import Runtime

ENGLISH = (
    "The quick brown fox jumps over the lazy dog, while five boxing wizards watch.",
    "She sells sea shells by the shore; who knows why?",
    "Numbers such as 42 and 1917 are read aloud!",
    "Thank you very much, said the old man. We shall meet again in the evening.",
)
OTHERS = (
    "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.",
    "今天天气很好，我们一起去公园散步吧。",
    "El veloz murciélago hindú comía feliz cardillo y kiwi.",
    "いろはにほへと、ちりぬるを。明日は雨が降るでしょう。",
    "Voix ambiguë d'un cœur qui, au zéphyr, préfère les jattes de kiwis.",
)
AFTER_A_REFERENCE = (3, 7)
"""Sentences that are spoken in the voice of the one before."""
FRAMES = 40
"""Of each sentence at most."""
ROOM = 512
"""Columns that fit a prompt and its answer."""


@dataclass(frozen=True)
class SampleSentence:
    """One sentence: the ``columns`` that were read, int64 [1 + num_codebooks, S], and the ``codes`` that were said,
    int64 [num_codebooks, T]."""

    columns: Columns
    codes: Codes

    def all_columns(self, semantic_begin: int) -> Columns:
        """What stands before the model when it has ended: [1 + num_codebooks, S + T]."""
        said = np.concatenate([self.codes[:1] + semantic_begin, self.codes])
        return np.concatenate([self.columns, said], axis=1)


def typical_codes(spoken: Sequence[SampleSentence]) -> Codes:
    """All that was said: int64 [num_codebooks, T]."""
    return np.concatenate([each.codes for each in spoken], axis=1)


def write_speaker(folder: Path, table: Table, config: ModelConfig, tokenizer: Tokenizer) -> None:
    """``slow.onnx`` and ``fast.onnx`` with 8-bit weights, K and V in float32."""
    language = config.dual_ar
    with Graph(folder, "slow", "int8") as graph:
        layers = (Layer(matrices(table, f"layers.{i}")) for i in range(language.n_layer))
        write_slow(graph, table, language, tokenizer, layers, int8_kv=False)
    with Graph(folder, "fast", "int8") as graph:
        fast = [Layer(matrices(table, f"fast_layers.{i}")) for i in range(language.n_fast_layer)]
        write_fast(graph, table, language, tokenizer, fast)


def speak(
    folder: Path, config: ModelConfig, tokenizer: Tokenizer, prepare: Frontend, runtime: Runtime
) -> list[SampleSentence]:
    """Every sentence, the same each time, by the graphs that :func:`write_speaker` wrote.

    Every sentence has a seed of its own: a model that knows many voices then takes several.
    Raises CheckpointError when the model says nothing.
    """
    speaker = _Speaker(folder, config, tokenizer, runtime)
    spoken: list[SampleSentence] = []
    references: list[Reference] = []
    for seed, sentence in enumerate(ENGLISH if config.frontend is not None else (*ENGLISH, *OTHERS)):
        text = prepare(sentence)
        after = references if seed in AFTER_A_REFERENCE else []
        prompt = build_prompt(tokenizer, config.dual_ar.num_codebooks, text, after)
        codes = speaker.say(prompt.columns, seed)
        if codes.size:
            spoken.append(SampleSentence(prompt.columns, codes))
            references = [Reference(codes, text)]
    if not spoken:
        raise CheckpointError(
            f"{config.name}: the language model ends before it has said anything, so that there is nothing to fit "
            "8-bit values to; import it with: --precision fp32 --codec-precision fp32"
        )
    return spoken


class _Speaker:
    def __init__(self, folder: Path, config: ModelConfig, tokenizer: Tokenizer, runtime: Runtime) -> None:
        # Late: a checkpoint is imported for PyTorch without it.
        from fishvoiced.backends.onnx_sessions import Session, buffer

        self._slow, self._fast = (Session(folder / f"{name}.onnx", runtime) for name in ("slow", "fast"))
        self._config, self._end = config, tokenizer.end_token
        slow = config.dual_ar.slow
        self._room = min(ROOM, slow.max_seq_len)
        shape = (1, slow.n_local_heads, self._room, slow.head_dim)
        self._kv = [buffer(shape)[1] for _ in range(2 * slow.n_layer)]

    def say(self, columns: Columns, seed: int) -> Codes:
        """int64 [num_codebooks, T]: the frames until the model ends. What is behind ``total`` in K and V is not read,
        so that every sentence can begin in the memory of the one before."""
        from fishvoiced.backends.onnx_sessions import buffer, shared

        books, options = self._config.dual_ar.num_codebooks, self._config.sampling
        sampling = SamplingOptions(options.temperature, options.top_p, options.repetition_penalty)
        state = SamplingState(books, FRAMES, sampling, seed)
        slow, fast = self._slow.bind(), self._fast.bind()
        total, total_value = buffer((1,), np.int32)
        slow.input("total", total_value)
        for i, value in enumerate(self._kv):
            slow.input(f"past.{i}", value)
            slow.output(f"present.{i}", value)
        for name in ("logits", "hidden"):
            value = shared(np.zeros((1, *self._slow.outputs[name][1:]), np.float32))
            slow.output(name, value)
            fast.input(name, value)
        for name, array in state.inputs.items():
            fast.input(name, shared(array))
        column, column_value = buffer((1, books + 1, 1), np.int64)
        fast.output("column", column_value)
        frames: list[Codes] = []
        reading = np.ascontiguousarray(columns[None])
        while len(frames) < FRAMES and total[0] + reading.shape[2] <= self._room:
            total[0] += reading.shape[2]
            slow.input("columns", shared(reading))
            slow.run()
            state.next_frame()
            fast.run()
            if column[0, 0, 0] == self._end:
                break
            state.add(column[0, 1:, 0])
            frames.append(column[0, 1:].copy())
            reading = column
        return np.concatenate(frames, axis=1) if frames else np.zeros((books, 0), np.int64)
