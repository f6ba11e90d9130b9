"""The fast AR's graph: one frame in one run, every step unrolled, sampling included.

logits [B, V], hidden [B, 1, fast_dim], history int64 [B, 1 + num_codebooks, window], uniforms [B, num_codebooks],
temperature, top_p and repetition_penalty [B] → column int64 [B, 1 + num_codebooks, 1], for B streams. They are as in
``DualAR.frame`` of ``network/dual_ar.py``, and a code is drawn as in ``network/sampling.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fishvoiced.backends.fish.checkpoint.tensors import Table, Weight
from fishvoiced.backends.fish.config import DualARConfig
from fishvoiced.backends.fish.convert.graph import Graph
from fishvoiced.backends.fish.convert.transformer import (
    FLOAT,
    INT64,
    LARGEST,
    STREAMS,
    Layer,
    cached_attention,
    norm,
    stack,
    tables,
)
from fishvoiced.backends.fish.engine.sampling_state import WINDOW
from fishvoiced.backends.fish.tokenizer import Tokenizer

MIN_TEMPERATURE = 1e-5


@dataclass(frozen=True)
class Sampling:
    """The names of the graph's inputs that steer a draw."""

    uniforms: str
    temperature: str
    top_p: str
    penalty: str


def write_fast(graph: Graph, table: Table, config: DualARConfig, tokenizer: Tokenizer, layers: Sequence[Layer]) -> None:
    count, books, fast = tokenizer.semantic_count, config.num_codebooks, config.fast
    logits = graph.input("logits", FLOAT, [STREAMS, count + 1])
    hidden = graph.input("hidden", FLOAT, [STREAMS, 1, fast.dim])
    history = graph.input("history", INT64, [STREAMS, books + 1, WINDOW])
    uniforms = graph.input("uniforms", FLOAT, [STREAMS, books])
    temperature, top_p, penalty = (
        graph.op("Unsqueeze", graph.input(name, FLOAT, [STREAMS]), graph.integers(1))
        for name in ("temperature", "top_p", "repetition_penalty")
    )
    temperature = graph.op("Clip", temperature, graph.number(MIN_TEMPERATURE))
    sampling = Sampling(uniforms, temperature, top_p, penalty)

    choice = draw(graph, _penalize_oldest(graph, logits, history, count, penalty), count + 1, sampling, 0)
    ended = graph.op("Equal", choice, graph.integer(count))
    token = graph.op("Add", choice, graph.integer(tokenizer.semantic_begin))
    token = graph.op("Where", ended, graph.integer(tokenizer.end_token), token)
    code = graph.op("Where", ended, graph.integer(0), choice)

    embeddings = table["fast_embeddings.weight"]
    head = Weight(
        (config.residual_codebook_size, fast.dim), lambda _rows: table["fast_output.weight"].read(0, head.shape[0])
    )
    rotary = tables(graph, "fast", fast)
    streams = graph.op("Shape", hidden, start=0, end=1)
    shape = graph.op("Concat", streams, graph.integers(fast.n_local_heads, 0, fast.head_dim), axis=0)
    empty = graph.op("ConstantOfShape", shape)  # float32
    caches = [(empty, empty)] * fast.n_layer
    codes = [code]
    # The first two columns go in together: both are known, and the first one's logits are thrown away.
    x = graph.op("Concat", hidden, _row(graph, embeddings, code), axis=1)
    for k in range(1, books):
        before = graph.op("Expand", graph.constant(np.array([k], np.int32)), streams)
        length = before, graph.constant(np.array([k + 1], np.int32))

        def attention(i: int, layer: Layer, x: str, length: tuple[str, str] = length) -> str:
            name = f"fast_layers.{i}"
            y, (key, value) = cached_attention(graph, table, name, fast, layer, x, caches[i], length, rotary)
            caches[i] = key, value
            return y

        x = stack(graph, table, "fast_layers", fast, layers, attention, x)
        last = graph.op("Gather", x, graph.integer(-1), axis=1)
        short = graph.head(norm(graph, table, "fast_norm.weight", last, fast.norm_eps), "fast_output.weight", head)
        seen = graph.op("Gather", history, graph.integer(k + 1), axis=1)
        lowered = penalize(graph, graph.op("GatherElements", short, seen, axis=1), penalty)
        short = graph.op("ScatterElements", short, seen, lowered, axis=1)
        code = draw(graph, short, config.residual_codebook_size, sampling, k)
        codes.append(code)
        x = _row(graph, embeddings, code)
    rows = [graph.op("Unsqueeze", row, graph.integers(1, 2)) for row in (token, *codes)]
    graph.output("column", graph.op("Concat", *rows, axis=1), INT64, [STREAMS, books + 1, 1])


def _row(graph: Graph, embeddings: Weight, code: str) -> str:
    return graph.op("Unsqueeze", graph.lookup("fast_embeddings.weight", embeddings, code), graph.integers(1))


def _penalize_oldest(graph: Graph, logits: str, history: str, count: int, penalty: str) -> str:
    """As upstream does it, the oldest frame's semantic token alone is penalized."""
    oldest = graph.op("Gather", graph.op("Gather", history, graph.integer(0), axis=1), graph.integers(0), axis=1)
    here = graph.op("Equal", graph.constant(np.arange(count + 1, dtype=np.int64)), oldest)
    return graph.op("Where", here, penalize(graph, logits, penalty), logits)


def penalize(graph: Graph, logits: str, penalty: str) -> str:
    """Push logits down: negative ones are multiplied by ``penalty``, positive ones divided."""
    negative = graph.op("Less", logits, graph.number(0.0))
    return graph.op("Where", negative, graph.op("Mul", logits, penalty), graph.op("Div", logits, penalty))


def draw(graph: Graph, logits: str, count: int, sampling: Sampling, row: int) -> str:
    """One index of each stream's logits [B, count]: int64 [B]."""
    ordered, indices = graph.ops("TopK", 2, logits, graph.integers(count), axis=-1, largest=1, sorted=1)
    shares = graph.op("CumSum", graph.op("Softmax", ordered, axis=-1), graph.integer(1))
    best = graph.constant(np.arange(count) == 0)
    inside = graph.op("Or", graph.op("LessOrEqual", shares, sampling.top_p), best)
    ordered = graph.op("Where", inside, ordered, graph.number(-np.inf))
    probabilities = graph.op("Softmax", graph.op("Div", ordered, sampling.temperature), axis=-1)
    cumulative = graph.op("CumSum", probabilities, graph.integer(1))
    # Rounding may leave the last sum below 1: the draw is scaled to what there is, and kept inside top-p.
    whole = graph.op("Slice", cumulative, graph.integers(-1), graph.integers(LARGEST), graph.integers(1))
    drawn = graph.op("Mul", graph.op("Gather", sampling.uniforms, graph.integers(row), axis=1), whole)
    rank = _count(graph, graph.op("LessOrEqual", cumulative, drawn))
    last = graph.op("Sub", _count(graph, inside), graph.integer(1))
    chosen = graph.op("GatherElements", indices, graph.op("Min", rank, last), axis=1)
    return graph.op("Squeeze", chosen, graph.integers(1))


def _count(graph: Graph, flags: str) -> str:
    """How many are set: [B, n] → int64 [B, 1]."""
    return graph.op("ReduceSum", graph.op("Cast", flags, to=INT64), graph.integers(-1), keepdims=1)
