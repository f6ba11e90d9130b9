"""Requests whose steps share their passes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fishvoice.protocol import Synthesize
from fishvoiced.inference.messages import (
    Done,
    Event,
    Failed,
    Sound,
)
from fishvoiced.text.spans import Script
from fishvoiced.voices.base import Utterance
from tests.inference.bench import Bench, job
from tools.harness.tone_speaker import Manner, ToneSpeaker


@pytest.fixture
def sharing() -> Iterator[Bench]:
    made = Bench(ToneSpeaker(Manner(frame_seconds=0.002, streams=3)))
    yield made
    assert made.worker.stop(5)


def sounds(said: list[Event]) -> list[int]:
    return [event.key for event in said if isinstance(event, Sound)]


def test_those_beside_the_assigned_job_take_their_steps_in_turn(sharing: Bench) -> None:
    jobs = [job(key, "w " * 20) for key in range(4)]
    sharing.worker.assign(jobs[0], beside=jobs[1:])
    assert sounds(sharing.until(Sound, 12))[:12] == [0, 1, 2] * 4, "three share a step here, the fourth waits"


def test_a_speaker_whose_steps_are_not_shared_works_on_one_job(bench: Bench) -> None:
    bench.worker.assign(job(1, "w " * 5), beside=[job(2, "w")])
    bench.until(Done)
    assert bench.speaker.opened == 1


def test_a_job_for_another_model_is_left_alone(sharing: Bench) -> None:
    sharing.worker.assign(job(1, "w " * 5), beside=[job(2, "w", voice="fast")])
    sharing.until(Done)
    assert [loaded.voice for loaded in sharing.speaker.loaded()] == ["tone"]


def test_one_that_goes_alone_has_every_step_from_then_on(sharing: Bench) -> None:
    jobs = [job(key, "w " * 200) for key in range(3)]
    sharing.worker.assign(jobs[0], beside=jobs[1:])
    sharing.until(Sound, 6)
    sharing.worker.assign(job(9, "now it is my turn"))
    said = sounds(sharing.until(Done))
    begun = said.index(9)
    assert said[begun:].count(9) == 5
    assert len(said[begun:]) <= 5 + 2, "at most the round that was under way"
    for each in jobs:
        sharing.worker.discard(each.key)


def test_one_that_hurries_does_not_wait_for_the_others_steps(sharing: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    opening = sharing.speaker.open

    def opened(request: Synthesize, script: Script | None = None) -> Utterance:
        if request.id == "2":  # it comes in the middle of a round
            sharing.worker.assign(job(9, "now"))
        return opening(request, script)

    monkeypatch.setattr(sharing.speaker, "open", opened)
    sharing.worker.assign(job(1, "w " * 9), beside=[job(2, "w " * 9), job(3, "w " * 9)])
    assert sounds(sharing.until(Done)) == [1, 2, 9]


def test_a_segment_that_ends_beside_another_leaves_the_choice_to_the_loop(sharing: Bench) -> None:
    sharing.worker.assign(job(1, "w " * 30), beside=[job(2, "one. two.")])
    sharing.until(Done)
    assert sounds(sharing.said).count(2) == 1


def test_a_discarded_one_has_no_more_steps(sharing: Bench) -> None:
    sharing.worker.assign(job(1, "w " * 100), beside=[job(2, "w " * 100)])
    sharing.until(Sound, 4)
    sharing.worker.discard(2)
    sharing.until(Done)
    assert sounds(sharing.said).count(2) < 20
    assert sharing.speaker.closed == 2


def test_one_that_fails_beside_another_fails_alone_unless_the_engine_is_to_blame(sharing: Bench) -> None:
    sharing.worker.assign(job(1, "w " * 30), beside=[job(2, "w BAD")])
    said = sharing.until(Done)
    assert [event.key for event in said if isinstance(event, Failed)] == [2]
    sharing.worker.discard(1)
    sharing.worker.assign(job(3, "w " * 300), beside=[job(4, "w ENGINE")])
    said = sharing.until(Failed, 3)
    assert [event.key for event in said if isinstance(event, Failed)] == [2, 3, 4]
