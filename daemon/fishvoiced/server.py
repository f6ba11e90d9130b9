"""The loop: takes messages from the transport, lets the scheduler decide, tells the worker, sends what it made.

One thread. It waits only in `Transport.poll`, so whatever inference does, control messages are answered.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import msgspec

from fishvoice.errors import ProtocolError, UnsupportedVersion
from fishvoice.protocol import (
    AnyMessage,
    AudioChunk,
    AudioEnd,
    Cancel,
    Credit,
    Error,
    Ok,
    Predicted,
    Shutdown,
    Status,
    StatusReply,
    Synthesize,
    Voices,
    VoicesReply,
    decode,
    encode,
)
from fishvoiced.config import Config
from fishvoiced.errors import BadRequest, FishvoiceError
from fishvoiced.health import Doing, Health, Outcome, State
from fishvoiced.lifecycle import RELOAD, STOP
from fishvoiced.notify import Notifier
from fishvoiced.requests import check, is_preload
from fishvoiced.residency import Residency
from fishvoiced.scheduler import Refused, Scheduler, Ticket
from fishvoiced.streams import Stream
from fishvoiced.transport import Channel, Gone, Incoming, Sent, Transport, Woken
from fishvoiced.worker import (
    Done,
    Event,
    Failed,
    NotReady,
    Opened,
    Ready,
    Rebuilt,
    SegmentLost,
    Sound,
    Unloaded,
    Worker,
)

log = logging.getLogger(__name__)

EX_OK = 0
EX_SOFTWARE = 70  # sysexits.h: what a service manager should restart
RETRY_SECONDS = (0.01, 1.0)  # how often to try a listener whose pipe is full: first, and at last
WATCH_SECONDS = 1.0  # how often to look at the inference thread while it works
FIXED = ("voice", "transport", "engine", "metrics")  # what only a new start changes
DEFAULT_VOICE = 0  # the tag of the load at start; requests count from 1


class Server:
    """The daemon between its sockets and its inference thread."""

    def __init__(
        self,
        config: Config,
        transport: Transport,
        worker: Worker,
        notifier: Notifier,
        health: Health,
        reload: Callable[[], Config],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._transport = transport
        self._worker = worker
        self._notifier = notifier
        self._health = health
        self._reload = reload
        self._clock = clock
        self._scheduler = Scheduler(config.limits.queue, config.limits.requests_per_client)
        self._residency = Residency()
        self._streams: dict[int, Stream] = {}
        self._preloads: dict[int, tuple[bytes, Synthesize]] = {}
        self._voices_asked: list[bytes] = []
        self._keys = DEFAULT_VOICE
        self._state: State = "loading"
        self._problem: str | None = None
        self._voice: str | None = config.voice
        self._full: set[int] = set()
        self._retry_seconds = RETRY_SECONDS[0]
        self._retry_at: float | None = None
        self._watchdog_at: float | None = None
        self._leave_at: float | None = None
        self._stuck_told: float | None = None

    # -- the loop --------------------------------------------------------------------------------------------

    def run(self) -> int:
        """Serve until told to stop; the exit status."""
        self._worker.load(DEFAULT_VOICE, self._config.voice)
        self._notifier.status("loading the default voice")
        while True:
            for arrival in self._transport.poll(self._patience()):
                match arrival:
                    case Incoming():
                        self._hear(arrival)
                    case Gone(Channel.SYNTHESIS, client):
                        self._vanish(client)
                    case Woken(reason) if reason:
                        self._signal(reason)
            for event in self._worker.events():
                self._on(event)
            self._health.answer(self.status)
            now = self._clock()
            if self._stuck(now):
                return EX_SOFTWARE
            self._on_time(now)
            if self._leave_at is not None and (not self._streams or now >= self._leave_at):
                self._farewell()
                return EX_OK
            self._assign()

    def _patience(self) -> float | None:
        """Seconds until something has to be done unasked; None: nothing."""
        stall = self._scheduler.next_stall()
        times = [
            self._retry_at,
            self._watchdog_at,
            self._leave_at,
            self._residency.next_expiry(),
            None if stall is None else stall + self._config.limits.stall_seconds,
        ]
        now = self._clock()
        if self._worker.step is not None or len(self._scheduler):
            times.append(now + WATCH_SECONDS)
        first = min((at for at in times if at is not None), default=None)
        return None if first is None else max(0.0, first - now)

    def _on_time(self, now: float) -> None:
        if self._notifier.watchdog_seconds and (self._watchdog_at is None or now >= self._watchdog_at):
            self._notifier.alive()
            self._watchdog_at = now + self._notifier.watchdog_seconds / 2
        for key in self._scheduler.stalled(now - self._config.limits.stall_seconds):
            log.warning("nobody listens any more", extra=self._fields(self._streams[key]))
            self._cancel(key)
        if self._retry_at is not None and now >= self._retry_at:
            self._retry_at = None
            for key in sorted(self._full):
                if key in self._streams:
                    self._pump(self._streams[key])
        for model in self._residency.expired(now):
            self._residency.forget(model)
            self._worker.unload(model)

    def _assign(self) -> None:
        key = self._scheduler.choose()
        if key is not None:
            self._scheduler.start(key)
        self._worker.assign(None if key is None else self._streams[key].job)

    # -- from clients ----------------------------------------------------------------------------------------

    def _hear(self, incoming: Incoming) -> None:
        try:
            message = decode(incoming.frames)
        except UnsupportedVersion as error:
            self._health.counters.bad_messages += 1
            self._say(incoming, Error(code=error.code, message=str(error)))
            return
        except ProtocolError as error:
            self._health.counters.bad_messages += 1
            self._say(incoming, Error(code=error.code, message=str(error)))
            return
        try:
            if incoming.channel is Channel.SYNTHESIS:
                self._on_synthesis(incoming, message)
            else:
                self._on_control(incoming, message)
        except Exception:
            log.exception("a mistake in the daemon while it answered %s", type(message).__name__)
            self._say(incoming, Error(code="internal", message="a mistake in the daemon; its log says more"))

    def _on_synthesis(self, incoming: Incoming, message: AnyMessage) -> None:
        client = incoming.client
        match message:
            case Synthesize():
                self._accept(incoming, message)
            case Credit(id=id_, chunks=chunks, underruns=underruns):
                self._health.counters.underruns += max(0, underruns)
                for key in self._scheduler.find(id_, client) if chunks > 0 else ():
                    self._scheduler.credit(key, chunks, self._config.limits.credit)
                    self._pump(self._streams[key])
            case Cancel(id=id_):
                for key in self._scheduler.find(id_, client):
                    self._cancel(key)
            case _:
                self._wrong_socket(incoming, message)

    def _on_control(self, incoming: Incoming, message: AnyMessage) -> None:
        match message:
            case Cancel(id=id_, client=name):
                keys = [k for k in self._scheduler.find(id_) if name in (None, _name(self._streams[k].client))]
                for key in keys:
                    self._cancel(key)
                self._say(incoming, Ok(cancelled=len(keys)))
            case Status():
                self._say(incoming, StatusReply(status=self.status()))
            case Voices():
                voices = self._worker.voices()
                if voices is None and self._state == "loading":
                    self._voices_asked.append(incoming.client)
                else:
                    self._say(incoming, VoicesReply(voices=voices or ()))
            case Shutdown(drain=drain):
                self._say(incoming, Ok())
                self._leave(self._config.lifecycle.drain_seconds if drain else 0.0)
            case _:
                self._wrong_socket(incoming, message)

    def _wrong_socket(self, incoming: Incoming, message: AnyMessage) -> None:
        self._health.counters.bad_messages += 1
        explanation = f"{type(message).__name__.lower()} does not belong on the {incoming.channel.value} socket"
        self._say(incoming, Error(code="bad_message", message=explanation))

    def _say(self, to: Incoming, message: AnyMessage) -> None:
        """Answer; a client that is gone or does not read has no need of it."""
        self._transport.send(to.channel, to.client, encode(message))

    # -- a request comes -------------------------------------------------------------------------------------

    def _accept(self, incoming: Incoming, request: Synthesize) -> None:
        self._health.counters.requests += 1
        refusal = self._refusal(incoming.client, request)
        if refusal is not None:
            self._refuse(incoming, refusal)
            return
        if is_preload(request):
            self._preload(incoming.client, request)
            return
        now = self._clock()
        chosen, predicted, notice = self._promise(request)
        if chosen is None:
            seconds = predicted.first_audio_seconds or 0.0
            message = f"the first sound would take about {seconds:.2f} s, longer than was asked for"
            wait = self._health.pace.wait(self._scheduler.characters_ahead(request.priority))
            self._refuse(incoming, Error(code="too_late", message=message, id=request.id, retry_after=wait))
            return
        self._keys += 1
        ticket = Ticket(
            self._keys,
            incoming.client,
            request.id,
            request.priority,
            request.interrupted,
            len(request.text),
            min(request.credit, self._config.limits.credit),
        )
        stream = Stream(ticket.key, incoming.client, chosen, now, predicted, notice)
        self._streams[ticket.key] = stream
        admitted = self._scheduler.admit(ticket)
        if isinstance(admitted, Refused):
            del self._streams[ticket.key]
            retry = self._health.pace.wait(self._scheduler.characters_to_room())
            self._refuse(incoming, Error(code="busy", message=admitted.reason, id=request.id, retry_after=retry))
            return
        log.debug("accepted%s", f": {request.text!r}" if self._config.log.texts else "", extra=self._fields(stream))
        for key in admitted.dropped:
            self._conclude(self._streams[key])

    def _refusal(self, client: bytes, request: Synthesize) -> Error | None:
        if self._leave_at is not None:
            return Error(code="shutting_down", message="the daemon is ending", id=request.id, retry_after=1.0)
        known = None if (voices := self._worker.voices()) is None else frozenset(voice.name for voice in voices)
        try:
            check(request, self._config.limits, known)
        except BadRequest as error:
            return Error(code=error.code, message=str(error), id=request.id)
        if self._scheduler.find(request.id, client):
            return Error(code="bad_request", message=f"request {request.id} is under way already", id=request.id)
        if self._transport.clients > self._config.limits.clients and not self._scheduler.find(client=client):
            return Error(code="busy", message=f"{self._config.limits.clients} clients are connected", id=request.id)
        return None

    def _refuse(self, incoming: Incoming, error: Error) -> None:
        self._health.ended("refused")
        log.info("refused: %s", error.message, extra={"request": error.id, "code": error.code})
        self._say(incoming, error)

    def _promise(self, request: Synthesize) -> tuple[Synthesize | None, Predicted, str | None]:
        """The request as it will be spoken, None if not in time; what it may expect; what to tell its listener."""
        ahead = self._scheduler.characters_ahead(request.priority)
        size, pace, within = len(request.text), self._health.pace, request.first_audio_within
        predicted = pace.predict(request.voice or self._voice, size, ahead)
        if within is None or predicted.first_audio_seconds is None or predicted.first_audio_seconds <= within:
            return request, predicted, None
        if request.fallback_voice not in (None, request.voice or self._voice):
            faster = pace.predict(request.fallback_voice, size, ahead)
            wait = pace.wait(ahead) if faster.first_audio_seconds is None else faster.first_audio_seconds
            if wait is None or wait <= within:
                notice = f"{request.fallback_voice} speaks, because the voice asked for would come too late"
                return msgspec.structs.replace(request, voice=request.fallback_voice), faster, notice
        return None, predicted, None

    def _preload(self, client: bytes, request: Synthesize) -> None:
        """An empty request with ``keep_alive``: load its model, or with 0 unload it."""
        assert request.keep_alive is not None
        name = request.voice or self._voice
        model = next((v.model for v in self._worker.voices() or () if v.name == name), None)
        if request.keep_alive == 0 and model is not None:
            self._residency.keep(model, 0, self._clock())
            self._transport.send(
                Channel.SYNTHESIS, client, encode(AudioEnd(id=request.id, finish_reason="complete"))
            )
            return
        self._keys += 1
        self._preloads[self._keys] = (client, request)
        self._worker.load(self._keys, request.voice)

    # -- from the worker -------------------------------------------------------------------------------------

    def _on(self, event: Event) -> None:
        match event:
            case Ready() | NotReady():
                self._on_loaded(event)
            case Rebuilt(reason):
                self._health.counters.rebuilds += 1
                log.error("the engine failed and is built anew: %s", reason)
            case Unloaded(model):
                log.info("unloaded %s", model)
            case _ if event.key in self._scheduler:  # else it was cancelled meanwhile: not a sample more
                self._on_progress(self._streams[event.key], event)

    def _on_progress(self, stream: Stream, event: Opened | Sound | SegmentLost | Done | Failed) -> None:
        now = self._clock()
        match event:
            case Opened():
                stream.open(event, now)
                self._residency.enter(event.model)
            case Sound():
                stream.sound(event)
                self._scheduler.produced(stream.key, event.text_end, now)
                self._health.counters.frames += event.frames
                self._health.counters.audio_seconds += event.seconds
            case SegmentLost(error=error):
                stream.lose_segment(error)
                log.warning("a segment was not spoken: %s", error.message, extra=self._fields(stream))
            case Done(work_seconds=work):
                stream.work_seconds = work
                self._scheduler.finish(stream.key)
                stream.complete(now)
                if measured := stream.measured():
                    self._health.pace.record(measured)
            case Failed(code=code, message=message):
                log.warning("failed: %s", message, extra=self._fields(stream) | {"code": code})
                self._scheduler.finish(stream.key)
                stream.fail(Error(code=code, message=message, id=stream.id))
        self._pump(stream)

    def _on_loaded(self, event: Ready | NotReady) -> None:
        now = self._clock()
        client, request = self._preloads.pop(event.tag, (None, None))
        if isinstance(event, Ready):
            loaded = event.loaded
            seconds = {"seconds": round(event.seconds, 3)}
            log.info("loaded %s (%s, %s)", loaded.model, loaded.engine, loaded.precision, extra=seconds)
            keep = self._config.keep_alive if request is None or request.keep_alive is None else request.keep_alive
            self._residency.keep(loaded.model, keep, now)
            reply: AudioEnd | Error = AudioEnd(id=request.id if request else "", finish_reason="complete")
        else:
            log.error("cannot load a voice: %s", event.message, extra={"code": event.code})
            reply = Error(code=event.code, message=event.message, id=request.id if request else None)
        if client is not None:
            self._transport.send(Channel.SYNTHESIS, client, encode(reply))
        if event.tag == DEFAULT_VOICE:
            self._settle(event)

    def _settle(self, event: Ready | NotReady) -> None:
        """The default voice is there, or is known not to come: say so to all who wait for it."""
        if isinstance(event, Ready):
            self._state, self._voice = "ready", self._voice or event.loaded.voice
            self._notifier.ready(f"ready: {event.loaded.voice} on {event.loaded.model}")
        else:
            self._state, self._problem = "degraded", event.message
            self._notifier.ready(f"no default voice: {event.message}")
        for client in self._voices_asked:
            voices = self._worker.voices() or ()
            self._transport.send(Channel.CONTROL, client, encode(VoicesReply(voices=voices)))
        self._voices_asked.clear()

    # -- to listeners ----------------------------------------------------------------------------------------

    def _pump(self, stream: Stream) -> None:
        """Send what may be sent: all but chunks without credit."""
        self._full.discard(stream.key)
        while stream.outbox:
            message = stream.outbox[0]
            chunk = isinstance(message, AudioChunk)
            if chunk and stream.sent >= self._scheduler.granted(stream.key):
                return
            match self._transport.send(Channel.SYNTHESIS, stream.client, encode(message)):
                case Sent.GONE:
                    self._vanish(stream.client)
                    return
                case Sent.FULL:
                    self._wait_for(stream)
                    return
            stream.outbox.popleft()
            self._retry_seconds = RETRY_SECONDS[0]
            if chunk:
                stream.sent += 1
                if stream.first_audio_seconds is None:
                    stream.first_audio_seconds = self._clock() - stream.arrived
                    self._health.pace.heard(stream.first_audio_seconds)
            elif isinstance(message, AudioEnd):
                self._forget(stream, message.finish_reason)
            elif isinstance(message, Error):
                self._forget(stream, "error")
        if stream.key in self._scheduler:
            self._scheduler.hold(stream.key, False)

    def _wait_for(self, stream: Stream) -> None:
        """The listener's pipe is full: try again later, ever less often, and generate nothing more meanwhile."""
        self._full.add(stream.key)
        if stream.key in self._scheduler:
            self._scheduler.hold(stream.key, True)
        if self._retry_at is None:
            self._retry_at = self._clock() + self._retry_seconds
            self._retry_seconds = min(2 * self._retry_seconds, RETRY_SECONDS[1])

    def _cancel(self, key: int) -> None:
        if key in self._scheduler:  # else its client was found to be gone, a moment ago
            self._scheduler.end(key)
            self._conclude(self._streams[key])

    def _conclude(self, stream: Stream) -> None:
        """The scheduler has let go of the request: stop the work on it and tell its listener."""
        self._release(stream)
        stream.finish("cancelled", self._clock())
        self._pump(stream)

    def _forget(self, stream: Stream, outcome: Outcome) -> None:
        """The last message has left, or nobody is there to get it."""
        del self._streams[stream.key]
        self._full.discard(stream.key)
        if stream.key in self._scheduler:
            self._scheduler.end(stream.key)
            self._release(stream)
        self._health.ended(outcome)
        log.info(outcome, extra=self._fields(stream) | {"seconds": round(self._clock() - stream.arrived, 3)})

    def _release(self, stream: Stream) -> None:
        self._worker.discard(stream.key)
        if stream.opened is not None:
            keep = stream.request.keep_alive
            self._residency.leave(stream.opened.model)
            self._residency.keep(stream.opened.model, self._config.keep_alive if keep is None else keep, self._clock())

    def _vanish(self, client: bytes) -> None:
        for stream in [stream for stream in self._streams.values() if stream.client == client]:
            self._forget(stream, "vanished")
        for tag in [tag for tag, (asker, _) in self._preloads.items() if asker == client]:
            del self._preloads[tag]

    # -- life ------------------------------------------------------------------------------------------------

    def _signal(self, number: int) -> None:
        if number in STOP:
            # A second signal means: now.
            self._leave(0.0 if self._leave_at is not None else self._config.lifecycle.drain_seconds)
        elif number == RELOAD:
            self._reconfigure()

    def _leave(self, within: float) -> None:
        log.info("ending within %g s", within)
        self._notifier.stopping()
        self._state, self._leave_at = "draining", self._clock() + within

    def _farewell(self) -> None:
        for stream in list(self._streams.values()):
            self._cancel(stream.key)

    def _reconfigure(self) -> None:
        """Read the configuration again; what cannot change under way is named in the log."""
        self._notifier.reloading(time.monotonic())
        try:
            new = self._reload()
        except FishvoiceError as error:
            log.error("the configuration is not changed: %s", error)
        else:
            fixed = [n for n in FIXED if getattr(new, n) != getattr(self._config, n)]
            if fixed:
                log.warning("these take effect at the next start: %s", ", ".join(fixed))
            self._config = msgspec.structs.replace(new, **{n: getattr(self._config, n) for n in FIXED})
            self._scheduler.queue = self._config.limits.queue
            self._scheduler.per_client = self._config.limits.requests_per_client
            log.info("the configuration was read again")
        self._notifier.ready("configuration read again")

    def _stuck(self, now: float) -> bool:
        """Whether the inference thread hangs for good. Then nobody can help it but a new process."""
        step = self._worker.step
        if step is None:
            return False
        limits = self._config.lifecycle
        seconds, limit = now - step.since, limits.load_seconds if step.loading else limits.stuck_seconds
        if seconds >= limits.stuck_warn_seconds and not step.loading and self._stuck_told != step.since:
            self._stuck_told = step.since
            log.warning("inference does not come back from %s", step.what, extra={"seconds": round(seconds, 1)})
        if seconds < limit:
            return False
        log.critical("inference hangs in %s since %.0f s; ending\n%s", step.what, seconds, self._worker.trace())
        self._notifier.status(f"inference hangs in {step.what}")
        message = "inference hangs; the daemon ends and can be started again"
        for stream in list(self._streams.values()):
            stream.fail(Error(code="engine", message=message, id=stream.id))
            self._pump(stream)
        return True

    def status(self) -> dict[str, Any]:
        """The `status` map."""
        current = self._scheduler.choose()
        voices = self._worker.voices() or ()
        waiting = self._scheduler.waiting
        return self._health.report(
            Doing(
                state=self._state,
                problem=self._problem,
                voice=self._voice,
                loaded=self._worker.loaded(),
                voices=len(voices),
                clients=self._transport.clients,
                waiting=waiting,
                active=len(self._scheduler) - waiting,
                limit=self._scheduler.queue,
                current=None if current is None else self._streams[current].id,
            )
        )

    def _fields(self, stream: Stream) -> dict[str, str]:
        voice = stream.opened.voice if stream.opened else stream.request.voice or "default"
        return {"request": stream.id, "client": _name(stream.client), "voice": voice}


def _name(client: bytes) -> str:
    """A routing id as text: what it says if it is printable ASCII, else hexadecimal."""
    return client.decode("ascii") if client.isascii() and client.decode("ascii").isprintable() else client.hex()
