"""The inference thread alone, with a speaker of tones: what it says, in which order, and what it gives back."""

from __future__ import annotations

import threading
import time

from fishvoiced.inference.mailbox import OUTBOX
from fishvoiced.inference.messages import (
    Done,
    Elsewhere,
    Failed,
    NotReady,
    Opened,
    Ready,
    Rebuilt,
    SegmentLost,
    Sound,
    Unloaded,
)
from tests.inference.bench import Bench, job
from tools.harness.daemon_process import eventually
from tools.harness.tone_speaker import Manner, ToneSpeaker


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
