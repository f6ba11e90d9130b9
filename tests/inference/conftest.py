"""A bench for every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.inference.bench import Bench
from tools.harness.tone_speaker import Manner, ToneSpeaker


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench(ToneSpeaker(Manner(frame_seconds=0.002)))
    yield made
    assert made.worker.stop(5)
