"""Every message between client and daemon, and how it becomes frames and back. No sockets here.

A message on the wire is one or two ZeroMQ frames: a msgpack map, and for the messages that carry sound its
bytes as they are. The specification is ``docs/protocol.md``; both ends use this file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias

import msgpack
import msgspec

from fishvoice.errors import ProtocolError, UnsupportedVersion

VERSION = 1
MAX_HEADER_BYTES = 1 << 20
MAX_TEXT_CHARACTERS = 100_000
MAX_PAYLOAD_BYTES = 64 << 20
MAX_CREDIT = 1024

SampleFormat: TypeAlias = Literal["s16le", "f32le"]
Priority: TypeAlias = Literal["important", "message", "text", "notification", "progress"]
Markup: TypeAlias = Literal["plain", "markdown", "ssml", "auto"]
Interrupted: TypeAlias = Literal["drop", "resume"]
RequestId: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
ChunkCount: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=MAX_CREDIT)]
FinishReason: TypeAlias = Literal["complete", "cancelled", "error"]
WaitingReason: TypeAlias = Literal["queue", "loading", "heat", "working"]


class Sampling(msgspec.Struct, frozen=True, omit_defaults=True):
    """How codes are drawn; a field left out takes the voice's own default. ``top_p`` 0 is greedy."""

    temperature: float | None = None
    top_p: float | None = None
    repetition_penalty: float | None = None


class Message(msgspec.Struct, frozen=True, tag_field="type", tag=str.lower, kw_only=True, omit_defaults=True):
    """Base of all messages. ``payload`` travels in a frame of its own, never inside the map."""

    payload: bytes | None = None


# -- from the client, on the synthesis socket ------------------------------------------------------------


class Synthesize(Message, frozen=True, tag="synthesize"):
    """Speak ``text``. ``payload``: the bytes of a reference recording (any format soundfile reads).

    ``id`` is chosen by the client and unique among its own requests. ``credit`` is how many chunks may be
    under way unacknowledged; the daemon waits for :class:`Credit` beyond that. ``to_file``: nobody listens while the
    sound is made, only its end matters.
    """

    id: RequestId
    text: str
    voice: str | None = None
    seed: int | None = None
    sampling: Sampling = Sampling()
    format: SampleFormat = "s16le"
    speed: float = 1.0
    priority: Priority = "text"
    interrupted: Interrupted = "resume"
    credit: ChunkCount = 64
    first_audio_within: float | None = None
    fallback_voice: str | None = None
    keep_alive: float | None = None
    reference_text: str | None = None
    pitch: float = 1.0
    volume: float = 1.0
    markup: Markup = "plain"
    client_version: str | None = None
    to_file: bool = False


class Credit(Message, frozen=True, tag="credit"):
    """``chunks`` more chunks of request ``id`` may be sent. ``underruns``: gaps heard since the last Credit."""

    id: RequestId
    chunks: ChunkCount
    underruns: int = 0


# -- from the client, on the control socket --------------------------------------------------------------


class Cancel(Message, frozen=True, tag="cancel"):
    """Stop request ``id``; without one, every request of ``client``; without either, everything.

    On the control socket it reaches every client's requests and is answered with :class:`Ok`. On the synthesis socket
    it reaches only requests of the same connection and has no reply of its own (the request's ``AudioEnd`` is the
    answer): there it can never overtake the ``Synthesize`` that it stops.
    """

    id: str | None = None
    client: str | None = None


class Status(Message, frozen=True, tag="status"):
    """Ask how the daemon is."""


class Voices(Message, frozen=True, tag="voices"):
    """Ask which voices there are."""


class Shutdown(Message, frozen=True, tag="shutdown"):
    """End the daemon; with ``drain`` what is being spoken is finished first."""

    drain: bool = False


# -- from the daemon --------------------------------------------------------------------------------------


