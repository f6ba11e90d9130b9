"""The inference thread alone, with a speaker of tones: what it says, in which order, and what it gives back."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from fishvoice.protocol import Priority, Synthesize
from fishvoiced.errors import BadRequest
from fishvoiced.inference.governor import Delay, Governor, NoThrottling
from fishvoiced.inference.mailbox import OUTBOX
from fishvoiced.inference.messages import (
    Done,
    Elsewhere,
    Event,
    Failed,
    Job,
    Noticed,
    NotReady,
    Opened,
    Ready,
    Rebuilt,
    Resting,
    SegmentLost,
    Sound,
    Unloaded,
)
from fishvoiced.inference.reader import LONG_CHARACTERS
from fishvoiced.inference.thread import InferenceThread
from fishvoiced.text.spans import Script
from fishvoiced.voices.speed import Speed
from tools.harness.daemon_process import eventually
from tools.harness.tone_speaker import Manner, ToneSpeaker


class Bench:
    """A running worker and what it has said so far."""

    def __init__(self, speaker: ToneSpeaker, governor: Governor | None = None) -> None:
        self.speaker = speaker
        self.wakes = 0
        self.worker = InferenceThread(lambda: speaker, self._wake, governor or NoThrottling())
        self.said: list[Event] = []
        self.worker.start()

    def _wake(self) -> None:
        self.wakes += 1

    def until(self, kind: type[Event], count: int = 1) -> list[Event]:
        def enough() -> bool:
            self.said += self.worker.events()
            return sum(isinstance(event, kind) for event in self.said) >= count

        eventually(enough)
        return self.said


def job(key: int, text: str, **fields: object) -> Job:
    return Job(key, Synthesize(id=str(key), text=text, **fields))  # type: ignore[arg-type]


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench(ToneSpeaker(Manner(frame_seconds=0.002)))
    yield made
    assert made.worker.stop(5)


def test_a_job_is_opened_spoken_and_done(bench: Bench) -> None:
    bench.worker.assign(job(1, "one LOST three"))
    said = bench.until(Done)
    assert [type(event) for event in said] == [Opened, Sound, SegmentLost, Sound, Done]
    assert bench.wakes == 5
    done = said[-1]
    assert isinstance(done, Done)
    assert done.work_seconds >= 3 * 0.002


def test_a_finished_job_is_not_begun_again_however_often_it_is_assigned(bench: Bench) -> None:
    again = job(1, "one")
    bench.worker.assign(again)
    bench.until(Done)
    for tag in range(3):
        bench.worker.assign(again)
        bench.worker.load(tag, "fast")  # between two of these the thread has looked at what is assigned
        bench.until(Ready, tag + 1)
    bench.worker.assign(job(2, "two"))
    bench.until(Done, 2)
    assert bench.speaker.opened == 2


def test_what_was_begun_is_kept_and_taken_up_where_it_was(bench: Bench) -> None:
    long, short = job(1, "w " * 30), job(2, "a b")
    bench.worker.assign(long)
    bench.until(Sound, 3)
    bench.worker.assign(short)
    bench.until(Done)
    bench.worker.assign(long)
    said = bench.until(Done, 2)
    keys = [event.key for event in said if isinstance(event, Sound)]
    assert keys.count(1) == 30
    assert keys.count(2) == 2
    assert bench.speaker.frames == 32
    first, last = keys.index(2), len(keys) - 1 - keys[::-1].index(2)
    assert last - first == 1  # nothing of the other sounds in between


def test_discarding_gives_back_what_was_begun(bench: Bench) -> None:
    bench.worker.assign(job(1, "w " * 10_000))
    bench.until(Sound)
    bench.worker.discard(1)
    eventually(lambda: bench.speaker.closed == 1)
    bench.worker.events()
    frames = bench.speaker.frames
    bench.worker.assign(job(2, "a"))
    bench.until(Done)
    assert bench.speaker.frames == frames + 1


def test_if_nobody_takes_its_events_it_waits(bench: Bench) -> None:
    bench.worker.assign(job(1, "w " * 1000))
    eventually(lambda: bench.speaker.frames >= OUTBOX - 1)
    time.sleep(0.1)
    assert bench.speaker.frames <= OUTBOX
    bench.worker.discard(1)


def test_a_failing_job_is_the_only_one_to_fail_unless_the_engine_is_to_blame(bench: Bench) -> None:
    bench.worker.assign(job(1, "w " * 30))
    bench.until(Sound)
    bench.worker.assign(job(2, "BAD"))
    said = bench.until(Failed)
    assert said[-1] == Failed(2, "bad_request", "that cannot be spoken")
    bench.worker.assign(job(3, "CRASH"))
    said = bench.until(Failed, 3)
    assert [event.key for event in said if isinstance(event, Failed)] == [2, 1, 3]
    # The reason first: whoever hears that his request failed finds it in the log, however soon he looks.
    assert [type(event) for event in said[-3:]] == [Rebuilt, Failed, Failed]
    assert bench.speaker.resets == 1
    assert bench.speaker.closed == bench.speaker.opened == 3


def test_even_system_exit_in_an_engine_leaves_the_thread_alive(bench: Bench) -> None:
    bench.speaker.load = lambda voice: exec("raise SystemExit(3)")  # type: ignore[method-assign,assignment,return-value]
    bench.worker.load(7, None)
    assert NotReady(7, "internal", "a mistake in the daemon: SystemExit; its log says where") in bench.until(NotReady)
    del bench.speaker.load
    bench.worker.assign(job(1, "one"))
    bench.until(Done)


def test_an_engine_that_breaks_again_while_it_is_freed_is_made_anew(bench: Bench) -> None:
    def reset() -> None:
        raise ValueError("it quotes the text")

    bench.speaker.reset = reset  # type: ignore[method-assign]
    bench.worker.assign(job(1, "w " * 30))
    bench.until(Sound)
    bench.worker.assign(job(2, "ENGINE"))
    said = bench.until(Failed, 2)
    rebuilt = next(event for event in said if isinstance(event, Rebuilt))
    assert rebuilt.reason == "the runtime failed; and freeing it failed: ValueError"
    assert "in reset" in rebuilt.where
    assert [event.key for event in said if isinstance(event, Failed)] == [1, 2]
    bench.worker.assign(job(3, "one"))
    bench.until(Done)


def test_models_come_and_go(bench: Bench) -> None:
    bench.worker.load(1, "fast")
    ready = bench.until(Ready)[-1]
    assert isinstance(ready, Ready)
    assert (ready.tag, ready.loaded.model) == (1, "fast-model")
    assert [loaded.model for loaded in bench.worker.loaded()] == ["fast-model"]
    bench.worker.unload("fast-model")
    bench.until(Unloaded)
    assert bench.worker.loaded() == ()
    bench.worker.load(2, "nobody")
    assert bench.until(NotReady)[-1] == NotReady(2, "unknown_voice", "there is no voice 'nobody'")


def test_a_model_that_a_request_has_just_begun_to_use_is_not_unloaded(bench: Bench) -> None:
    bench.worker.assign(job(1, "w " * 200))
    bench.until(Sound)
    bench.worker.unload("tone-model")
    bench.until(Sound, 5)
    assert not any(isinstance(event, Unloaded) for event in bench.said)
    assert [loaded.model for loaded in bench.worker.loaded()] == ["tone-model"]


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


def test_what_the_thread_is_doing_can_be_seen_from_outside() -> None:
    release = threading.Event()
    speaker = ToneSpeaker()
    speaker.load = lambda voice: release.wait(10)  # type: ignore[method-assign,assignment,return-value]
    bench = Bench(speaker)
    bench.worker.load(1, "fast")
    eventually(lambda: bench.worker.step is not None)
    assert bench.worker.step is not None
    assert (bench.worker.step.what, bench.worker.step.loading) == ("loading fast", True)
    assert "release.wait" in bench.worker.trace()
    release.set()
    eventually(lambda: bench.worker.step is None)
    assert bench.worker.stop(5)


def test_it_stops_in_the_middle_and_gives_everything_back() -> None:
    bench = Bench(ToneSpeaker(Manner(frame_seconds=0.01)))
    bench.worker.assign(job(1, "w " * 1000))
    bench.until(Sound)
    assert bench.worker.stop(5)
    assert bench.speaker.closed == 1


def test_a_request_whose_sound_is_made_elsewhere_leaves_the_thread_to_others_and_goes_on_afterwards() -> None:
    bench = Bench(ToneSpeaker(Manner(frame_seconds=0.002, elsewhere_seconds=60.0)))
    elsewhere, here = job(1, "one ELSEWHERE three"), job(2, "a b c")
    bench.worker.assign(elsewhere)
    said = bench.until(Elsewhere)
    waits = said[-1]
    assert isinstance(waits, Elsewhere)
    assert waits.until > time.monotonic()
    bench.worker.assign(here)  # does not wait until the other's time is over
    bench.until(Done)
    assert time.monotonic() < waits.until
    bench.worker.assign(elsewhere)
    said = bench.until(Done, 2)
    assert sum(isinstance(event, Sound) and event.key == 1 for event in said) == 2
    assert bench.worker.stop(5)


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
