"""Requests in flight, from admission to their last message: scheduler, inference thread and delivery in step."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import TypeAlias

from fishvoice.protocol import Error, Waiting, encode
from fishvoiced.config import Config
from fishvoiced.inference.messages import Done, Elsewhere, Failed, Noticed, Opened, Resting, SegmentLost, Sound
from fishvoiced.inference.thread import InferenceThread
from fishvoiced.server.delivery import Delivered, Delivery
from fishvoiced.server.model_manager import ModelManager
from fishvoiced.server.scheduling.scheduler import Admitted, Refused, Scheduler
from fishvoiced.server.status import Outcome, StatusReport
from fishvoiced.server.stream import Stream
from fishvoiced.transport.router import Channel, RouterTransport, Sent, name_of

log = logging.getLogger(__name__)

TELL_SECONDS = 2.0  # the loop comes round every second while there is something to do

Progress: TypeAlias = Opened | Sound | Elsewhere | Resting | Noticed | SegmentLost | Done | Failed


class InFlightRequests:
    """Admitted requests. Each ends exactly once: complete, cancelled, error or vanished."""

    def __init__(
        self,
        config: Config,
        transport: RouterTransport,
        worker: InferenceThread,
        health: StatusReport,
        loading: ModelManager,
    ) -> None:
        self._config = config
        self._transport = transport
        self._inference = worker
        self._report = health
        self._models = loading
        self.scheduler = Scheduler(config.limits.queue, config.limits.requests_per_client)
        self._delivery = Delivery(transport, self.scheduler)
        self._streams: dict[int, Stream] = {}
        self._assigned: int | None = None

    def __len__(self) -> int:
        """Requests whose last message has not left yet."""
        return len(self._streams)

    @property
    def current(self) -> str | None:
        """The id of the request that is worked on."""
        key = self.scheduler.choose()
        return None if key is None else self._streams[key].id

    def clients(self) -> frozenset[bytes]:
        """Who has asked for something that has not ended."""
        return frozenset(stream.client for stream in self._streams.values())

    def reconfigure(self, config: Config) -> None:
        """Other limits, from the next request on."""
        self._config = config
        self.scheduler.queue = config.limits.queue
        self.scheduler.per_client = config.limits.requests_per_client

    # -- time --------------------------------------------------------------------------------------------------

    def next_due(self) -> float | None:
        """When to call `on_time`, if nothing else happens."""
        stall = self.scheduler.next_stall()
        times = (
            self._delivery.retry_at,
            None if stall is None else stall + self._config.limits.stall_seconds,
            self.scheduler.next_resume(),
        )
        return min((at for at in times if at is not None), default=None)

    def on_time(self, now: float) -> None:
        """End requests whose client grants no credit any more, and retry what could not be sent."""
        if stalled := self.scheduler.stalled(now - self._config.limits.stall_seconds):
            log.warning("%d requests end, because nobody listens to them any more", len(stalled))
            self.cancel(stalled)
        self.scheduler.resume(now)
        for stream in self._delivery.due(now):
            self._pump(stream)

    def assign(self) -> None:
        """Tell the inference thread what to work on now."""
        key = self.scheduler.choose()
        if key is not None:
            self.scheduler.start(key)
        if key != self._assigned:
            self._assigned = key
            self._log_decision(key)
        resting = any(stream.resting is not None for stream in self._streams.values())
        beside = [] if key is None else [self._streams[other].job for other in self.scheduler.beside(key)]
        job = None if key is None else self._streams[key].job
        self._inference.assign(job, self.scheduler.waiting, resting=resting, beside=beside)

    def _log_decision(self, key: int | None) -> None:
        if key is None:
            log.debug("nothing to work on: %d requests wait for credit or for their last chunk", len(self.scheduler))
        else:
            stream, waiting = self._streams[key], self.scheduler.waiting
            log.debug("works on priority %s, %d wait", stream.request.priority, waiting, extra=_fields(stream))

    # -- those who wait ----------------------------------------------------------------------------------------

    def tell_waiting(self, now: float) -> None:
        """Tell those whose sound takes a while: at once, and again and again. Call after `assign`."""
        current = self.scheduler.choose()
        for stream in list(self._streams.values()):
            if stream.key not in self.scheduler or not self.scheduler.waits(stream.key) or stream.outbox:
                continue
            if stream.resting is not None:  # `Stream.rest` tells of heat
                continue
            first = stream.told is None
            if first or now - (stream.told or 0.0) >= TELL_SECONDS:
                self._tell(stream, now, first=first, current=stream.key == current)

    def _tell(self, stream: Stream, now: float, *, first: bool, current: bool) -> None:
        stream.told = now
        waiting = self._reason(stream, now, current=current)
        if first and waiting.reason == "working":
            return  # its sound comes at once, most likely
        if self._transport.send(Channel.SYNTHESIS, stream.client, encode(waiting)) is Sent.GONE:
            self.disconnect(stream.client)

    def _reason(self, stream: Stream, now: float, *, current: bool) -> Waiting:
        load = self._models.seconds_to_load(stream.request.voice) if stream.opened is None else 0.0
        if not current:
            wait = self._report.pace.wait(self.scheduler.characters_before(stream.key))
            seconds = None if wait is None or load is None else wait + load
            return Waiting(id=stream.id, reason="queue", seconds=seconds)
        if load != 0.0:
            return Waiting(id=stream.id, reason="loading", seconds=load and max(0.0, load - (now - stream.arrived)))
        return Waiting(id=stream.id, reason="working")

    # -- from clients ------------------------------------------------------------------------------------------

    def admit(self, stream: Stream) -> Refused | None:
        """Take the request in, and end those that it makes superfluous; or say why there is no room."""
        held = sum(each.request_bytes for each in self._streams.values())
        if held + stream.request_bytes > self._config.limits.waiting_bytes:
            return Refused(f"texts and recordings of {held >> 20} MB are waiting already")
        admitted = self.scheduler.admit(stream.ticket(self._config.limits.credit))
        if isinstance(admitted, Admitted):
            self._streams[stream.key] = stream
            text = f": {stream.request.text!r}" if self._config.log.texts else ""
            log.debug("accepted%s", text, extra=_fields(stream))
            for key in admitted.dropped:
                self._conclude(self._streams[key])
            return None
        return admitted

    def credit(self, request: str, client: bytes, chunks: int) -> None:
        """The listener takes ``chunks`` more."""
        for key in self.scheduler.find(request, client):
            self.scheduler.credit(key, chunks, self._config.limits.credit)
            self._pump(self._streams[key])

    def named(self, request: str | None, client: str | None) -> list[int]:
        """Keys of the requests with this id, of the client of this name, or all."""
        found = self.scheduler.find(request)
        return [key for key in found if client in (None, name_of(self._streams[key].client))]

    def cancel(self, keys: Sequence[int]) -> None:
        """Stop these: the last that their listeners hear is that they were cancelled."""
        for key in keys:
            if key in self.scheduler:  # else its client was found to be gone, a moment ago
                self.scheduler.end(key)
                self._conclude(self._streams[key])

    def disconnect(self, client: bytes) -> None:
        """The client is gone, and its requests with it."""
        for stream in [stream for stream in self._streams.values() if stream.client == client]:
            self._forget(stream, "vanished")
        self._models.disconnect(client)

    def fail(self, code: str, message: str) -> None:
        """All are lost: tell everybody."""
        for stream in list(self._streams.values()):
            stream.fail(Error(code=code, message=message, id=stream.id))
            self._pump(stream)

    # -- from the worker ---------------------------------------------------------------------------------------

    def on(self, event: Progress) -> None:
        """One more step of a request is done."""
        if event.key not in self.scheduler:  # it was cancelled: not a sample more
            return
        stream, now = self._streams[event.key], time.monotonic()
        match event:
            case Opened():
                self.scheduler.start(stream.key)  # perhaps beside another one
                stream.open(event, now)
                self._models.enter(event.model, event.load_seconds)
            case Sound():
                stream.sound(event)
                self.scheduler.start(stream.key)
                if event.pcm:
                    self.scheduler.produced(stream.key, event.text_end, event.seconds, now)
                if event.ends_segment:
                    self.scheduler.segment_over(stream.key)
                self._report.counters.frames += event.frames
                self._report.counters.audio_seconds += event.seconds
            case Elsewhere(until=until):
                self.scheduler.wait(stream.key, until)
                return
            case Resting(until=until, delay=delay):
                self.scheduler.wait(stream.key, until)  # others have their turn meanwhile
                stream.rest(delay, now)
            case Noticed(message=message):
                stream.notices.append(message)
            case SegmentLost(error=error):
                stream.lose_segment(error)
                log.warning("a segment was not spoken: %s", error.message, extra=_fields(stream))
            case Done(work_seconds=work, notice=notice):
                stream.work_seconds = work
                self.scheduler.finish(stream.key)
                stream.complete(now, notice)
                if measured := stream.measured():
                    self._report.pace.record(measured)
            case Failed(code=code, message=message):
                log.warning("failed: %s", message, extra=_fields(stream) | {"code": code})
                self.scheduler.finish(stream.key)
                stream.fail(Error(code=code, message=message, id=stream.id))
        self._pump(stream)

    # -- a request ends ----------------------------------------------------------------------------------------

    def _pump(self, stream: Stream) -> None:
        silent = stream.first_audio_seconds is None
        delivered = self._delivery.pump(stream, time.monotonic())
        if silent and stream.first_audio_seconds is not None:
            self._report.pace.heard(stream.first_audio_seconds)
        if delivered is Delivered.NOBODY:
            self.disconnect(stream.client)
        elif delivered is Delivered.ALL and stream.outcome is not None:
            self._forget(stream, stream.outcome)

    def _conclude(self, stream: Stream) -> None:
        """The scheduler has ended the request: stop the work on it and send its end."""
        self._release(stream)
        stream.finish("cancelled", time.monotonic())
        self._pump(stream)

    def _forget(self, stream: Stream, outcome: Outcome) -> None:
        """The last message has left, or its client has gone."""
        del self._streams[stream.key]
        self._delivery.forget(stream)
        if stream.key in self.scheduler:
            self.scheduler.end(stream.key)
            self._release(stream)
        self._report.ended(outcome)
        seconds = round(time.monotonic() - stream.arrived, 3)
        log.info(outcome, extra=_fields(stream) | {"seconds": seconds})

    def _release(self, stream: Stream) -> None:
        self._inference.discard(stream.key)
        if stream.opened is not None:
            asked = stream.request.keep_alive
            keep_alive = self._config.keep_alive if asked is None else asked
            self._models.leave(stream.opened.model, keep_alive, time.monotonic())


def _fields(stream: Stream) -> dict[str, str]:
    voice = stream.opened.voice if stream.opened else stream.request.voice or "default"
    return {"request": stream.id, "client": name_of(stream.client), "voice": voice}
