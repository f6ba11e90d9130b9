"""The S1-mini benchmark's arithmetic: limits, ratios, and what it says of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from rich.console import Console

from benchmarks import s1_engine, s1_table
from benchmarks.s1_engine import Figures, Spec, Stopwatch
from benchmarks.s1_limits import cache_bytes, limit, weight_bytes
from benchmarks.s1_table import Row, bars, limit_of
from fishvoiced.backends.fish.engine.onnx_engine import OnnxEngine
from fishvoiced.backends.fish.types import Codes, Prompt, SamplingOptions
from tools.random_checkpoint import S1_MINI

FRAME = 0.05
"""Seconds of sound, chosen so that 20 ms of work are an RTF of 0.4."""


def figures(name: str, language_ms: float, **others: object) -> Figures:
    return Figures(name, frame_seconds=FRAME, language_ms=language_ms, **others)  # type: ignore[arg-type]


def onnx_figures(precision: str, language_ms: float = 15.0, **others: object) -> Figures:
    measured = {"slow_bytes": 200, "fast_bytes": 100, "bandwidth": 20e3, "convolution_rate": 100e3, **others}
    return figures(f"onnx {precision} + int8", language_ms, codec_ms=5.0, **measured)


def row(of: Figures) -> Row:
    return Row(of, limit_of(of, codec_operations=300.0))


def test_a_limit_is_bytes_over_bandwidth_and_operations_over_rate() -> None:
    least = limit(slow_bytes=200, fast_bytes=100, bandwidth=20e3, codec_operations=300, rate=100e3)
    assert (least.slow_ms, least.fast_ms, least.codec_ms) == (10.0, 5.0, 3.0)
    assert least.ms == 18.0
    assert least.rtf(frame_ms=50.0) == pytest.approx(0.36)


def test_a_row_knows_how_far_it_is_from_its_limit() -> None:
    assert row(onnx_figures("int4")).over_limit == pytest.approx(20 / 18)
    assert row(figures("torch fp32", 100)).over_limit is None


def test_weights_count_as_often_as_they_are_read(tmp_path: Path) -> None:
    weights = [numpy_helper.from_array(np.zeros((8, 4), np.float32), "w")]
    weights.append(numpy_helper.from_array(np.zeros(9, np.float32), "not a product's"))
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"]), helper.make_node("MatMul", ["x", "w"], ["z"])]
    nodes.append(helper.make_node("Identity", ["not a product's"], ["i"]))
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", "y", "z", "i")]
    onnx.save(helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:], weights)), tmp_path / "g.onnx")
    assert weight_bytes(tmp_path / "g.onnx") == 2 * 8 * 4 * 4


def test_one_column_of_s1_mini_takes_57_kilobytes_of_cache_in_int8() -> None:
    assert cache_bytes(S1_MINI.dual_ar.slow, 1, itemsize=1) == 57_344


def by_name(rows: list[Row]) -> dict[str, s1_table.Bar]:
    return {bar.what: bar for bar in bars(rows)}


def test_bars_compare_with_the_engines_that_were_measured() -> None:
    int4 = onnx_figures("int4", resident_bytes=1_200_000_000, load_seconds=3.5, early_ms=20.0, late_ms=24.0)
    rows = [row(figures("fish-speech fp32", 1000)), row(figures("torch fp32", 80)), row(int4)]
    found = by_name(rows)
    upstream = found["onnx int4 + int8, times faster than fish-speech fp32"]
    assert upstream.value == pytest.approx(50)
    assert upstream.reached
    torch = found["onnx int4 + int8, times faster than torch fp32"]
    assert torch.value == pytest.approx(4)
    assert not torch.reached
    assert found["onnx int4 + int8, memory in GB"].reached
    assert not found["onnx int4 + int8, seconds to load"].reached
    assert found["onnx int4 + int8, a late frame's time over an early one's"].value == pytest.approx(29 / 25)
    assert not any("fish-speech" in what for what in by_name(rows[2:]))


def test_float32_is_judged_by_memory_alone() -> None:
    found = by_name([row(onnx_figures("fp32", language_ms=30.0))])
    (bar,) = found.values()
    assert bar.value == pytest.approx(30 / 15)
    assert not bar.reached


def test_the_codecs_precision_is_not_the_language_models() -> None:
    of = onnx_figures("int4")
    of.name = "onnx int4 + fp32"
    found = by_name([row(of)])
    assert found["onnx int4 + fp32, RTF over the machine's limit"].value == pytest.approx(20 / 18)


def test_the_table_has_a_line_per_engine_and_leaves_gaps_where_nothing_was_measured() -> None:
    rows = [row(figures("torch fp32", 80)), row(onnx_figures("int4", first_audio_seconds=0.25))]
    console = Console(width=160, record=True)
    console.print(s1_table.table(rows, "a machine"))
    text = console.export_text()
    assert "torch fp32" in text
    assert "0.25" in text
    assert "1.11" in text
    assert "None" not in text


def test_the_plot_is_drawn(tmp_path: Path) -> None:
    s1_table.plot([row(figures("torch fp32", 80)), row(onnx_figures("int4"))], tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_the_first_call_is_the_prefill_and_not_a_frames_share() -> None:
    watch = Stopwatch({"slow": [300.0, 10.0, 14.0]})
    assert watch.per_frame("slow", 3) == 12.0
    assert watch.per_frame("fast", 3) is None


def test_a_stopwatch_times_every_call_and_passes_values_through() -> None:
    class Adder:
        def add(self, a: int, b: int) -> int:
            return a + b

    adder, watch = Adder(), Stopwatch()
    watch.watch(adder, "add", "sum")
    assert adder.add(1, b=2) == 3
    assert len(watch.parts["sum"]) == 1


def test_names_tell_engines_apart() -> None:
    assert Spec("onnx", "int4", "int8").name == "onnx int4 + int8"
    assert Spec("torch", "fp32").name == s1_table.TORCH
    assert Spec("fish-speech", "fp32").name == s1_table.UPSTREAM


def test_beginnings_take_turns_with_the_end_of_a_long_answer(
    onnx_engine: OnnxEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []
    generate = onnx_engine.generate

    def noted(prompt: Prompt, sampling: SamplingOptions, seed: int, max_frames: int) -> Iterator[Codes]:
        begun.append(max_frames)
        return generate(prompt, sampling, seed, max_frames)

    monkeypatch.setattr(onnx_engine, "generate", noted)
    for group in onnx_engine._groups:
        monkeypatch.setattr(group, "end_token", -1)  # random weights would end the one or the other
    early, whole = s1_engine.beginnings_and_whole(onnx_engine, 150)
    turns, first, turn = s1_engine.TURNS, s1_engine.FIRST, s1_engine.TURN
    assert begun == [150] + turns * [first + turn]
    assert len(early) == turns * turn
    assert len(whole) == 150
    assert min(early + whole) > 0
