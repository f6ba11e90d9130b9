"""Checks of a request before it is let in: every value within its range, every name only a name. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set

import msgspec

from fishvoice.protocol import Synthesize
from fishvoiced.config import Limits, Voice
from fishvoiced.errors import BadRequest, NothingToSay, UnknownVoice
from fishvoiced.synthesis.prosody import MAX_PITCH, MAX_VOLUME, MIN_PITCH
from fishvoiced.synthesis.tempo.time_stretch import MAX_SPEED, MIN_SPEED
from fishvoiced.text.normalize import may_be_spoken
from fishvoiced.voices.readers import LOOKED_THROUGH

# Voices and models are folders: a name that could lead elsewhere is refused before it is looked for.
_NAME = re.compile(r"[^\W_][\w. +@-]{0,63}")
MAX_ID = 64
MAX_SEED = 2**32 - 1
MAX_CREDIT = 1024


def is_name(name: str) -> bool:
    """Whether ``name`` is a mere name: letters, digits, ``. _ + @ -`` and spaces, no path and no ``..``."""
    return _NAME.fullmatch(name) is not None and ".." not in name and not name.endswith((".", " "))


def is_preload(request: Synthesize) -> bool:
    """An empty text with ``keep_alive`` asks for the model alone: to load it, or with 0 to unload it."""
    return not request.text and request.keep_alive is not None


def with_voice_settings(request: Synthesize, default_voice: str | None, voices: Mapping[str, Voice]) -> Synthesize:
    """``request`` with what the settings say of its voice, where it says nothing itself."""
    settings = voices.get(request.voice or default_voice or "")
    if settings is None:
        return request
    within, fallback = request.first_audio_within, request.fallback_voice
    return msgspec.structs.replace(
        request,
        first_audio_within=settings.first_audio_within if within is None else within,
        fallback_voice=settings.fallback_voice if fallback is None else fallback,
    )


def check(request: Synthesize, limits: Limits, voices: Set[str] | None) -> None:
    """Raise BadRequest, with a message for the person, for what can be told without a model.

    ``voices``: the known names, None while they are not known yet.
    """
    _identify(request.id)
    if not request.text.strip() and not is_preload(request):
        raise BadRequest("there is no text to speak")
    if len(request.text) > limits.text_characters:
        raise BadRequest(f"the text has {len(request.text)} characters; the limit is {limits.text_characters}")
    if not is_preload(request) and len(request.text) <= LOOKED_THROUGH and not may_be_spoken(request.text):
        raise NothingToSay("there is nothing to speak in this text: it has no letters and no digits")
    for name in (request.voice, request.fallback_voice):
        _voice(name, voices)
    _within("speed", request.speed, MIN_SPEED, MAX_SPEED)
    _within("pitch", request.pitch, MIN_PITCH, MAX_PITCH)
    _within("volume", request.volume, 0, MAX_VOLUME)
    _within("credit", request.credit, 1, MAX_CREDIT)
    _within("seed", request.seed, 0, MAX_SEED)
    _within("first_audio_within", request.first_audio_within, 0, 3600)
    _within("keep_alive", request.keep_alive, -1, float("inf"))
    _within("temperature", request.sampling.temperature, 0, 2)
    _within("top_p", request.sampling.top_p, 0, 1)
    _within("repetition_penalty", request.sampling.repetition_penalty, 0.5, 2)
    if request.payload is not None and len(request.payload) > limits.reference_bytes:
        raise BadRequest(f"the reference has {len(request.payload)} bytes; the limit is {limits.reference_bytes}")


def _identify(request_id: str) -> None:
    if not 1 <= len(request_id) <= MAX_ID or not request_id.isprintable():
        raise BadRequest(f"id must have 1 to {MAX_ID} printable characters")


def _voice(name: str | None, voices: Set[str] | None) -> None:
    if name is None:
        return
    if not is_name(name):
        raise UnknownVoice("that is no name of a voice; see: fishvoice voices")
    if voices is not None and name not in voices:
        raise UnknownVoice(f"there is no voice {name!r}; see: fishvoice voices")


def _within(name: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:  # NaN fails every comparison
        raise BadRequest(f"{name} must be between {low:g} and {high:g}, not {value:g}")
