"""The inference thread on a hot machine: rests, lighter ways, and what is told of them."""

from __future__ import annotations

import time

import pytest

from fishvoice.protocol import Priority
from fishvoiced.inference.governor import Delay, NoThrottling
from fishvoiced.inference.messages import (
    Done,
    Noticed,
    Opened,
    Resting,
    Sound,
)
from fishvoiced.voices.speed import Speed
from tests.inference.bench import Bench, job
from tools.harness.tone_speaker import Manner, ToneSpeaker


class Hot(NoThrottling):
    """A governor that lets one frame of each request pass and then asks for a long rest; and what it was told."""

    def __init__(self) -> None:
        self.asked: set[int] = set()
        self.told: list[tuple[object, ...]] = []

    def rest(self, key: int) -> Delay:
        if key in self.asked:
            return Delay(30.0, "throttled", 30.0, 180.0)
        self.asked.add(key)
        return Delay(0.0, "throttled")

    def worked(self, model: str, frames: int, cpu_seconds: float) -> None:
        self.told.append(("worked", model, frames))

    def spoken(self, voice: str, rtf: float | None, sound_seconds: float) -> str | None:
        self.told.append(("spoken", voice))
        return None

    def finished(self, key: int) -> None:
        self.told.append(("finished", key))


def test_a_hot_machine_rests_between_frames_but_not_when_asked_to_stop() -> None:
    hot = Hot()
    bench = Bench(ToneSpeaker(), hot)
    bench.worker.assign(job(1, "one two three"))
    _, sound, resting = bench.until(Resting)
    assert isinstance(sound, Sound)
    assert sound.throttled == "throttled"
    assert isinstance(resting, Resting)
    assert (resting.key, resting.delay.expected_seconds, resting.delay.at_most_seconds) == (1, 30.0, 180.0)
    time.sleep(0.1)
    assert bench.speaker.frames == 1
    assert hot.told == [("worked", "tone-model", 1)]
    began = time.monotonic()
    bench.worker.discard(1)
    bench.worker.assign(job(2, "four"))
    bench.until(Opened, 2)
    assert ("finished", 1) in hot.told
    assert ("spoken", "tone") not in hot.told
    bench.worker.assign(job(3, "an important one"))  # resting is no reason to be late for that either
    bench.until(Opened, 3)
    assert bench.worker.stop(5)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("fields", "spoken_by"),
    [
        ({"fallback_voice": "fast"}, "fast"),
        ({"voice": "tone", "fallback_voice": "fast"}, "fast"),
        ({}, "tone"),  # nothing was allowed
        ({"fallback_voice": "tone"}, "tone"),
        ({"fallback_voice": "fast", "payload": b"a recording"}, "tone"),
    ],
)
def test_on_a_hot_machine_the_allowed_voice_speaks_and_says_why(fields: dict[str, object], spoken_by: str) -> None:
    class Hot(NoThrottling):
        def wants_lighter(self, key: int, characters: int) -> bool:
            return True

    bench = Bench(ToneSpeaker(), Hot())
    bench.worker.assign(job(1, "one", **fields))
    opened = bench.until(Opened)[0]
    assert isinstance(opened, Opened)
    assert opened.voice == spoken_by
    told = "fast speaks, because the machine is too hot for tone" if spoken_by == "fast" else None
    assert opened.notice == told
    assert bench.worker.stop(5)


def test_a_lighter_way_is_gone_instead_of_resting_and_told_and_given_time_to_help() -> None:
    class Hot(NoThrottling):
        def __init__(self) -> None:
            self.costs: list[float | None] = []
            self.left: list[int] = []
            self.worked_on: list[str] = []

        def began(self, key: int, priority: Priority, rtf: float | None) -> None:
            self.costs.append(rtf)

        def wants_lighter(self, key: int, characters: int) -> bool:
            self.left.append(characters)
            return True

        def rest(self, key: int) -> Delay:
            return Delay(30.0, "cooldown", 30.0, 180.0)

        def worked(self, model: str, frames: int, cpu_seconds: float) -> None:
            self.worked_on.append(model)

    hot = Hot()
    bench = Bench(ToneSpeaker(Manner(speed=Speed(3.0, None, 0, None), lighter=0.6)), hot)
    bench.worker.assign(job(1, "one two three. four"))
    said = bench.until(Sound, 3)
    assert not any(isinstance(event, Resting) for event in said), "the segment in hand is finished first"
    bench.worker.assign(job(1, "one two three. four"))
    said = bench.until(Resting)
    noticed = next(event for event in said if isinstance(event, Noticed))
    assert (noticed.key, noticed.message) == (1, "less speaks on")
    assert hot.costs == [3.0, 0.6]
    assert hot.left == [19, 15, 10, 5], "asked of what is left of the text, and not again at once"
    assert hot.worked_on == ["tone-model"] * 3
    assert bench.worker.stop(5)


def test_what_the_governor_has_to_tell_comes_with_the_end() -> None:
    class Talkative(NoThrottling):
        def spoken(self, voice: str, rtf: float | None, sound_seconds: float) -> str | None:
            return "it was hot"

    bench = Bench(ToneSpeaker(), Talkative())
    bench.worker.assign(job(2, "two"))
    done = bench.until(Done)[-1]
    assert isinstance(done, Done)
    assert done.notice == "it was hot"
