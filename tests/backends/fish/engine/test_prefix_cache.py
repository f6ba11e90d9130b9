"""Kept prefixes: paid once, of no influence on any bit, and never nonsense whatever happens to their files."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fishvoiced.backends.fish.engine.kv_rows import KVRows
from fishvoiced.backends.fish.engine.onnx_engine import OnnxEngine
from fishvoiced.backends.fish.engine.prefix_cache import MOST_IN_MEMORY, PrefixCache
from fishvoiced.backends.fish.prompt import build_prompt
from fishvoiced.backends.fish.renderer import FishRenderer
from fishvoiced.backends.fish.store.models import SLOW, ConvertedModel
from fishvoiced.backends.fish.store.voices import VoiceStore
from fishvoiced.backends.fish.types import Codes, Prompt, Reference, SamplingOptions
from fishvoiced.backends.fish.warm_up import prepare
from fishvoiced.backends.onnx_sessions import Runtime, Session
from fishvoiced.synthesis.base import MAX_SEGMENT_CHARACTERS
from fishvoiced.synthesis.pipeline import synthesize

SAMPLING = SamplingOptions(temperature=0.9, top_p=0.9, repetition_penalty=1.1)


@pytest.fixture
def engine(tiny_model: ConvertedModel) -> OnnxEngine:
    """One that knows nothing yet."""
    return OnnxEngine(tiny_model, "fp32", "fp32", Runtime(threads=1, spinning=False))


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lengths of all prefixes that were prefilled."""
    lengths: list[int] = []
    first = KVRows.first

    def noted(self: KVRows, row: int, columns: int) -> np.ndarray:
        lengths.append(columns)
        return first(self, row, columns)

    monkeypatch.setattr(KVRows, "first", noted)
    return lengths


def reference(seed: int = 5, folder: Path | None = None) -> Reference:
    return Reference(np.random.default_rng(seed).integers(0, 48, (4, 40)), "What it says.", folder)


def prompt(engine: OnnxEngine, spoken: Reference, text: str = "Hello, world.") -> Prompt:
    return build_prompt(engine.tokenizer, 4, text, [spoken])


def codes(engine: OnnxEngine, spoken: Reference, text: str = "Hello, world.") -> Codes:
    return np.concatenate(list(engine.generate(prompt(engine, spoken, text), SAMPLING, 3, 30)), axis=1)


def forget(engine: OnnxEngine) -> None:
    """What its rows hold."""
    engine._groups = [engine._group()]


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def test_prefill_in_two_runs_equals_one(tiny_model: ConvertedModel, engine: OnnxEngine) -> None:
    slow = Session(tiny_model.graph(SLOW, "fp32"), Runtime(threads=1))
    whole = prompt(engine, reference())
    columns, at = whole.columns[None], whole.prefix_length
    empty = {n: np.zeros((1, 2, 128, 16), np.float32) for n in slow.inputs if n.startswith("past")}

    def run(part: np.ndarray, total: int, past: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        feeds = {"columns": np.ascontiguousarray(part), "total": np.array([total], np.int32), **past}
        return dict(zip(slow.outputs, slow.run(feeds), strict=True))

    expected = run(columns, columns.shape[2], empty)
    prefix = run(columns[:, :, :at], at, empty)
    past = {n.replace("present", "past"): value for n, value in prefix.items() if n.startswith("present")}
    found = run(columns[:, :, at:], columns.shape[2], past)
    assert columns.shape[2] - at > 1
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=1e-5, err_msg=name)


