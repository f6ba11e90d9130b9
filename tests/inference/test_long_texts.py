"""Long texts are read beside speaking."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from fishvoice.protocol import Synthesize
from fishvoiced.errors import BadRequest
from fishvoiced.inference.messages import (
    Done,
    Elsewhere,
    Failed,
    Opened,
    Sound,
)
from fishvoiced.inference.reader import LONG_CHARACTERS
from fishvoiced.text.spans import Script
from tests.inference.bench import Bench, job
from tools.harness.tone_speaker import ToneSpeaker


class SlowReader(ToneSpeaker):
    """Reads a long text only when the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.problem: Exception | None = None

    def read(self, request: Synthesize) -> Script:
        assert self.gate.wait(20)
        if self.problem is not None:
            raise self.problem
        return super().read(request)


LONG = "w " * LONG_CHARACTERS


@pytest.fixture
def reading() -> Iterator[tuple[Bench, SlowReader]]:
    speaker = SlowReader()
    made = Bench(speaker)
    yield made, speaker
    speaker.gate.set()
    assert made.worker.stop(5)


def test_while_a_long_text_is_read_another_request_is_spoken(reading: tuple[Bench, SlowReader]) -> None:
    bench, speaker = reading
    bench.worker.assign(job(1, LONG))
    bench.until(Elsewhere)  # the loop may give the thread something else to do
    bench.worker.assign(job(2, "one two"))
    said = bench.until(Done)
    assert {event.key for event in said if isinstance(event, Opened | Sound | Done)} == {2}
    speaker.gate.set()
    bench.worker.assign(job(1, LONG))
    bench.until(Sound, 4)
    assert any(isinstance(event, Sound) and event.key == 1 for event in bench.said)


def test_what_cannot_be_read_is_told_as_of_a_short_text(reading: tuple[Bench, SlowReader]) -> None:
    bench, speaker = reading
    speaker.problem = BadRequest("that cannot be spoken")
    speaker.gate.set()
    bench.worker.assign(job(1, LONG))
    (failed,) = (event for event in bench.until(Failed) if isinstance(event, Failed))
    assert (failed.key, failed.code) == (1, "bad_request")
    bench.worker.assign(job(2, "one"))
    bench.until(Done)


def test_a_text_that_is_discarded_while_it_is_read_is_never_opened(reading: tuple[Bench, SlowReader]) -> None:
    bench, speaker = reading
    bench.worker.assign(job(1, LONG))
    bench.until(Elsewhere)
    bench.worker.discard(1)
    bench.worker.assign(job(2, "one"))
    bench.until(Done)
    speaker.gate.set()
    bench.worker.assign(job(3, LONG))  # is read after it
    bench.until(Sound, 2)
    assert speaker.opened == 2
