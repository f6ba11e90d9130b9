"""The forms in which sound is answered: plain, as OpenAI's events, or with the times of its words."""

from __future__ import annotations

import base64
import json
from typing import Any, Protocol

from fishvoice.adapters.openai_http.audio import MEDIA_TYPES
from fishvoice.adapters.openai_http.errors import Refusal
from fishvoice.aio import AsyncSpeech
from fishvoice.captions.words import TimedWord, WordCollector
from fishvoice.speech import Chunk


class Form(Protocol):
    """How encoded sound is put into a body. ``whole``: a body may also be nothing but one complete file."""

    media_type: str
    whole: bool

    def chunk(self, sound: bytes, chunk: Chunk) -> bytes:
        """``sound`` is what could be encoded with ``chunk``."""

    def end(self, sound: bytes, speech: AsyncSpeech) -> bytes:
        """The rest of the sound, and whatever ends the body."""

    def error(self, refused: Refusal) -> bytes | None:
        """The last piece of a body that fails; None where it can only be broken off."""


class Plain:
    """Nothing but the sound."""

    whole = True

    def __init__(self, audio_format: str) -> None:
        self.media_type = MEDIA_TYPES[audio_format]

    def chunk(self, sound: bytes, chunk: Chunk) -> bytes:
        return sound

    def end(self, sound: bytes, speech: AsyncSpeech) -> bytes:
        return sound

    def error(self, refused: Refusal) -> bytes | None:
        return None


class Events:
    """OpenAI's server-sent events; ``usage`` in this engine's units: characters in, codec frames out."""

    media_type = "text/event-stream"
    whole = False

    def __init__(self, text: str) -> None:
        self._text = text

    def chunk(self, sound: bytes, chunk: Chunk) -> bytes:
        return self._delta(sound)

    def end(self, sound: bytes, speech: AsyncSpeech) -> bytes:
        frames = speech.metrics.frames if speech.metrics else 0
        usage = {
            "input_tokens": len(self._text),
            "output_tokens": frames,
            "total_tokens": len(self._text) + frames,
        }
        return self._delta(sound) + _event({"type": "speech.audio.done", "usage": usage})

    def error(self, refused: Refusal) -> bytes | None:
        return _event({"type": "error", **refused.body})

    @staticmethod
    def _delta(sound: bytes) -> bytes:
        return _event({"type": "speech.audio.delta", "audio": base64.b64encode(sound).decode()}) if sound else b""


class Captioned:
    """A line of JSON per piece of sound, with the words that are known by then, each once and in order.

    ``times`` False leaves the words out.
    """

    media_type = "application/x-ndjson"
    whole = False

    def __init__(self, text: str, audio_format: str, *, times: bool) -> None:
        self._audio_format = MEDIA_TYPES[audio_format]
        self._times = times
        self._words = WordCollector()
        self._words.begin(text)

    def chunk(self, sound: bytes, chunk: Chunk) -> bytes:
        return self._line(sound, self._words.chunk(chunk), chunk.sample_rate)

    def end(self, sound: bytes, speech: AsyncSpeech) -> bytes:
        return self._line(sound, self._words.finish(), None)

    def error(self, refused: Refusal) -> bytes | None:
        return json.dumps(refused.body).encode() + b"\n"

    def _line(self, sound: bytes, words: list[TimedWord], sample_rate: int | None) -> bytes:
        if not sound and not words:
            return b""
        fields: dict[str, Any] = {
            "audio": base64.b64encode(sound).decode(),
            "audio_format": self._audio_format,
            "timestamps": timestamps(words) if self._times else None,
        }
        return json.dumps(fields).encode() + b"\n"


def timestamps(words: list[TimedWord]) -> list[dict[str, Any]]:
    """Words as Kokoro-FastAPI names them."""
    return [{"word": word.word, "start_time": word.start, "end_time": word.end} for word in words]


def _event(fields: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(fields)}\n\n".encode()
