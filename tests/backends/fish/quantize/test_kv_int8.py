"""K and V in 8 bits: scales that reach as far as the values do, and a graph that computes with them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.s1_engine import Stopwatch
from fishvoiced.backends import onnx_sessions
from fishvoiced.backends.fish.checkpoint.folder import recognize
from fishvoiced.backends.fish.convert.graph import Graph
from fishvoiced.backends.fish.convert.importer import Conversion, import_checkpoint
from fishvoiced.backends.fish.convert.slow import write_slow
from fishvoiced.backends.fish.convert.transformer import KVScales, Layer, matrices
from fishvoiced.backends.fish.convert.walk import MARGIN, slow_walk
from fishvoiced.backends.fish.engine import onnx_engine
from fishvoiced.backends.fish.engine.group import INT8_PREFILL
from fishvoiced.backends.fish.engine.onnx_engine import OnnxEngine
from fishvoiced.backends.fish.network import checkpoint as checkpoints
from fishvoiced.backends.fish.network.layers import KVCache
from fishvoiced.backends.fish.prompt import build_prompt
from fishvoiced.backends.fish.store.models import ConvertedModel, ModelStore
from fishvoiced.backends.fish.types import Codes, Columns, Reference, SamplingOptions
from fishvoiced.backends.onnx_sessions import Array, Runtime, Session, keeps_int8_kv
from fishvoiced.errors import EngineError

LENGTH = 40


@pytest.fixture(scope="module")
def tiny(tiny_checkpoint: Path) -> Conversion:
    checkpoint = recognize(tiny_checkpoint)
    return Conversion(checkpoint, checkpoint.config)


@pytest.fixture(scope="module")
def columns(tiny: Conversion) -> Columns:
    codes = np.random.default_rng(4).integers(0, 16, (tiny.config.dual_ar.num_codebooks, LENGTH))
    return np.concatenate([codes[:1] + tiny.tokenizer.semantic_begin, codes])


def observed(tiny: Conversion, *texts: Columns) -> list[KVScales]:
    begin = tiny.tokenizer.semantic_begin
    semantic = range(begin, begin + tiny.tokenizer.semantic_count)
    walk = slow_walk(tiny.language, tiny.config.dual_ar, semantic, texts, compensate=False, scale_kv=True)
    return [layer.scales for layer in walk.layers() if layer.scales is not None]


def logits(tiny: Conversion, folder: Path, columns: Columns, scales: list[KVScales] | None = None) -> Array:
    """Of the last column, all but it read in one run and it in another; with the weights as they are."""
    sizes = tiny.config.dual_ar.slow
    layers = [
        Layer(matrices(tiny.language, f"layers.{i}"), scales[i] if scales else None) for i in range(sizes.n_layer)
    ]
    with Graph(folder, "slow", "fp32") as graph:
        write_slow(graph, tiny.language, tiny.config.dual_ar, tiny.tokenizer, layers, scales is not None)
    slow = Session(folder / "slow.onnx", Runtime(threads=1))
    shape = (1, sizes.n_local_heads, 64, sizes.head_dim)
    past = {n: np.zeros(shape, kind) for n, kind in slow.types.items() if n.startswith("past")}
    found: Array = np.zeros(0)
    for start, end in ((0, LENGTH - 1), (LENGTH - 1, LENGTH)):
        part = {"columns": columns[None, :, start:end], "total": np.array([end], np.int32)}
        found, _, *present = slow.run({**part, **past})
        past = dict(zip(past, present, strict=True))
    assert all(values.dtype == slow.types[name] for name, values in past.items())
    return found


def test_a_slow_ar_with_rounded_k_and_v_says_nearly_the_same(
    tiny: Conversion, columns: Columns, tmp_path: Path
) -> None:
    exact = logits(tiny, tmp_path, columns)
    scales = observed(tiny, columns)
    rounded = logits(tiny, tmp_path, columns, scales)
    coarse = [KVScales(s.key * 30, s.value * 30) for s in scales]
    bad = logits(tiny, tmp_path, columns, coarse)
    error, worse = (float(np.abs(found - exact).max() / np.abs(exact).max()) for found in (rounded, bad))
    assert 0 < error < 0.02
    assert worse > 5 * error


def test_scales_reach_as_far_as_the_values_do(tiny: Conversion, tiny_checkpoint: Path, columns: Columns) -> None:
    model = checkpoints.load(tiny_checkpoint).dual_ar
    sizes = tiny.config.dual_ar.slow
    shape, total = (1, sizes.n_local_heads, LENGTH, sizes.head_dim), torch.tensor([LENGTH], dtype=torch.int32)
    caches = [KVCache(torch.zeros(shape), torch.zeros(shape), total) for _ in range(sizes.n_layer)]
    with torch.no_grad():
        model.slow(torch.from_numpy(columns)[None], caches)
    for cache, scales in zip(caches, observed(tiny, columns[:, :7], columns), strict=True):
        levels = np.abs(cache.value.numpy()) / scales.value
        np.testing.assert_allclose(levels.max(2), 127 / MARGIN, rtol=1e-4)
        assert (np.abs(cache.key.numpy()) / scales.key).max() <= 127 / MARGIN + 1e-2
        # A pair's channels turn into each other along a text: both have the pair's scale.
        np.testing.assert_array_equal(scales.key[..., 0::2], scales.key[..., 1::2])


@pytest.fixture(scope="module")
def imported(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> ConvertedModel:
    return import_checkpoint(tiny_checkpoint, ModelStore(tmp_path_factory.mktemp("int8")), "int8", "fp32")


@pytest.fixture
def engine(imported: ConvertedModel) -> OnnxEngine:
    return OnnxEngine(imported, "int8", "fp32", Runtime(threads=1, spinning=False))


def codes(engine: OnnxEngine, *references: Reference) -> Codes:
    prompt = build_prompt(engine.tokenizer, 4, "Several runs of prefill. " * 3, references)
    return np.concatenate(list(engine.generate(prompt, SamplingOptions(0.8, 0.9, 1.1), 5, 20)), axis=1)


def test_an_imported_model_keeps_k_and_v_as_int8_and_speaks(engine: OnnxEngine) -> None:
    np.testing.assert_array_equal(codes(engine), codes(engine))
    (group,) = engine._groups
    assert group.kv.first(0, 1).dtype == np.int8


def test_prefill_goes_in_short_runs(engine: OnnxEngine) -> None:
    prompt = build_prompt(engine.tokenizer, 4, "Several runs of prefill. " * 3, [])
    watch = Stopwatch()
    watch.watch_runs(engine._slow, "slow")
    next(iter(engine.generate(prompt, SamplingOptions(0.8, 0.9, 1.1), 5, 20)))
    assert len(watch.parts["slow"]) == math.ceil(prompt.columns.shape[1] / INT8_PREFILL) > 2


def test_a_kept_prefix_is_int8_and_changes_no_bit(imported: ConvertedModel, engine: OnnxEngine, tmp_path: Path) -> None:
    reference = Reference(np.random.default_rng(5).integers(0, 48, (4, 40)), "What it says.", tmp_path)
    first = codes(engine, reference)
    (kept,) = tmp_path.glob("prefix-*.npy")
    assert np.load(kept).dtype == np.int8
    fresh = OnnxEngine(imported, "int8", "fp32", Runtime(threads=1, spinning=False))
    np.testing.assert_array_equal(codes(fresh, reference), first)
    (same,) = tmp_path.glob("prefix-*.npy")
    assert same == kept


def test_float32_keeps_k_and_v_as_they_are(onnx_engine: OnnxEngine) -> None:
    assert onnx_engine._slow.types["past.0"] is np.float32


def test_int8_k_and_v_want_a_runtime_that_has_them(imported: ConvertedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [keeps_int8_kv(version) for version in ("1.9.0", "1.26.0", "1.27.0", "2.0.1")] == [False, False, True, True]
    monkeypatch.setattr(onnx_engine, "keeps_int8_kv", lambda: False)
    with pytest.raises(EngineError, match="import its checkpoint again"):
        OnnxEngine(imported, "int8", "fp32", Runtime(threads=1, spinning=False))


def test_a_model_imported_beside_an_older_runtime_has_k_and_v_in_float32(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_sessions, "keeps_int8_kv", lambda: False)
    model = import_checkpoint(tiny_checkpoint, ModelStore(tmp_path), "int8", "fp32")
    assert Session(model.graph("slow", "int8"), Runtime(threads=1)).types["past.0"] is np.float32
