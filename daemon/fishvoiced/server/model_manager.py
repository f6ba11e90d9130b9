"""Model lifecycle: the default voice at start, preloads, keep-alive, and clients that wait for any of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Set

from fishvoice.protocol import (
    AudioEnd,
    ControlReply,
    Error,
    SynthesisReply,
    Synthesize,
    VoiceInfo,
    VoicesReply,
    Waiting,
)
from fishvoiced.inference.messages import NotReady, Ready
from fishvoiced.inference.thread import InferenceThread
from fishvoiced.process.systemd import SystemdNotifier
from fishvoiced.server.keep_alive import KeepAlive
from fishvoiced.server.load_times import LoadTimes
from fishvoiced.server.status import Outcome, State
from fishvoiced.server.voice_list import VoiceList
from fishvoiced.transport.router import Channel

log = logging.getLogger(__name__)

TELL_SECONDS = 2.0
DEFAULT_VOICE = 0  # the tag of the load at start; requests have keys from 1

Send = Callable[[Channel, bytes, SynthesisReply | ControlReply], None]


class ModelManager:
    """Asks the worker to load and unload, and answers those who wait for it. ``elsewhere``: voices of servers, which
    nobody has to load."""

    def __init__(
        self,
        worker: InferenceThread,
        notifier: SystemdNotifier,
        send: Send,
        ended: Callable[[Outcome], None],
        voice: str | None,
        load_times: LoadTimes,
        elsewhere: Set[str] = frozenset(),
    ) -> None:
        self._inference = worker
        self._voices = VoiceList(worker.voices)
        self._notifier = notifier
        self._send = send
        self._ended = ended
        self._load_times = load_times
        self._elsewhere = elsewhere
        self._keep_alive = KeepAlive()
        self._preloads: dict[int, tuple[bytes, Synthesize]] = {}
        self._told: dict[int, float] = {}
        self._asked: set[bytes] = set()
        self.state: State = "loading"
        self.problem: str | None = None
        self.voice = voice

    def start(self) -> None:
        """Load the default voice."""
        self._notifier.status("loading the default voice")
        self._inference.load(DEFAULT_VOICE, self.voice)

    def known_voices(self, *, now: bool = False) -> tuple[VoiceInfo, ...] | None:
        """The voices there are, or were a moment ago; None before they are known."""
        return self._voices.known(now=now)

    def send_voices(self, client: bytes) -> None:
        """Answer on the control socket, now or as soon as the voices are known."""
        voices = self.known_voices()
        if voices is None and self.state == "loading":
            self._asked.add(client)
        else:
            self._send(Channel.CONTROL, client, VoicesReply(voices=voices or ()))

    def preload(self, key: int, client: bytes, request: Synthesize, now: float) -> None:
        """An empty request with ``keep_alive``: load its model, or with 0 unload it."""
        model = self._model(request.voice)
        if request.keep_alive == 0 and model is not None:
            self._keep_alive.keep(model, 0, now)
            self._ended("complete")
            self._send(Channel.SYNTHESIS, client, AudioEnd(id=request.id, finish_reason="complete"))
            return
        self._preloads[key] = (client, request)
        self._inference.load(key, request.voice)

    def tell_waiting(self, now: float) -> None:
        """Tell those who wait for a model: at once, and again and again."""
        for key, (client, request) in self._preloads.items():
            seconds = self.seconds_to_load(request.voice)
            told = self._told.setdefault(key, now if seconds == 0.0 else now - TELL_SECONDS)
            if now - told >= TELL_SECONDS:
                self._told[key] = now
                self._send(Channel.SYNTHESIS, client, Waiting(id=request.id, reason="loading", seconds=seconds))
        self._told = {key: told for key, told in self._told.items() if key in self._preloads}

    @property
    def busy(self) -> bool:
        """Whether somebody waits for a model, or the default voice is still being loaded."""
        return bool(self._preloads) or self.state == "loading"

    def pending(self, client: bytes) -> int:
        """How many preloads of the client are not answered yet."""
        return sum(asker == client for asker, _ in self._preloads.values())

    def on(self, event: Ready | NotReady, keep_alive: float, now: float) -> None:
        """A load has ended; ``keep_alive`` is the configuration's."""
        client, request = self._preloads.pop(event.tag, (None, None))
        asked = request.id if request else ""
        reply: SynthesisReply
        if isinstance(event, Ready):
            loaded = event.loaded
            if event.seconds is not None:
                seconds = {"seconds": round(event.seconds, 3)}
                log.info("loaded %s (%s, %s)", loaded.model, loaded.engine, loaded.precision, extra=seconds)
                self._load_times.record(loaded.model, event.seconds)
                if event.tag == DEFAULT_VOICE:
                    self._load_times.record(None, event.seconds)
            keep = keep_alive if request is None or request.keep_alive is None else request.keep_alive
            self._keep_alive.keep(loaded.model, keep, now)
            reply = AudioEnd(id=asked, finish_reason="complete")
        else:
            log.error("cannot load a voice: %s", event.message, extra={"code": event.code})
            reply = Error(code=event.code, message=event.message, id=asked)
        if client is not None:
            self._ended("complete" if isinstance(event, Ready) else "error")
            self._send(Channel.SYNTHESIS, client, reply)
        if event.tag == DEFAULT_VOICE:
            self._settle(event)

    def _settle(self, event: Ready | NotReady) -> None:
        """The default voice is there, or is known not to come: say so to all who wait for it."""
        if isinstance(event, Ready):
            self.state, self.voice = "ready", self.voice or event.loaded.voice
            self._notifier.ready(f"ready: {event.loaded.voice} on {event.loaded.model}")
        else:
            self.state, self.problem = "degraded", event.message
            self._notifier.ready(f"no default voice: {event.message}")
        asked, self._asked = self._asked, set()
        for client in asked:
            self.send_voices(client)

    def seconds_to_load(self, voice: str | None) -> float | None:
        """How long it takes until the voice's model is in memory; 0 if it is there, None if that is not known."""
        info = self._info(voice)
        if voice in self._elsewhere:
            return 0.0
        if info is not None and (info.loaded or info.model in {each.model for each in self._inference.loaded()}):
            return 0.0
        return self._load_times.seconds(info.model if info else None)

    def _model(self, voice: str | None) -> str | None:
        """The model of a voice (None: the default one); None before the voices are known."""
        info = self._info(voice)
        return info.model if info else None

    def _info(self, voice: str | None) -> VoiceInfo | None:
        name = voice or self.voice
        voices = self.known_voices() or ()
        return next((each for each in voices if each.name == name or (name is None and each.default)), None)

    # -- keep_alive ------------------------------------------------------------------------------------------

    def enter(self, model: str, load_seconds: float | None) -> None:
        """A request works with the model, which was loaded for it unless ``load_seconds`` is None."""
        self._keep_alive.enter(model)
        if load_seconds is not None:
            self._load_times.record(model, load_seconds)
        if self.state == "degraded":  # what was missing at the start has been installed
            self.state, self.problem = "ready", None

    def leave(self, model: str, keep_alive: float, now: float) -> None:
        """That request is over."""
        self._keep_alive.leave(model)
        self._keep_alive.keep(model, keep_alive, now)

    def seconds_left(self, model: str, now: float) -> float | None:
        """See :meth:`KeepAlive.left`."""
        return self._keep_alive.left(model, now)

    def next_expiry(self) -> float | None:
        """When to call `expire` again."""
        return self._keep_alive.next_expiry()

    def expire(self, now: float) -> None:
        """Unload models that were not used for their ``keep_alive``."""
        for model in self._keep_alive.expired(now):
            self._keep_alive.forget(model)
            self._inference.unload(model)

    def disconnect(self, client: bytes) -> None:
        """Forget the preloads of a client that has gone."""
        for key in [key for key, (asker, _) in self._preloads.items() if asker == client]:
            del self._preloads[key]
            self._ended("vanished")
