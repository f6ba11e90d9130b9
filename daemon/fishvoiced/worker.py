"""The inference thread: works on what it is told, one frame at a time, and asks between frames what is wanted now.

It is told by `assign`, which may change its mind at any time; what was begun is kept, paused, until `discard`.
What it has done it says through a bounded queue of events, and a wake-up.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from fishvoice.protocol import SampleFormat, SegmentError, VoiceInfo
from fishvoiced.errors import EngineError, FishvoiceError
from fishvoiced.events import Done, Event, Failed, Job, NotReady, Opened, Ready, Rebuilt, SegmentLost, Sound, Unloaded
from fishvoiced.governor import Governor, Rest
from fishvoiced.pcm import to_pcm
from fishvoiced.synthesis import Chunk, SegmentFailure
from fishvoiced.utterance import Loaded, Speaker, Utterance

OUTBOX = 16


@dataclass(frozen=True)
class _Load:
    tag: int
    voice: str | None


@dataclass(frozen=True)
class _Unload:
    model: str


@dataclass(frozen=True)
class _Discard:
    key: int


_Order: TypeAlias = Job | _Load | _Unload | _Discard


@dataclass
class _Run:
    utterance: Utterance
    format: SampleFormat
    work_seconds: float = 0.0
    cpu_seconds: float = 0.0  # since the last chunk
    audio_seconds: float = 0.0
    complete: bool = False

    @property
    def rtf(self) -> float | None:
        return self.work_seconds / self.audio_seconds if self.complete and self.audio_seconds else None


@dataclass(frozen=True)
class Step:
    """What the thread is in the middle of, since when (monotonic): for the watchdog."""

    what: str
    since: float
    loading: bool = False


@dataclass
class _Desk:
    """What both threads touch, all of it under ``changed``."""

    changed: threading.Condition = field(default_factory=threading.Condition)
    job: Job | None = None
    over: set[int] = field(default_factory=set)  # ended here, not yet discarded there: not to be begun again
    orders: deque[_Load | _Unload | _Discard] = field(default_factory=deque)
    events: deque[Event] = field(default_factory=deque)
    closing: bool = False


class Worker:
    """The thread and its desk. All methods are for the loop's thread, and none of them waits for inference."""

    def __init__(self, speaker: Callable[[], Speaker], wake: Callable[[], None], governor: Governor) -> None:
        self._make_speaker = speaker
        self._wake = wake
        self._governor = governor
        self._desk = _Desk()
        self._speaker: Speaker | None = None
        self._runs: dict[int, _Run] = {}
        self._thread = threading.Thread(target=self._main, name="inference", daemon=True)
        self.step: Step | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """Ask the thread to end after its current frame; False if it did not within ``timeout`` seconds."""
        with self._desk.changed:
            self._desk.closing = True
            self._desk.changed.notify()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def assign(self, job: Job | None, waiting: int = 0) -> None:
        """Work on this from the next frame on, until told otherwise or done; ``waiting`` others come later."""
        self._governor.busy(job is not None, waiting)
        with self._desk.changed:
            if job is not self._desk.job and (job is None or job.key not in self._desk.over):
                self._desk.job = job
                self._desk.changed.notify()

    def discard(self, key: int) -> None:
        """The request has ended: give back what it holds, and say no more of it."""
        with self._desk.changed:
            if self._desk.job is not None and self._desk.job.key == key:
                self._desk.job = None
            self._order(_Discard(key))

    def load(self, tag: int, voice: str | None) -> None:
        """Bring a voice's model into memory; `Ready` or `NotReady` with ``tag`` answers."""
        with self._desk.changed:
            self._order(_Load(tag, voice))

    def unload(self, model: str) -> None:
        """Free a model that no request works with; `Unloaded` answers."""
        with self._desk.changed:
            self._order(_Unload(model))

    def events(self) -> list[Event]:
        """What has happened since the last call."""
        with self._desk.changed:
            happened = list(self._desk.events)
            self._desk.events.clear()
            self._desk.changed.notify()
        return happened

    def voices(self) -> tuple[VoiceInfo, ...] | None:
        """The voices there are; None before they are known."""
        return None if self._speaker is None else tuple(self._speaker.voices())

    def loaded(self) -> tuple[Loaded, ...]:
        """The models in memory."""
        return () if self._speaker is None else tuple(self._speaker.loaded())

    def trace(self) -> str:
        """Where the thread is, for the log of a process that is about to end."""
        frame = sys._current_frames().get(self._thread.ident or 0)
        return "".join(traceback.format_stack(frame)) if frame else "the thread has ended"

    def _order(self, order: _Load | _Unload | _Discard) -> None:
        self._desk.orders.append(order)
        self._desk.changed.notify()

    # -- the inference thread --------------------------------------------------------------------------------

    def _main(self) -> None:
        while (order := self._next()) is not None:
            try:
                self._carry_out(order)
            except BaseException as error:  # noqa: BLE001 - whatever an engine does, this thread stays and tells
                self._recover(order, error)
            finally:
                self.step = None
        for run in self._runs.values():
            run.utterance.steps.close()

    def _next(self) -> _Order | None:
        with self._desk.changed:
            while not self._desk.closing:
                if self._desk.orders:
                    return self._desk.orders.popleft()
                if self._desk.job is not None and len(self._desk.events) < OUTBOX:
                    return self._desk.job
                self._desk.changed.wait()
        return None

    def _carry_out(self, order: _Order) -> None:
        match order:
            case Job():
                self._advance(order)
            case _Load(tag, voice):
                self._load(tag, voice)
            case _Unload(model):
                # A request may have begun to use the model while the order was on its way.
                if self._speaker is not None and all(run.utterance.model != model for run in self._runs.values()):
                    self._speaker.unload(model)
                    self._tell(Unloaded(model))
            case _Discard(key):
                self._discard(key)

    def _advance(self, job: Job) -> None:
        run = self._runs.get(job.key) or self._open(job)
        rest = self._governor.rest(job.key)
        if rest.seconds > 0:
            self._rest(job, rest.seconds)
            return  # whether to rest longer, or to do something else by now, is asked again
        began, cpu = time.monotonic(), time.process_time()
        self.step = Step(f"request {job.request.id}", began)
        step = next(run.utterance.steps, _END)
        worked = time.monotonic() - began
        run.work_seconds += worked
        # Of the whole process, because inference runs on the runtime's threads too; what the others do is little.
        run.cpu_seconds += time.process_time() - cpu
        sound = len(step.samples) / run.utterance.sample_rate if isinstance(step, Chunk) else 0.0
        self._governor.stepped(job.key, worked, sound, isinstance(step, Chunk) and step.frames == 0)
        match step:
            case Chunk(frames=frames):
                self._governor.worked(run.utterance.model, frames, run.cpu_seconds)
                run.cpu_seconds = 0.0
                self._tell(self._sound(job.key, run, step, rest))
            case SegmentFailure(segment, start, end, message):
                self._tell(SegmentLost(job.key, SegmentError(segment, start, end, message)))
            case None:
                pass
            case _:
                run.complete = True
                self._end(job.key, Done(job.key, run.work_seconds))

    def _open(self, job: Job) -> _Run:
        self.step = Step(f"opening request {job.request.id}", time.monotonic(), loading=True)
        speaker = self._voices()
        warm = _models(speaker)
        utterance = speaker.open(job.request)
        seconds = time.monotonic() - self.step.since
        cold = utterance.model not in warm
        # Loading a model says nothing about how fast it speaks.
        run = self._runs[job.key] = _Run(utterance, job.request.format, 0.0 if cold else seconds)
        self._tell(
            Opened(
                job.key,
                utterance.sample_rate,
                utterance.frame_seconds,
                utterance.voice,
                utterance.model,
                utterance.notice,
                seconds if cold else None,
            )
        )
        return run

    def _sound(self, key: int, run: _Run, chunk: Chunk, rest: Rest) -> Sound:
        seconds = len(chunk.samples) / run.utterance.sample_rate
        run.audio_seconds += seconds
        return Sound(
            key,
            to_pcm(chunk.samples, run.format),
            chunk.frames,
            seconds,
            chunk.segment,
            chunk.text_start,
            chunk.text_end,
            rest.state,
            run.work_seconds,
        )

    def _load(self, tag: int, voice: str | None) -> None:
        began = time.monotonic()
        self.step = Step(f"loading {voice or 'the default voice'}", began, loading=True)
        speaker = self._voices()
        warm = _models(speaker)
        loaded = speaker.load(voice)
        self._tell(Ready(tag, loaded, None if loaded.model in warm else time.monotonic() - began))

    def _voices(self) -> Speaker:
        if self._speaker is None:
            self._speaker = self._make_speaker()
        return self._speaker

    def _discard(self, key: int) -> None:
        run = self._runs.pop(key, None)
        with self._desk.changed:
            self._desk.over.discard(key)
        self._governor.finished(key, run.rtf if run else None)
        if run is not None:
            run.utterance.steps.close()

    def _rest(self, job: Job, seconds: float) -> None:
        """Stand still, but jump up for anything new."""
        self.step = None
        desk = self._desk
        with desk.changed:
            desk.changed.wait_for(lambda: bool(desk.orders) or desk.closing or desk.job is not job, timeout=seconds)

    # -- failing ---------------------------------------------------------------------------------------------

    def _recover(self, order: _Order, error: BaseException) -> None:
        """Tell whose work is lost, and throw the engine away unless the request alone was at fault."""
        expected = isinstance(error, FishvoiceError)
        code = error.code if isinstance(error, FishvoiceError) else "internal"
        # What a mistake says of itself may quote the text; that must not come to the log, nor to other listeners.
        message = str(error) if expected else f"a mistake in the daemon: {type(error).__name__}; its log says where"
        match order:
            case Job(key):
                self._runs.pop(key, None)
                self._end(key, Failed(key, code, message))
            case _Load(tag):
                self._tell(NotReady(tag, code, message))
            case _Unload() | _Discard():
                pass
        if not expected or isinstance(error, EngineError):
            where = "" if expected else "".join(traceback.format_tb(error.__traceback__))
            self._rebuild(message, where)

    def _rebuild(self, reason: str, where: str) -> None:
        for key, run in list(self._runs.items()):
            run.utterance.steps.close()
            del self._runs[key]
            self._end(key, Failed(key, "engine", f"the engine failed while working on another request: {reason}"))
        if self._speaker is not None:
            try:
                self._speaker.reset()
            except Exception as error:  # noqa: BLE001 - a broken engine may break again while it is freed
                reason = f"{reason}; and freeing it failed: {error}"
                self._speaker = None
        self._tell(Rebuilt(reason, where))

    # -- telling ---------------------------------------------------------------------------------------------

    def _end(self, key: int, event: Done | Failed) -> None:
        with self._desk.changed:
            self._desk.over.add(key)
            if self._desk.job is not None and self._desk.job.key == key:
                self._desk.job = None
        self._tell(event)

    def _tell(self, event: Event) -> None:
        with self._desk.changed:
            self._desk.events.append(event)
        self._wake()


def _models(speaker: Speaker) -> set[str]:
    return {loaded.model for loaded in speaker.loaded()}


class _End:
    pass


_END = _End()