def test_every_way_to_the_prefix_gives_the_same_bits(
    tiny_model: ConvertedModel, engine: OnnxEngine, tmp_path: Path, computed: list[int]
) -> None:
    expected = codes(engine, reference())
    kept = reference(folder=tmp_path)
    runtime = Runtime(threads=1, spinning=False)
    first, second = (OnnxEngine(tiny_model, "fp32", "fp32", runtime) for _ in range(2))
    length = prompt(engine, kept).prefix_length
    np.testing.assert_array_equal(codes(first, kept), expected)
    assert computed == [length] * 2
    np.testing.assert_array_equal(codes(first, kept), expected)  # in the buffers
    forget(first)
    np.testing.assert_array_equal(codes(first, kept), expected)  # on disk
    np.testing.assert_array_equal(codes(second, kept), expected)  # on disk, by another process
    forget(engine)
    np.testing.assert_array_equal(codes(engine, reference()), expected)  # in memory
    assert computed == [length] * 2


def test_buffers_that_served_another_text_meanwhile_are_filled_again(engine: OnnxEngine, computed: list[int]) -> None:
    expected = codes(engine, reference())
    for between in (build_prompt(engine.tokenizer, 4, "A text without a reference.", []), prompt(engine, reference(9))):
        before = engine._groups[0].kv.prefixes[0]
        assert len(list(engine.generate(between, SAMPLING, 1, 30))) > 1
        assert engine._groups[0].kv.prefixes[0] != before, "the same row served both"
        np.testing.assert_array_equal(codes(engine, reference()), expected)
    assert len(computed) == 2


def test_buffers_in_use_by_another_are_not_taken_for_ones_own(engine: OnnxEngine, computed: list[int]) -> None:
    voices = [reference(1), reference(2)]
    alone = [codes(engine, voice) for voice in voices]
    turns = [engine.generate(prompt(engine, voice), SAMPLING, 3, 30) for voice in (*voices, voices[0])]
    said: list[list[Codes]] = [[], [], []]
    for _ in range(alone[0].shape[1]):
        for generation, frames in zip(turns, said, strict=True):
            frames.extend(frame for frame in [next(generation, None)] if frame is not None)
    for frames, expected in zip(said, (*alone, alone[0]), strict=True):
        np.testing.assert_array_equal(np.concatenate(frames, axis=1), expected[:, : len(frames)])
    assert len(computed) == 2


def test_what_is_on_disk_is_what_is_used(engine: OnnxEngine, tmp_path: Path) -> None:
    """Other values under the right name change the speech: without this, the tests above would show nothing."""
    spoken = reference(folder=tmp_path)
    expected = codes(engine, spoken)
    key = engine._prefixes.key(prompt(engine, spoken))
    assert key is not None
    values = engine._prefixes.find(key, tmp_path)
    assert values is not None
    engine._prefixes.keep(key, -np.array(values), tmp_path)
    forget(engine)
    assert not np.array_equal(codes(engine, spoken), expected)


def test_segments_of_one_request_share_the_prefix(engine: OnnxEngine, computed: list[int]) -> None:
    text = "The first sentence is here. Then comes another one, after it! And a last?"
    steps = list(synthesize(FishRenderer(engine, 7, SAMPLING, (reference(),), segment_characters=30), text))
    assert {step.segment for step in steps if step is not None} >= {0, 1, 2}
    assert len(computed) == 1


def test_a_prepared_voice_has_nothing_to_compute_or_copy_before_its_first_sentence(
    engine: OnnxEngine, tmp_path: Path, computed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    spoken = reference(folder=tmp_path)
    prepare(engine, spoken, MAX_SEGMENT_CHARACTERS)
    assert len(computed) == len(files(tmp_path)) == 1
    monkeypatch.setattr(KVRows, "fill", lambda *_: pytest.fail("copied"))
    text = "A sentence as long as they may become, " * 4
    assert next(synthesize(FishRenderer(engine, 7, SAMPLING, (spoken,)), text)) is not None
    assert len(computed) == 1


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "damage",
    [
        flip,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-7]),
        lambda path: path.write_bytes(path.read_bytes() + b"\x00"),
        lambda path: np.save(path, np.zeros((4, 2, 3, 16), np.float32)),
    ],
)
def test_a_damaged_file_is_told_and_computed_anew(
    tiny_model: ConvertedModel,
    engine: OnnxEngine,
    tmp_path: Path,
    computed: list[int],
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path], object],
) -> None:
    spoken = reference(folder=tmp_path)
    expected = codes(engine, spoken)
    (path,) = files(tmp_path)
    damage(path)
    other = OnnxEngine(tiny_model, "fp32", "fp32", Runtime(threads=1, spinning=False))
    np.testing.assert_array_equal(codes(other, spoken), expected)
    assert "computed anew" in caplog.text
    assert len(computed) == 2
    forget(other)
    np.testing.assert_array_equal(codes(other, spoken), expected)
    assert len(computed) == 2, "it was not written again"


