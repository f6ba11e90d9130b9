"""The slow AR's graph: columns and K/V → logits of the last column, its hidden state, K/V.

columns int64 [B, 1 + num_codebooks, S], total int32 [B], past.N [B, n_local_heads, capacity, head_dim] → logits [B, V],
hidden [B, 1, fast_dim], present.N. B streams share the pass, each with a ``total`` of its own: its columns with these.
Only the logits that speech needs are computed: the semantic tokens', then ``<|im_end|>``'s. The columns' own K and V
are written into the memory that past and present share.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from fishvoiced.backends.fish.checkpoint.tensors import Table, Weight
from fishvoiced.backends.fish.config import DualARConfig
from fishvoiced.backends.fish.convert.graph import Graph, Shape
from fishvoiced.backends.fish.convert.transformer import (
    FLOAT,
    INT8,
    INT32,
    INT64,
    LARGEST,
    STREAMS,
    Layer,
    cached_attention,
    linear,
    norm,
    stack,
    tables,
)
from fishvoiced.backends.fish.tokenizer import Tokenizer


def write_slow(
    graph: Graph, table: Table, config: DualARConfig, tokenizer: Tokenizer, layers: Iterable[Layer], int8_kv: bool
) -> None:
    """``layers`` are asked for one by one, and let go of."""
    slow = config.slow
    columns = graph.input("columns", INT64, [STREAMS, config.num_codebooks + 1, "columns"])
    total = graph.input("total", INT32, [STREAMS])
    kind = INT8 if int8_kv else FLOAT
    shape: Shape = [STREAMS, slow.n_local_heads, "capacity", slow.head_dim]
    past = [graph.input(f"past.{i}", kind, shape) for i in range(2 * slow.n_layer)]
    rotary = tables(graph, "slow", slow)
    longest = graph.op("ReduceMax", total, keepdims=1)
    length = graph.op("Sub", total, graph.constant(np.array(1, np.int32))), longest
    present: list[str] = []

    def attention(i: int, layer: Layer, x: str) -> str:
        kv = past[2 * i], past[2 * i + 1]
        y, after = cached_attention(graph, table, f"layers.{i}", slow, layer, x, kv, length, rotary)
        present.extend(after)
        return y

    x = stack(graph, table, "layers", slow, layers, attention, embed(graph, table, config, tokenizer, columns))
    last = graph.op("Slice", x, graph.integers(-1), graph.integers(LARGEST), graph.integers(1))
    row = graph.op("Squeeze", last, graph.integers(1))
    logits = graph.head(norm(graph, table, "norm.weight", row, slow.norm_eps), "head", head(table, config, tokenizer))
    hidden = linear(graph, table, "fast_project_in", last) if config.fast.dim != slow.dim else last
    graph.output("logits", logits, FLOAT, [STREAMS, tokenizer.semantic_count + 1])
    graph.output("hidden", hidden, FLOAT, [STREAMS, 1, config.fast.dim])
    for i, value in enumerate(present):
        graph.output(f"present.{i}", value, kind, shape)


def embed(graph: Graph, table: Table, config: DualARConfig, tokenizer: Tokenizer, columns: str) -> str:
    """Columns → [B, S, dim]: the token's row, and where it is a semantic one those of the codes below it."""
    tokens = graph.op("Gather", columns, graph.integer(0), axis=1)
    codes = graph.op("Slice", columns, graph.integers(1), graph.integers(LARGEST), graph.integers(1))
    begin, end = tokenizer.semantic_begin, tokenizer.semantic_begin + tokenizer.semantic_count
    above = graph.op("GreaterOrEqual", tokens, graph.integer(begin))
    semantic = graph.op("And", above, graph.op("Less", tokens, graph.integer(end)))
    semantic = graph.op("Unsqueeze", semantic, graph.integers(-1))
    offsets = np.arange(config.num_codebooks, dtype=np.int64)[:, None] * config.codebook_size
    rows = graph.op("Add", codes, graph.constant(offsets))
    books = graph.lookup("codebook_embeddings.weight", table["codebook_embeddings.weight"], rows)
    added = graph.op("ReduceSum", books, graph.integers(1), keepdims=0)
    added = graph.op("Mul", added, graph.op("Cast", semantic, to=FLOAT))
    x = graph.op("Add", graph.lookup("embeddings.weight", table["embeddings.weight"], tokens), added)
    if not config.scale_codebook_embeddings:
        return x
    scaled = graph.op("Div", x, graph.number(math.sqrt(config.num_codebooks + 1)))
    return graph.op("Where", semantic, scaled, x)


def head(table: Table, config: DualARConfig, tokenizer: Tokenizer) -> Weight:
    """The rows of the output matrix that speech needs: every semantic token, then ``<|im_end|>``.

    Upstream samples from the whole vocabulary; all other tokens are never wanted here, and the cut saves 151,679 of
    S1-mini's 155,776 rows in every frame.
    """
    full = table["embeddings.weight" if config.tie_word_embeddings else "output.weight"]
    begin, count, end = tokenizer.semantic_begin, tokenizer.semantic_count, tokenizer.end_token
    return Weight.made(
        (count + 1, full.shape[1]),
        lambda: np.concatenate([full.read(begin, begin + count), full.read(end, end + 1)]),
    )
