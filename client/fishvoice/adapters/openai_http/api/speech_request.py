"""What ``POST /v1/audio/speech`` may ask for, and the options of the daemon that it becomes."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from fishvoice.adapters.openai_http.api.body import recording
from fishvoice.adapters.openai_http.audio import MEDIA_TYPES
from fishvoice.adapters.openai_http.errors import Refusal
from fishvoice.aio import AsyncClient
from fishvoice.protocol import Markup, Priority, VoiceInfo
from fishvoice.request import SpeechOptions

SLOWEST, FASTEST = 0.25, 4.0

# Programs that know OpenAI's voices only send one of these: they get the default voice.
OPENAI_VOICES = frozenset(
    "alloy ash ballad cedar coral echo fable marin nova onyx sage shimmer verse".split()  # noqa: SIM905
)


class VoiceId(msgspec.Struct, frozen=True):
    """The form in which OpenAI names a voice of one's own."""

    id: str


Voice: TypeAlias = str | VoiceId
Factor: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=2)]


class SpeechRequest(msgspec.Struct, frozen=True):
    """OpenAI's fields, then ours, which ``docs/protocol.md`` explains; what is left out or null has its default.

    The voice decides the model; ``instructions`` have no effect here. ``ref_audio`` is a recording in base64 that a
    voice which clones shall imitate, ``ref_text`` its words.
    """

    input: str
    model: str | None = None
    voice: Voice | None = None
    instructions: str | None = None
    response_format: str = "mp3"
    speed: float = 1.0
    stream_format: Literal["audio", "sse"] = "audio"
    seed: int | None = None
    pitch: float = 1.0
    volume: Factor = 1.0
    temperature: float | None = None
    top_p: float | None = None
    repetition_penalty: float | None = None
    priority: Priority = "text"
    keep_alive: float | None = None
    language: str | None = None
    markup: Markup = "auto"
    first_audio_within: float | None = None
    fallback_voice: str | None = None
    ref_audio: str | None = None
    ref_text: str | None = None


class CaptionedRequest(SpeechRequest, frozen=True):
    """The body of ``POST /dev/captioned_speech``, as Kokoro-FastAPI has it: lines of JSON, or one object."""

    stream: bool = True
    return_timestamps: bool = True


async def options_of(asked: SpeechRequest, client: AsyncClient) -> SpeechOptions:
    """Raises Refusal for what can be seen here; the daemon checks the rest."""
    check_format(asked.response_format)
    if not SLOWEST <= asked.speed <= FASTEST:
        raise Refusal(400, f"a speed of {asked.speed:g} is outside {SLOWEST:g} … {FASTEST:g}", param="speed")
    if not 0.5 <= asked.pitch <= 2:
        raise Refusal(400, f"a pitch of {asked.pitch:g} is outside 0.5 … 2", param="pitch")
    reference = None if asked.ref_audio is None else recording(asked.ref_audio, "ref_audio")
    name = asked.voice.id if isinstance(asked.voice, VoiceId) else asked.voice
    return {
        "voice": await choose_voice(client, name, asked.language, clones=reference is not None),
        "seed": asked.seed,
        "speed": asked.speed,
        "pitch": asked.pitch,
        "volume": asked.volume,
        "temperature": asked.temperature,
        "top_p": asked.top_p,
        "repetition_penalty": asked.repetition_penalty,
        "priority": asked.priority,
        "keep_alive": asked.keep_alive,
        "markup": asked.markup,
        "first_audio_within": asked.first_audio_within,
        "fallback_voice": asked.fallback_voice,
        "reference": reference,
        "reference_text": asked.ref_text,
    }


def check_format(name: str, param: str = "response_format") -> None:
    """Raises Refusal for a format that is none."""
    if name not in MEDIA_TYPES:
        raise Refusal(400, f"there is no {param} {name!r} here: use {', '.join(MEDIA_TYPES)}", param=param)


async def choose_voice(client: AsyncClient, name: str | None, language: str | None, *, clones: bool) -> str | None:
    """The voice meant: by name, else the default one if it speaks ``language`` and, where it must, clones; else the
    first that does. None is the daemon's default. Raises Refusal."""
    name = name.strip() if name is not None else None  # lists with commas are cut by programs that leave blanks
    if name is not None and name not in OPENAI_VOICES:
        return name or None
    if name is None and language is None and not clones:
        return None
    voices = [voice for voice in await client.voices() if not voice.unavailable]
    if name in {voice.name for voice in voices}:
        return name
    if language is None and not clones:
        return None
    fitting = [voice for voice in voices if _speaks(voice, language) and (voice.clones or not clones)]
    if not fitting:
        raise Refusal(400, _none_fits(language, clones=clones), param="ref_audio" if clones else "language")
    return next((None for voice in fitting if voice.default), fitting[0].name)


def _speaks(voice: VoiceInfo, language: str | None) -> bool:
    return language is None or (voice.language is not None and _primary(voice.language) == _primary(language))


def _primary(language: str) -> str:
    """``de`` of ``de-AT`` or ``de_AT``."""
    return language.replace("_", "-").partition("-")[0].lower()


def _none_fits(language: str | None, *, clones: bool) -> str:
    able = "can imitate a recording" if clones else ""
    speaks = f"speaks {language}" if language else ""
    return f"no voice here {' and '.join(part for part in (able, speaks) if part)}; see: fishvoice voices"
