"""Streams that share passes: the same bits in any company, joining and leaving at any frame."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fishvoiced.backends.fish.convert.importer import import_checkpoint
from fishvoiced.backends.fish.engine.base import Generation
from fishvoiced.backends.fish.engine.onnx_engine import OnnxEngine
from fishvoiced.backends.fish.store.models import ConvertedModel, ModelStore
from fishvoiced.backends.fish.types import Codes, Prompt, SamplingOptions
from fishvoiced.backends.onnx_sessions import Runtime
from fishvoiced.voices.base import Streams

SAMPLING = SamplingOptions(temperature=0.9, top_p=0.9, repetition_penalty=1.1)
FRAMES = 12


@pytest.fixture(scope="module", params=["fp32", "int8", "int4"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ConvertedModel:
    checkpoint = request.getfixturevalue("tiny_checkpoint")
    return import_checkpoint(checkpoint, ModelStore(tmp_path_factory.mktemp("group")), request.param, "fp32")


@pytest.fixture(scope="module")
def engine(model: ConvertedModel) -> OnnxEngine:
    return opened(model)


def opened(model: ConvertedModel, streams: int = 4) -> OnnxEngine:
    (precision,) = model.precisions("language")
    return OnnxEngine(model, precision, "fp32", Runtime(threads=2, spinning=False), streams)


@pytest.fixture(scope="module")
def alone(engine: OnnxEngine) -> list[Codes]:
    """What each seed says when nothing else is going on."""
    return [np.concatenate(list(started(engine, seed)), axis=1) for seed in range(6)]


def started(engine: OnnxEngine, seed: int, frames: int = FRAMES) -> Generation:
    columns = np.random.default_rng(seed).integers(0, 40, (5, 5 + 9 * seed))
    return engine.generate(Prompt(columns), SAMPLING, seed, frames)


@pytest.fixture(autouse=True)
def _all_rows_are_given_back(engine: OnnxEngine) -> Iterator[None]:
    yield
    assert all(group.is_empty for group in engine._groups)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(turns=st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=10, max_size=60))
def test_what_a_seed_says_does_not_depend_on_who_else_speaks(
    engine: OnnxEngine, alone: list[Codes], turns: list[tuple[int, bool]]
) -> None:
    going: dict[int, Generation] = {}
    said: dict[int, list[Codes]] = {}
    for seed, rides in turns:
        if seed not in going:
            going[seed], said[seed] = started(engine, seed), []
        codes = next(going[seed], None)
        if codes is None:
            del going[seed]
        else:
            said[seed].append(codes)
            if rides:
                going[seed].ride()
        for spoken, frames in said.items():
            np.testing.assert_array_equal(np.hstack([alone[spoken][:, :0], *frames]), alone[spoken][:, : len(frames)])
    for stream in going.values():
        stream.close()


@contextmanager
def counted_passes(engine: OnnxEngine) -> Iterator[list[int]]:
    """How many streams each pass of the first group makes a frame of."""
    passes: list[int] = []
    group = engine._groups[0]
    step = group.step

    def counted() -> None:
        passes.append(sum(stream is not None and stream.rides for stream in group.streams))
        step()

    group.step = counted  # type: ignore[method-assign]
    try:
        yield passes
    finally:
        del group.step  # type: ignore[method-assign]


def test_streams_that_take_turns_share_passes_and_one_that_waits_costs_nothing(engine: OnnxEngine) -> None:
    one, other, _ = streams = [started(engine, seed) for seed in range(3)]
    with counted_passes(engine) as passes:
        for _ in range(4):
            for stream in streams:
                next(stream)
        assert passes == [1, 1, 1, 3, 3, 3], "the first turn of each is its own"
        passes.clear()
        for _ in range(3):
            next(one)
            next(other)
        assert passes == [3, 2, 2], "the third was computed one frame ahead, and no further"
        passes.clear()
        newcomer = started(engine, 3)
        next(newcomer)
        next(newcomer)
        assert passes == [1, 1], "one that goes before the others has its passes for itself"
    for stream in (*streams, newcomer):
        stream.close()


def test_a_pass_makes_a_frame_of_every_stream_that_rides_and_of_no_other(engine: OnnxEngine) -> None:
    leader, rider, waiting = streams = [started(engine, seed) for seed in range(3)]
    with counted_passes(engine) as passes:
        for stream in streams:
            stream.begin()
        rider.ride()
        next(leader)
        next(rider)
        assert passes == [2]
        next(waiting)
        assert passes == [2, 1]
    for stream in streams:
        stream.close()


def test_more_streams_than_rows_are_served_too_and_what_they_took_is_let_go(
    engine: OnnxEngine, alone: list[Codes]
) -> None:
    streams = [started(engine, seed) for seed in range(6)]
    assert len(engine._groups) == 2
    said: list[list[Codes]] = [[] for _ in streams]
    for _ in range(FRAMES):
        for stream, frames in zip(streams, said, strict=True):
            frames.extend(frame for frame in [next(stream, None)] if frame is not None)
            stream.ride()
    for stream, frames, expected in zip(streams, said, alone, strict=True):
        np.testing.assert_array_equal(np.concatenate(frames, axis=1), expected)
        stream.close()
    started(engine, 0).close()
    assert len(engine._groups) == 1


def test_rows_that_grow_keep_what_those_in_use_hold(model: ConvertedModel, alone: list[Codes]) -> None:
    engine = opened(model)
    short = started(engine, 1)
    begun = [next(short) for _ in range(4)]
    small = engine._groups[0].kv.capacity
    long = started(engine, 5, frames=400)
    next(long)
    assert engine._groups[0].kv.capacity > small
    np.testing.assert_array_equal(np.concatenate([*begun, *short], axis=1), alone[1])
    long.close()


def test_the_engine_tells_of_its_streams_and_of_the_memory_of_their_rows(model: ConvertedModel) -> None:
    engine = opened(model)
    assert engine.usage() == Streams(most=4)
    five = [started(engine, 0) for _ in range(5)]
    used = engine.usage()
    assert (used.most, used.begun) == (4, 5)
    assert used.bytes == sum(array.nbytes for group in engine._groups for array in group.kv._arrays) > 0
    assert len(engine._groups) == 2
    for stream in five:
        stream.close()
    assert engine.usage().begun == 0


def test_without_sharing_there_is_one_row_and_no_idle_one(model: ConvertedModel) -> None:
    engine = opened(model, streams=1)
    assert {codes.shape for codes in started(engine, 2)} == {(4, 1)}
    assert len(engine._groups[0].streams) == 1


def test_a_closed_stream_says_no_more(engine: OnnxEngine) -> None:
    stream = started(engine, 3)
    next(stream)
    stream.ride()
    stream.close()
    assert next(stream, None) is None
