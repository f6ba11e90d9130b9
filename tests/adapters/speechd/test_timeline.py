"""Marks in the sound, loudness, and pace."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishvoice.adapters.shared.ssml import Mark
from fishvoice.adapters.speechd.timeline import AHEAD_SECONDS, BLOCK_SECONDS, Block, Pace, timeline
from fishvoice.speech import Chunk


def chunk(samples: int, start: int, end: int, rate: int = 1000) -> Chunk:
    return Chunk(struct.pack(f"<{samples}h", *range(samples)), 0, 0, start, end, rate, "s16le")


@st.composite
def speech(draw: st.DrawFn) -> list[Chunk]:
    places = [0, *sorted(draw(st.lists(st.integers(0, 50), max_size=6)))]
    return [chunk(draw(st.integers(1, 300)), start, end) for start, end in pairwise(places)]


@given(speech(), st.lists(st.integers(0, 60), max_size=6).map(sorted))
def test_all_sound_and_every_mark_in_order(chunks: list[Chunk], places: list[int]) -> None:
    marks = [Mark(str(number), place) for number, place in enumerate(places)]
    events = list(timeline(chunks, marks))
    assert [event for event in events if isinstance(event, Mark)] == marks
    assert b"".join(event.pcm for event in events if isinstance(event, Block)) == b"".join(c.pcm for c in chunks)
    assert all(0 < event.seconds <= BLOCK_SECONDS for event in events if isinstance(event, Block))


def test_a_mark_comes_where_its_word_begins() -> None:
    events = list(
        timeline([chunk(100, 0, 10), chunk(100, 10, 20)], [Mark("first", 0), Mark("word", 15), Mark("end", 20)])
    )
    before: dict[str, int] = {}
    heard = 0
    for event in events:
        if isinstance(event, Block):
            heard += len(event.pcm) // 2
        else:
            before[event.name] = heard
    assert before == {"first": 0, "word": 150, "end": 200}


@given(st.lists(st.tuples(st.floats(0, 0.5), st.floats(0.001, 0.02)), max_size=50))
def test_never_too_far_ahead_and_never_late_without_need(steps: list[tuple[float, float]]) -> None:
    now = 0.0
    pace = Pace(lambda: now)
    for idle, seconds in steps:
        now += idle
        waiting = pace.wait(seconds)
        if waiting > 0:
            assert pace.unheard + seconds > AHEAD_SECONDS
        now += waiting
        pace.left(seconds)
        assert pace.unheard <= AHEAD_SECONDS + 1e-6


def test_after_silence_sound_leaves_at_once() -> None:
    now = 0.0
    pace = Pace(lambda: now)
    for _ in range(10):
        pace.left(0.02)
    assert pace.wait(0.02) == pytest.approx(0.02)
    now = 5.0
    assert pace.wait(0.02) == 0
    assert pace.unheard == 0