class Predicted(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the daemon expects of this request; None where it has measured nothing yet."""

    first_audio_seconds: float | None = None
    rtf: float | None = None
    audio_seconds: float | None = None


class Waiting(Message, frozen=True, tag="waiting"):
    """The request has a place and its next sound takes a while: a sign of life, sent again every few seconds.

    ``reason``: others have their turn, its model is being loaded, the machine has to cool down, or it is being
    worked on. ``seconds`` is an estimate of what is left until sound comes, ``at_most`` a promise; None: not known.
    """

    id: str
    reason: WaitingReason
    seconds: float | None = None
    at_most: float | None = None


class AudioStart(Message, frozen=True, tag="audio_start"):
    """The request is being served; chunks follow."""

    id: str
    sample_rate: int
    format: SampleFormat
    voice: str
    channels: int = 1
    predicted: Predicted = Predicted()
    notice: str | None = None


class WordTime(msgspec.Struct, frozen=True, array_like=True):
    """A word, characters [text_start, text_end) of the text, begins ``seconds`` after the request's first sample."""

    text_start: int
    text_end: int
    seconds: float


class MarkTime(msgspec.Struct, frozen=True, array_like=True):
    """A mark that the writer has put into the text is come to ``seconds`` after the request's first sample."""

    name: str
    seconds: float


class AudioChunk(Message, frozen=True, tag="audio_chunk"):
    """Sound in ``payload``, mono PCM. ``text_start``/``text_end`` are characters of the request's text, estimated.

    ``words``: those whose time has become known with this chunk, each once and in order; exact where the voice
    knows when it says what, else estimated. ``marks``: likewise, those of the text's markup. ``notice``: what the
    person should know, as soon as it is so, such as that another voice speaks from here on.
    """

    id: str
    index: int
    segment: int
    text_start: int
    text_end: int
    throttled: str | None = None
    words: tuple[WordTime, ...] = ()
    marks: tuple[MarkTime, ...] = ()
    notice: str | None = None


class SegmentError(msgspec.Struct, frozen=True):
    """A piece of the text that could not be spoken; the rest was."""

    segment: int
    text_start: int
    text_end: int
    message: str


class Metrics(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a request cost. ``rtf`` is wall seconds of work per second of sound; None without sound."""

    frames: int = 0
    audio_seconds: float = 0.0
    wall_seconds: float = 0.0
    queue_seconds: float = 0.0
    rtf: float | None = None
    first_audio_seconds: float | None = None
    segments: int = 0
    segment_errors: tuple[SegmentError, ...] = ()


class AudioEnd(Message, frozen=True, tag="audio_end"):
    """Exactly one per accepted request, unless the daemon answers with :class:`Error`; nothing follows it."""

    id: str
    finish_reason: FinishReason
    metrics: Metrics = Metrics()
    notice: str | None = None


class Error(Message, frozen=True, tag="error"):
    """``code`` is one of ``docs/protocol.md``'s; ``retry_after`` seconds where trying again makes sense."""

    code: str
    message: str
    id: str | None = None
    retry_after: float | None = None


class Ok(Message, frozen=True, tag="ok"):
    """A control request was carried out; ``cancelled`` counts the requests that a Cancel ended."""

    cancelled: int = 0


class StatusReply(Message, frozen=True, tag="status_reply"):
    """A free-form, growing report (see ``docs/protocol.md``): a map, so that new figures break no client."""

    status: dict[str, Any]


class VoiceInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """A voice that speaks, or could. ``language``: BCP 47; None for a voice of many languages."""

    name: str
    language: str | None = None
    model: str | None = None
    sample_rate: int | None = None
    default: bool = False
    clones: bool = False
    description: str = ""
    kind: str = ""
    """Who speaks: ``fish``, ``light``, ``piper`` or ``remote``."""
    license: str | None = None
    loaded: bool = False
    unavailable: str | None = None
    """Why it cannot speak now, or how to get it."""


class VoicesReply(Message, frozen=True, tag="voices_reply"):
    voices: tuple[VoiceInfo, ...]


SynthesisRequest: TypeAlias = Synthesize | Credit | Cancel
ControlRequest: TypeAlias = Cancel | Status | Voices | Shutdown
SynthesisReply: TypeAlias = Waiting | AudioStart | AudioChunk | AudioEnd | Error
ControlReply: TypeAlias = Ok | StatusReply | VoicesReply | Error
AnyMessage: TypeAlias = SynthesisRequest | ControlRequest | SynthesisReply | ControlReply


def encode(message: AnyMessage) -> list[bytes]:
    """Frames to send. Raises ProtocolError when the message is too large, or its text is no Unicode text."""
    header: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(message, payload=None))
    try:
        packed: bytes = msgpack.packb({"v": VERSION, **header})
    except (UnicodeEncodeError, OverflowError, ValueError) as error:
        raise ProtocolError(f"the message cannot be written as msgpack: {error}") from error
    _check_sizes(packed, message.payload)
    return [packed] if message.payload is None else [packed, message.payload]


def decode(frames: Sequence[bytes | memoryview]) -> AnyMessage:
    """The message in ``frames``.

    Fields that this version does not know are ignored. Raises UnsupportedVersion for another version of the
    protocol, ProtocolError for anything that is no message.
    """
    if not 1 <= len(frames) <= 2:
        raise ProtocolError(f"a message has one or two frames, not {len(frames)}")
    payload = bytes(frames[1]) if len(frames) == 2 else None
    _check_sizes(frames[0], payload)
    try:
        fields = msgpack.unpackb(frames[0], strict_map_key=True, max_map_len=64, max_array_len=4096)
    except (ValueError, RecursionError, msgpack.exceptions.UnpackException) as error:
        raise ProtocolError(f"the first frame is not msgpack: {error}") from error
    if not isinstance(fields, dict):
        raise ProtocolError("the first frame is not a msgpack map")
    version = fields.pop("v", None)
    if version != VERSION:
        raise UnsupportedVersion(version if isinstance(version, int) else None, VERSION)
    fields.pop("payload", None)
    try:
        message: AnyMessage = msgspec.convert(fields, AnyMessage)
    except msgspec.ValidationError as error:
        raise ProtocolError(str(error)) from error
    return message if payload is None else msgspec.structs.replace(message, payload=payload)


def _check_sizes(header: bytes | memoryview, payload: bytes | None) -> None:
    if len(header) > MAX_HEADER_BYTES:
        raise ProtocolError(f"the message map has {len(header)} bytes; the limit is {MAX_HEADER_BYTES}")
    if payload is not None and len(payload) > MAX_PAYLOAD_BYTES:
        raise ProtocolError(f"the payload has {len(payload)} bytes; the limit is {MAX_PAYLOAD_BYTES}")
