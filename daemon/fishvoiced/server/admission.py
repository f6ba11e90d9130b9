"""Whether a request is let in: its values, the room there is, and what it wants to be promised."""

from __future__ import annotations

from collections.abc import Mapping

from fishvoice.protocol import Error, Synthesize, VoiceInfo
from fishvoiced.config import Limits
from fishvoiced.errors import BadRequest
from fishvoiced.server.in_flight import InFlightRequests
from fishvoiced.server.latency import DeadlineMissed, LatencyEstimator, check_deadline
from fishvoiced.server.model_manager import ModelManager
from fishvoiced.server.scheduling.scheduler import Promise
from fishvoiced.server.stream import Stream
from fishvoiced.server.validation import check, is_name, is_preload
from fishvoiced.voices import readers

SPARE_SECONDS = 0.25  # a promise is taken up so much before it has to be
BUSY_SECONDS = 1.0  # to try again after, where nothing was measured yet


class Refusal(Exception):
    """The request is not let in; ``error`` is its answer."""

    def __init__(self, error: Error) -> None:
        super().__init__(error.message)
        self.error = error


class Admission:
    """Asks those who know. Every refusal of a full daemon says when to try again."""

    def __init__(
        self,
        requests: InFlightRequests,
        models: ModelManager,
        pace: LatencyEstimator,
        languages: Mapping[str, str],
    ) -> None:
        """``languages``: the settings' voices by language."""
        self._requests = requests
        self._models = models
        self._pace = pace
        self._languages = languages

    def check(self, client: bytes, request: Synthesize, limits: Limits, clients: int) -> None:
        """Raises Refusal for what cannot be served, and where there is no room. ``clients`` are connected."""
        known = self._known(request)
        try:
            check(request, limits, _names(known))
            if known is not None:
                readers.check(request, self._models.voice, known, self._languages)
        except BadRequest as error:
            raise Refusal(Error(code=error.code, message=str(error), id=request.id)) from error
        under_way = self._requests.scheduler
        if under_way.find(request.id, client):
            raise Refusal(Error("bad_request", f"request {request.id} is under way already", id=request.id))
        limit = limits.requests_per_client
        if is_preload(request) and self._models.pending(client) >= limit:
            raise self._busy(request, f"this client has {limit} models to load already")
        if clients > limits.clients and not under_way.find(client=client):
            raise self._busy(request, f"{limits.clients} clients are connected")

    def _known(self, request: Synthesize) -> tuple[VoiceInfo, ...] | None:
        """The voices; looked up now if one that is asked for was not among them a moment ago."""
        asked = {name for name in (request.voice, request.fallback_voice) if name is not None and is_name(name)}
        known = self._models.known_voices()
        names = _names(known)
        return known if names is None or asked <= names else self._models.known_voices(now=True)

    def admit(self, key: int, client: bytes, request: Synthesize, now: float) -> None:
        """Take the checked request in as ``key``. Raises Refusal where there is no room, or no time for its promise."""
        # A promise goes before everything but what is important, and other promises.
        priority = request.priority if request.first_audio_within is None else "important"
        ahead = self._requests.scheduler.characters_ahead(priority, client)
        met = check_deadline(self._pace, request, self._models.voice, ahead, self._models.seconds_to_load)
        if isinstance(met, DeadlineMissed):
            raise Refusal(Error("too_late", str(met), id=request.id, retry_after=met.wait or None))
        promise = self._promise(met.request, now)
        stream = Stream(key, client, met.request, now, met.predicted, met.notice, promise)
        refused = self._requests.admit(stream)
        if refused is not None:
            raise self._busy(request, refused.reason)

    def _promise(self, request: Synthesize, now: float) -> Promise | None:
        within = request.first_audio_within
        if within is None:
            return None
        voice = request.voice or self._models.voice
        opening = self._pace.longest_opening(voice) + (self._models.seconds_to_load(voice) or 0.0)
        hurry = min(within / 2, max(0.0, within - 2 * opening - SPARE_SECONDS))
        if not self._requests.scheduler.can_promise(now + within, opening, now, self._pace.work(1)):
            message = f"{within:g} s cannot be promised beside what others were promised"
            raise Refusal(Error("too_late", message, id=request.id, retry_after=opening + SPARE_SECONDS))
        return Promise(now + within, opening, now + hurry)

    def _busy(self, request: Synthesize, why: str) -> Refusal:
        seconds = self._pace.wait(self._requests.scheduler.characters_to_room())
        return Refusal(Error("busy", why, id=request.id, retry_after=seconds or BUSY_SECONDS))


def _names(voices: tuple[VoiceInfo, ...] | None) -> frozenset[str] | None:
    return None if voices is None else frozenset(voice.name for voice in voices)
