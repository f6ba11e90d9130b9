"""The inference thread: one step of the assigned request at a time, and between steps a look at what is wanted now.

It is told by `assign`, which may change its mind at any time; what was begun is kept, paused, until `discard`.
What it has done it says through a bounded queue of events, and a wake-up.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from fishvoice.protocol import SegmentError, Synthesize, VoiceInfo
from fishvoiced.errors import DaemonError, EngineError
from fishvoiced.inference.active_request import ActiveRequest
from fishvoiced.inference.cooling import Cooling
from fishvoiced.inference.governor import Delay, Governor, StepCost
from fishvoiced.inference.mailbox import Mailbox
from fishvoiced.inference.messages import (
    Discard,
    Done,
    Elsewhere,
    Event,
    Failed,
    Job,
    Load,
    Noticed,
    NotReady,
    Opened,
    Order,
    Ready,
    Rebuilt,
    Resting,
    SegmentLost,
    Sound,
    Unload,
    Unloaded,
)
from fishvoiced.inference.reader import LONG_CHARACTERS, LOOK_SECONDS, Reader, Reading
from fishvoiced.synthesis.audio import to_pcm
from fishvoiced.synthesis.base import Chunk, Lightened, Notice, SegmentFailure, Waiting
from fishvoiced.voices.base import Loaded, Speaker

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Activity:
    """What the thread is in the middle of, since when (monotonic): for the watchdog."""

    what: str
    since: float
    loading: bool = False


class InferenceThread:
    """The inference thread, and how the loop gives it work. All methods are for the loop's thread; none waits for
    inference."""

    def __init__(self, speaker: Callable[[], Speaker], wake: Callable[[], None], governor: Governor) -> None:
        self._make_speaker = speaker
        self._governor = governor
        self._mailbox = Mailbox(wake)
        self._speaker: Speaker | None = None
        self._runs: dict[int, ActiveRequest] = {}
        self._readings: dict[int, Reading] = {}
        self._reader = Reader()
        self._models_of: dict[int, str | None] = {}  # of requests that are not opened yet
        self._thread = threading.Thread(target=self._main, name="inference", daemon=True)
        self.step: Activity | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """Ask the thread to end after its current frame; False if it did not within ``timeout`` seconds."""
        self._mailbox.close()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def assign(self, job: Job | None, waiting: int = 0, *, resting: bool = False, beside: Sequence[Job] = ()) -> None:
        """Work on this from the next frame on, until told otherwise or done; ``waiting`` others come later, and some
        are ``resting``. Those ``beside`` it are worked on, too, where their model computes several at a time."""
        self._governor.busy(job is not None or resting, waiting)
        self._mailbox.assign(job, beside)

    def discard(self, key: int) -> None:
        """The request has ended: give back what it holds, and say no more of it."""
        self._mailbox.order(Discard(key))

    def load(self, tag: int, voice: str | None) -> None:
        """Bring a voice's model into memory; `Ready` or `NotReady` with ``tag`` answers."""
        self._mailbox.order(Load(tag, voice))

    def unload(self, model: str) -> None:
        """Free a model that no request works with; `Unloaded` answers."""
        self._mailbox.order(Unload(model))

    def events(self) -> list[Event]:
        """What has happened since the last call."""
        return self._mailbox.events()

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

    # -- the inference thread --------------------------------------------------------------------------------

    def _main(self) -> None:
        while (order := self._mailbox.next()) is not None:
            try:
                self._carry_out(order)
            except BaseException as error:  # noqa: BLE001 - whatever an engine does, this thread stays and tells
                self._recover(order, error)
            finally:
                self.step = None
        for run in self._runs.values():
            run.utterance.steps.close()

    def _carry_out(self, order: Order) -> None:
        match order:
            case Job():
                self._advance(order)
                self._advance_beside(order)
            case Load(tag, voice):
                self._load(tag, voice)
            case Unload(model):
                # A request may have begun to use the model while the order was on its way.
                if self._speaker is not None and not any(run.uses(model) for run in self._runs.values()):
                    self._speaker.unload(model)
                    self._mailbox.emit(Unloaded(model))
            case Discard(key):
                self._discard(key)

    def _advance(self, job: Job) -> None:
        if job.key not in self._runs and not self._has_read(job):
            self.step = None
            self._mailbox.emit(Elsewhere(job.key, time.monotonic() + LOOK_SECONDS))
            self._mailbox.rest(job, LOOK_SECONDS)  # others may have their turn meanwhile
            return
        run = self._runs.get(job.key) or self._open(job)
        rest = run.cooling.delay()
        if rest.seconds > 0:
            self.step = None
            self._mailbox.emit(Resting(job.key, time.monotonic() + rest.seconds, rest))
            self._mailbox.rest(job, rest.seconds)  # others may have their turn meanwhile
            return  # whether to rest longer, or to do something else by now, is asked again
        began, cpu = time.monotonic(), time.process_time()
        self.step = Activity(f"request {job.request.id}", began)
        step = next(run.utterance.steps, _END)
        worked = time.monotonic() - began
        run.work_seconds += worked
        # Of the whole process, because inference runs on the runtime's threads too; what the others do is little.
        run.cpu_seconds += time.process_time() - cpu
        if run.utterance.on_this_cpu:
            sound = len(step.samples) / run.utterance.sample_rate if isinstance(step, Chunk) else 0.0
            ended = isinstance(step, Chunk) and step.ends_segment
            self._governor.step_done(job.key, StepCost(worked, time.process_time() - cpu, sound, ended))
        match step:
            case Chunk(frames=frames):
                if run.utterance.on_this_cpu:
                    self._governor.worked(run.model, frames, run.cpu_seconds)
                run.cpu_seconds = 0.0
                if step.ends_segment:
                    self._mailbox.pause(job)
                self._mailbox.emit(self._sound(job.key, run, step, rest))
                if step.ends_segment:
                    cost = run.segment_cost()
                    log.debug("segment %d: %.3f s of work, %.3f s of sound", step.segment, *cost, extra=_fields(job))
            case SegmentFailure(segment, start, end, message):
                self._mailbox.emit(SegmentLost(job.key, SegmentError(segment, start, end, message)))
            case Waiting(seconds):
                began = time.monotonic()
                self._mailbox.emit(Elsewhere(job.key, began + seconds))
                self.step = None
                self._mailbox.rest(job, seconds)  # the loop gives this thread another job meanwhile, if there is one
                run.work_seconds += time.monotonic() - began  # of the server: what is promised counts it
            case Notice(message):
                self._mailbox.emit(Noticed(job.key, message))
            case Lightened(message, model, rtf):
                run.models.append(model)
                run.cooling.lightened()
                self._governor.began(job.key, job.request.priority, rtf)
                log.info("%s", message, extra=_fields(job))
                self._mailbox.emit(Noticed(job.key, message))
            case None:
                pass
            case _:
                utterance, notice = run.utterance, None
                if utterance.on_this_cpu:
                    notice = self._governor.spoken(utterance.voice, run.rtf, run.audio_seconds)
                self._mailbox.end(job.key, Done(job.key, run.work_seconds, notice))

    def _has_read(self, job: Job) -> bool:
        """Whether the request can be opened; a long text is read beside this thread first."""
        if len(job.request.text) <= LONG_CHARACTERS:
            return True
        reading = self._readings.get(job.key)
        if reading is None:
            speaker = self._voices()
            reading = self._readings[job.key] = self._reader.begin(lambda: speaker.read(job.request))
        return reading.done

    def _advance_beside(self, job: Job) -> None:
        """A step of each job whose frame was computed together with those of ``job``, or can be the next time."""
        run = self._runs.get(job.key)
        if run is None or run.utterance.streams == 1:
            return
        model, others = run.utterance.model, self._mailbox.beside()[: run.utterance.streams - 1]
        for other in others:
            if job.key not in self._runs:
                return  # the engine has failed
            if other not in self._mailbox.beside():
                continue  # somebody hurries, or this one is wanted no more
            if self._model_of(other) == model:
                try:
                    self._advance(other)
                except BaseException as error:  # noqa: BLE001 - as in `_main`
                    self._recover(other, error)

    def _model_of(self, job: Job) -> str | None:
        """The model that speaks the request, opened or not."""
        run = self._runs.get(job.key)
        if run is not None:
            return run.utterance.model
        if job.key not in self._models_of:
            request, voices = job.request, self._voices().voices()
            named = (v.model for v in voices if v.name == request.voice or (request.voice is None and v.default))
            self._models_of[job.key] = next(named, None)
        return self._models_of[job.key]

    def _open(self, job: Job) -> ActiveRequest:
        self.step = Activity(f"opening request {job.request.id}", time.monotonic(), loading=True)
        speaker = self._voices()
        warm = _models(speaker)
        request, notice = self._with_fallback(speaker, job)
        reading = self._readings.pop(job.key, None)
        utterance = speaker.open(request, None if reading is None else reading.result())
        seconds = time.monotonic() - self.step.since
        cold = utterance.model not in warm
        # Loading a model says nothing about how fast it speaks.
        cooling = Cooling(self._governor, job.key, utterance, len(request.text))
        run = ActiveRequest(utterance, request.format, cooling, [utterance.model], 0.0 if cold else seconds)
        self._runs[job.key] = run
        if utterance.on_this_cpu:
            self._governor.began(job.key, job.request.priority, _known_rtf(speaker, utterance.model))
        self._mailbox.emit(
            Opened(
                job.key,
                utterance.sample_rate,
                utterance.voice,
                utterance.model,
                "; ".join(filter(None, (notice, utterance.notice))) or None,
                seconds if cold else None,
            )
        )
        return run

    def _with_fallback(self, speaker: Speaker, job: Job) -> tuple[Synthesize, str | None]:
        """The request to its fallback voice, and what to tell, if its own would have to rest on this hot machine."""
        request = job.request
        instead = request.fallback_voice
        if instead is None or request.payload is not None:  # nothing was allowed, or one certain voice is imitated
            return request, None
        named = (v for v in speaker.voices() if v.name == request.voice or (request.voice is None and v.default))
        voice = next(named, None)
        if voice is None or voice.name == instead or voice.model is None:
            return request, None
        self._governor.began(job.key, request.priority, _known_rtf(speaker, voice.model))
        if not self._governor.wants_lighter(job.key, len(request.text)):
            return request, None
        notice = f"{instead} speaks, because the machine is too hot for {voice.name}"
        return msgspec.structs.replace(request, voice=instead), notice

    def _sound(self, key: int, run: ActiveRequest, chunk: Chunk, rest: Delay) -> Sound:
        seconds = len(chunk.samples) / run.utterance.sample_rate
        run.audio_seconds += seconds
        run.cooling.spoken(chunk.text_end, seconds)
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
            chunk.words,
            chunk.marks,
            chunk.ends_segment,
        )

    def _load(self, tag: int, voice: str | None) -> None:
        began = time.monotonic()
        self.step = Activity(f"loading {voice or 'the default voice'}", began, loading=True)
        speaker = self._voices()
        warm = _models(speaker)
        loaded = speaker.load(voice)
        self._mailbox.emit(Ready(tag, loaded, None if loaded.model in warm else time.monotonic() - began))

    def _voices(self) -> Speaker:
        if self._speaker is None:
            self._speaker = self._make_speaker()
        return self._speaker

    def _discard(self, key: int) -> None:
        run = self._runs.pop(key, None)
        if (reading := self._readings.pop(key, None)) is not None:
            reading.discarded = True
        self._models_of.pop(key, None)
        self._mailbox.forget(key)
        self._governor.finished(key)
        if run is not None:
            run.utterance.steps.close()

    # -- failing ---------------------------------------------------------------------------------------------

    def _recover(self, order: Order, error: BaseException) -> None:
        """Emit the failure; rebuild the engine unless the request alone was at fault."""
        expected = isinstance(error, DaemonError)
        code = error.code if isinstance(error, DaemonError) else "internal"
        # What a mistake says of itself may quote the text; that must not come to the log, nor to other listeners.
        message = str(error) if expected else f"a mistake in the daemon: {type(error).__name__}; its log says where"
        if isinstance(order, Job):
            self._runs.pop(order.key, None)
        if not expected or isinstance(error, EngineError):
            self._rebuild(message, "" if expected else _where(error))
        match order:
            case Job(key):
                self._mailbox.end(key, Failed(key, code, message))
            case Load(tag):
                self._mailbox.emit(NotReady(tag, code, message))
            case Unload() | Discard():
                pass

    def _rebuild(self, reason: str, where: str) -> None:
        """Emit `Rebuilt` before the `Failed` events, so that the log explains a failure before a client sees it."""
        lost, self._runs = self._runs, {}
        failed = f"the engine failed while working on another request: {reason}"
        try:
            for run in lost.values():
                run.utterance.steps.close()
            if self._speaker is not None:
                self._speaker.reset()
        except Exception as error:  # noqa: BLE001 - a broken engine may break again while it is freed
            reason, where = f"{reason}; and freeing it failed: {type(error).__name__}", where + _where(error)
            self._speaker = None
        self._mailbox.emit(Rebuilt(reason, where))
        for key in lost:
            self._mailbox.end(key, Failed(key, "engine", failed))


def _fields(job: Job) -> dict[str, str]:
    return {"request": job.request.id}


def _where(error: BaseException) -> str:
    return "".join(traceback.format_tb(error.__traceback__))


def _known_rtf(speaker: Speaker, model: str) -> float | None:
    speeds = (loaded.speed for loaded in speaker.loaded() if loaded.model == model)
    return next((speed.expected for speed in speeds if speed is not None), None)


def _models(speaker: Speaker) -> set[str]:
    return {loaded.model for loaded in speaker.loaded()}


class _End:
    pass


_END = _End()