def test_a_disk_that_refuses_costs_no_speech(
    engine: OnnxEngine, tmp_path: Path, computed: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    spoken = reference(folder=tmp_path / "gone")
    expected = codes(engine, reference())
    np.testing.assert_array_equal(codes(engine, replace(spoken, text="Other words.")).shape[0], expected.shape[0])
    assert "only in memory" in caplog.text
    forget(engine)
    codes(engine, replace(spoken, text="Other words."))
    assert len(computed) == 2, "what the disk refused was not kept in memory either"


def test_a_full_disk_leaves_nothing_behind(
    engine: OnnxEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(file: object, values: object, *, allow_pickle: bool) -> None:
        file.write(b"half of it")  # type: ignore[attr-defined]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fishvoiced.backends.fish.engine.prefix_cache.np.save", full)
    assert codes(engine, reference(folder=tmp_path)).shape[1] > 5
    assert "No space left" in caplog.text
    assert files(tmp_path) == []


def test_a_voice_keeps_one_prefix_and_takes_it_along(engine: OnnxEngine, tmp_path: Path) -> None:
    store = VoiceStore(tmp_path / "voices")
    codec = engine.config.codec
    store.add("ann", "tiny", reference(), codec)
    spoken = store.reference("ann", codec)
    codes(engine, spoken)
    codes(engine, replace(spoken, text="Said by an engine of another precision."))
    (tmp_path / "voices" / "ann" / "prefix-of-a-crash.part").write_bytes(b"x")
    codes(engine, spoken, "Whatever text, the file is the same.")
    (path,) = (p for p in files(tmp_path / "voices" / "ann") if p.name.startswith("prefix-"))
    assert path.suffix == ".npy"
    assert np.load(path).shape == (4, 2, prompt(engine, spoken).prefix_length, 16)
    store.remove("ann")
    assert files(tmp_path / "voices") == []


def test_a_key_stands_for_everything_that_matters(engine: OnnxEngine) -> None:
    def key(identity: str, spoken: Reference, text: str = "Hello") -> str | None:
        return PrefixCache(identity).key(prompt(engine, spoken, text))

    assert key("a", reference()) == key("a", reference(), "Other text")
    keys = {
        key("a", reference()),
        key("b", reference()),
        key("a", reference(6)),
        key("a", replace(reference(), text="x")),
    }
    assert len(keys) == 4
    assert None not in keys


def test_short_prefixes_are_not_worth_a_run_of_their_own(engine: OnnxEngine, computed: list[int]) -> None:
    plain = build_prompt(engine.tokenizer, 4, "Hello, world.", [])
    assert plain.prefix_length > 0
    assert next(engine.generate(plain, SAMPLING, 3, 5)).shape == (4, 1)
    assert computed == []


def test_memory_holds_the_last_used(engine: OnnxEngine, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    prefixes = PrefixCache("here")
    values = np.zeros((4, 2, 20, 16), np.float32)
    for i in range(MOST_IN_MEMORY):
        prefixes.keep(str(i), values + i, None)
    assert prefixes.find("0", None) is not None  # used again: the other one is now the oldest
    prefixes.keep("new", values, None)
    assert prefixes.find("1", None) is None
    assert [prefixes.find(key, None) is not None for key in ("0", "new")] == [True, True]
    assert caplog.text == ""
