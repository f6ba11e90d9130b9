"""The loop: dispatches what comes from clients, the inference thread and the system.

One thread. It waits only in `RouterTransport.poll`, so whatever inference does, control messages are answered.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from fishvoice.errors import ProtocolError
from fishvoice.protocol import (
    AnyMessage,
    Cancel,
    Credit,
    Error,
    Ok,
    Shutdown,
    Status,
    StatusReply,
    Synthesize,
    Voices,
    decode,
    encode,
)
from fishvoiced.config import Config, reconfigured
from fishvoiced.errors import DaemonError
from fishvoiced.inference.messages import Event, NotReady, Ready, Rebuilt, Unloaded
from fishvoiced.inference.thread import InferenceThread
from fishvoiced.inference.watchdog import EVERY_SECONDS, Watchdog
from fishvoiced.process.lifecycle import RELOAD, STOP
from fishvoiced.process.renewal import Renewal
from fishvoiced.process.systemd import SystemdNotifier
from fishvoiced.server.admission import Admission, Refusal
from fishvoiced.server.in_flight import InFlightRequests
from fishvoiced.server.load_times import LoadTimes
from fishvoiced.server.memory_guard import GROWING_SECONDS, LOOK_SECONDS, MemoryGuard, Verdict
from fishvoiced.server.model_manager import DEFAULT_VOICE, ModelManager
from fishvoiced.server.status import LoopState, StatusReport
from fishvoiced.server.validation import is_preload, with_voice_settings
from fishvoiced.transport.router import Channel, Disconnected, Incoming, RouterTransport, WakeUp, name_of

log = logging.getLogger(__name__)

FROZEN_SECONDS = 3.0  # later than it wanted to be woken: somebody stopped it, or the machine

EX_OK = 0
EX_TEMPFAIL = 75  # its package was replaced: the new one is to be started
EX_SOFTWARE = 70  # sysexits.h: what a service manager should restart


class ServerLoop:
    """The daemon between its sockets and its inference thread."""

    def __init__(
        self,
        config: Config,
        transport: RouterTransport,
        worker: InferenceThread,
        notifier: SystemdNotifier,
        health: StatusReport,
        load_times: LoadTimes,
        reload: Callable[[], Config],
        renewal: Renewal,
    ) -> None:
        self._config = config
        self._transport = transport
        self._inference = worker
        self._notifier = notifier
        self._report = health
        self._reload = reload
        self._renewal = renewal
        elsewhere = frozenset(name for name, settings in config.voices.items() if settings.url is not None)
        self._models = ModelManager(worker, notifier, self._send, health.ended, config.voice, load_times, elsewhere)
        self._requests = InFlightRequests(config, transport, worker, health, self._models)
        self._admission = Admission(self._requests, self._models, health.pace, config.languages)
        self._watchdog = Watchdog()
        self._guard = MemoryGuard(config.limits.unfinished_bytes)
        self._guard_at = 0.0
        self._last_key = DEFAULT_VOICE
        self._alive_at: float | None = None
        self._leave_at: float | None = None

    # -- the loop --------------------------------------------------------------------------------------------

    def run(self) -> int:
        """Serve until told to stop; the exit status."""
        self._models.start()
        while True:
            patience, before = self._patience(), time.monotonic()
            for arrival in self._transport.poll(patience):
                match arrival:
                    case Incoming():
                        self._receive(arrival)
                    case Disconnected(Channel.SYNTHESIS, client):
                        self._requests.disconnect(client)
                    case WakeUp(reason) if reason:
                        self._signal(reason)
            for event in self._inference.events():
                self._on(event)
            self._report.answer(self.status)
            now = time.monotonic()
            if patience is not None and now - before - patience > FROZEN_SECONDS:
                log.warning("the process did not run for %.0f s", now - before - patience)
                self._requests.scheduler.frozen(now - before - patience)
            if self._watchdog.hangs(self._inference.step, self._config.lifecycle, now):
                self._give_up()
                return EX_SOFTWARE
            self._on_time(now)
            if self._leave_at is not None and (not self._requests or now >= self._leave_at):
                self._requests.cancel(self._requests.scheduler.find())
                return EX_OK
            if self._renewal.due(now, idle=not self._requests and not self._models.busy and self._leave_at is None):
                return EX_TEMPFAIL if self._renewal.starts_anew else EX_OK
            self._requests.assign()
            self._requests.tell_waiting(now)
            self._models.tell_waiting(now)

    def _patience(self) -> float | None:
        """Seconds until something has to be done unasked; None: nothing, however long."""
        now = time.monotonic()
        times = (
            self._requests.next_due(),
            self._alive_at,
            self._leave_at,
            self._guard_at if self._transport.connected else None,
            self._renewal.next_look,
            self._models.next_expiry(),
            now + EVERY_SECONDS if self._inference.step or self._requests else None,
        )
        first = min((at for at in times if at is not None), default=None)
        return None if first is None else max(0.0, first - now)

    def _on_time(self, now: float) -> None:
        if self._notifier.watchdog_seconds and (self._alive_at is None or now >= self._alive_at):
            self._notifier.alive()
            self._alive_at = now + self._notifier.watchdog_seconds / 2
        self._requests.on_time(now)
        self._models.expire(now)
        if now >= self._guard_at:
            self._guard_memory(now)
            self._guard_at = now + (GROWING_SECONDS if self._guard.growing else LOOK_SECONDS)

    def _guard_memory(self, now: float) -> None:
        step = self._inference.step
        loading = step is not None and step.loading
        resident, received = self._report.resident(), self._transport.take_received()
        verdict = self._guard.look(resident, received, now, loading=loading, busy=bool(self._requests))
        if verdict is not Verdict.NONE:
            asked = self._requests.clients()
            broken = self._transport.disconnect(lambda peer: self._guard.goes(verdict, peer, asked))
            if broken:
                log.warning("memory grows without a request: %d connections end (%s)", broken, verdict.value)

    # -- from clients ----------------------------------------------------------------------------------------

    def _receive(self, incoming: Incoming) -> None:
        try:
            message = decode(incoming.frames)
        except ProtocolError as error:
            self._send_error(incoming, Error(code=error.code, message=str(error)))
            return
        try:
            if incoming.channel is Channel.SYNTHESIS:
                self._on_synthesis(incoming, message)
            else:
                self._on_control(incoming, message)
        except Exception:
            # One message must never end the daemon for everybody else.
            log.exception("a mistake in the daemon while it answered %s", type(message).__name__)
            self._send_error(incoming, Error(code="internal", message="a mistake in the daemon; its log says more"))

    def _on_synthesis(self, incoming: Incoming, message: AnyMessage) -> None:
        match message:
            case Synthesize():
                self._accept(incoming.client, message)
            case Credit(id=request, chunks=chunks, underruns=underruns):
                self._report.counters.underruns += max(0, underruns)
                self._requests.credit(request, incoming.client, chunks)
            case Cancel(id=request):
                self._requests.cancel(self._requests.scheduler.find(request, incoming.client))
            case _:
                self._wrong_socket(incoming, message)

    def _on_control(self, incoming: Incoming, message: AnyMessage) -> None:
        client = incoming.client
        match message:
            case Cancel(id=request, client=name):
                keys = self._requests.named(request, name)
                self._requests.cancel(keys)
                self._send(Channel.CONTROL, client, Ok(cancelled=len(keys)))
            case Status():
                self._renewal.look(None, time.monotonic())
                self._send(Channel.CONTROL, client, StatusReply(status=self.status()))
            case Voices():
                self._models.send_voices(client)
            case Shutdown(drain=drain):
                self._send(Channel.CONTROL, client, Ok())
                self._leave(self._config.lifecycle.drain_seconds if drain else 0.0)
            case _:
                self._wrong_socket(incoming, message)

    def _wrong_socket(self, incoming: Incoming, message: AnyMessage) -> None:
        explanation = f"{type(message).__name__.lower()} does not belong on the {incoming.channel.value} socket"
        self._send_error(incoming, Error(code="bad_message", message=explanation))

    def _send_error(self, incoming: Incoming, error: Error) -> None:
        self._report.counters.bad_messages += 1
        self._send(incoming.channel, incoming.client, error)

    def _send(self, channel: Channel, client: bytes, message: AnyMessage) -> None:
        """Answer; dropped if the client is gone or does not read."""
        self._transport.send(channel, client, encode(message))

    # -- a request comes -------------------------------------------------------------------------------------

    def _accept(self, client: bytes, request: Synthesize) -> None:
        now = time.monotonic()
        self._renewal.look(request.client_version, now)
        self._report.counters.requests += 1
        request = with_voice_settings(request, self._models.voice, self._config.voices)
        try:
            if self._leave_at is not None:
                raise Refusal(Error("shutting_down", "the daemon is ending", id=request.id, retry_after=1.0))
            self._admission.check(client, request, self._config.limits, self._transport.clients)
            self._last_key += 1
            if is_preload(request):
                self._models.preload(self._last_key, client, request, now)
            else:
                self._admission.admit(self._last_key, client, request, now)
        except Refusal as refusal:
            self._refuse(client, refusal.error)

    def _refuse(self, client: bytes, error: Error) -> None:
        self._report.ended("refused")
        fields = {"request": error.id, "client": name_of(client), "code": error.code}
        log.info("refused: %s", error.message, extra=fields)
        self._send(Channel.SYNTHESIS, client, error)

    # -- from the worker -------------------------------------------------------------------------------------

    def _on(self, event: Event) -> None:
        match event:
            case Ready() | NotReady():
                if isinstance(event, Ready) and event.loaded.speed is not None:
                    self._report.pace.expect(event.loaded.voice, event.loaded.speed.expected)
                self._models.on(event, self._config.keep_alive, time.monotonic())
            case Rebuilt(reason, where):
                self._report.counters.rebuilds += 1
                log.error("the engine failed and is built anew: %s", f"{reason}\n{where}".rstrip())
            case Unloaded(model):
                log.info("unloaded %s", model)
            case _:
                self._requests.on(event)

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
        self._models.state = "draining"
        self._leave_at = time.monotonic() + within

    def _reconfigure(self) -> None:
        """Read the configuration again; what cannot change under way is named in the log."""
        self._notifier.reloading(time.monotonic())
        try:
            new = self._reload()
        except DaemonError as error:
            log.error("the configuration stays as it was: %s", error)
        else:
            self._config, waiting = reconfigured(self._config, new)
            if waiting:
                log.warning("these take effect at the next start: %s", ", ".join(waiting))
            self._requests.reconfigure(self._config)
            self._guard.limit = self._config.limits.unfinished_bytes
            log.info("the configuration was read again")
        self._notifier.ready("configuration read again")

    def _give_up(self) -> None:
        """Inference hangs: fail all requests, and leave the restart to the service manager or the clients."""
        step = self._inference.step
        what = step.what if step else "a step that has just ended"
        log.critical("inference hangs in %s; the process ends\n%s", what, self._inference.trace())
        self._notifier.status(f"inference hangs in {what}")
        self._requests.fail("engine", "inference hangs; the daemon ends and can be started again")

    def status(self) -> dict[str, Any]:
        """The `status` map."""
        scheduler, now = self._requests.scheduler, time.monotonic()
        voices = self._models.known_voices() or ()
        doing = LoopState(
            state=self._models.state,
            problem=self._renewal.problem or self._models.problem,
            voice=self._models.voice,
            loaded=self._inference.loaded(),
            voices=len([voice for voice in voices if voice.unavailable is None]),
            damaged={voice.name: voice.unavailable for voice in voices if voice.unavailable and not voice.kind},
            clients=self._transport.clients,
            waiting=scheduler.waiting,
            active=len(scheduler) - scheduler.waiting,
            limit=scheduler.queue,
            current=self._requests.current,
            expires={each.model: self._models.seconds_left(each.model, now) for each in self._inference.loaded()},
        )
        return self._report.report(doing)
