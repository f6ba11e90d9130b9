"""What speech-dispatcher and its output module say to each other: bytes in, commands out, and replies as bytes.

The protocol is that of native modules with server audio, speech-dispatcher 0.11 and later. No input or output here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

MAX_MESSAGE_BYTES = 4 << 20  # of text or settings in one command; more is not kept


class Kind(Enum):
    """What is to be spoken: text with markup, one character, a key's name, an icon's name."""

    TEXT = b"SPEAK"
    CHARACTER = b"CHAR"
    KEY = b"KEY"
    ICON = b"SOUND_ICON"


@dataclass(frozen=True)
class Init:
    """The first command: get ready."""


@dataclass(frozen=True)
class Audio:
    """Where sound goes."""

    settings: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class LogLevel:
    """How much to log."""

    settings: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Set:
    """Settings of the messages to come."""

    settings: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Speak:
    """Speak ``text``."""

    kind: Kind
    text: str


@dataclass(frozen=True)
class ListVoices:
    """Which voices there are; newer servers name a language and a variant."""


@dataclass(frozen=True)
class Stop:
    """Silence."""


@dataclass(frozen=True)
class Pause:
    """Silence, to go on later from the last mark."""


@dataclass(frozen=True)
class Debug:
    """Debugging on or off."""

    on: bool


@dataclass(frozen=True)
class Quit:
    """The end."""


@dataclass(frozen=True)
class Answer:
    """Bytes to be sent back at once."""

    reply: bytes


Command: TypeAlias = Init | Audio | LogLevel | Set | Speak | ListVoices | Stop | Pause | Debug | Quit | Answer

INITIALIZED = b"299-fishvoice: a neural voice that is always warm\n299 OK LOADED SUCCESSFULLY\n"
AUDIO_READY = b"203 OK AUDIO INITIALIZED\n"
AUDIO_REFUSED = b"303 ERROR INVALID PARAMETER OR VALUE\n"
SETTINGS_TAKEN = b"203 OK SETTINGS RECEIVED\n"
SETTINGS_REFUSED = b"303 ERROR INVALID PARAMETER OR VALUE\n"
LOG_LEVEL_SET = b"203 OK LOG LEVEL SET\n"
SPEAKING = b"200 OK SPEAKING\n"
CANNOT_SPEAK = b"301 ERROR CANT SPEAK\n"
DEBUGGING = b"200 OK DEBUGGING\n"
UNKNOWN = b"300 ERR UNKNOWN COMMAND\n"
TOO_MUCH = b"305 DATA TOO LONG\n"
GOODBYE = b"210 OK QUIT\n"

BEGIN = b"701 BEGIN\n"
END = b"702 END\n"
STOPPED = b"703 STOP\n"
PAUSED = b"704 PAUSE\n"

_RECEIVING = {b"AUDIO": b"207 OK RECEIVING AUDIO SETTINGS\n", b"LOGLEVEL": b"207 OK RECEIVING LOGLEVEL SETTINGS\n"}
_RECEIVING_SET = b"203 OK RECEIVING SETTINGS\n"
_RECEIVING_TEXT = b"202 OK RECEIVING MESSAGE\n"
_KINDS = {kind.value: kind for kind in Kind}


def voices(names: list[tuple[str, str | None]]) -> bytes:
    """The reply to ListVoices: names and languages."""
    lines = [f"200-{_one_line(name)}\t{_one_line(language or 'none')}\tnone\n" for name, language in names]
    return "".join([*lines, "200 OK VOICE LIST SENT\n"]).encode()


def mark(name: str) -> bytes:
    """The sound has come to mark ``name``."""
    return f"700-{_one_line(name)}\n700 INDEX MARK\n".encode()


def audio(pcm: bytes, sample_rate: int) -> bytes:
    """Sound: mono s16le. Line feeds are escaped as HDLC does, since a line feed ends the event."""
    head = (
        f"705-bits=16\n705-num_channels=1\n705-sample_rate={sample_rate}\n705-num_samples={len(pcm) // 2}\n"
        "705-big_endian=0\n705-AUDIO\0"
    )
    return head.encode() + pcm.replace(b"\x7d", b"\x7d\x5d").replace(b"\n", b"\x7d\x2a") + b"\n705 AUDIO\n"


def _one_line(text: str) -> str:
    return " ".join(text.replace("\t", " ").replace("\0", "").split("\n")).replace("\r", " ")


class Parser:
    """Commands out of a stream of bytes."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._command: bytes | None = None  # whose data is being read
        self._lines: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> Iterator[Command]:
        """The commands that ``data`` completes. Take them all before feeding more."""
        self._buffer += data
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end]).removesuffix(b"\r")
            del self._buffer[: end + 1]
            yield from self._line(line)
        if len(self._buffer) > MAX_MESSAGE_BYTES:  # no line of anybody's
            self._size += len(self._buffer)
            self._buffer.clear()

    def _line(self, line: bytes) -> Iterator[Command]:
        if self._command is None:
            yield from self._begin(line)
        elif line == b".":
            yield self._complete(self._command)
            self._command, self._lines, self._size = None, [], 0
        else:
            line = line.removeprefix(b".")
            self._size += len(line) + 1
            if self._size <= MAX_MESSAGE_BYTES:
                self._lines.append(line)

    def _begin(self, line: bytes) -> Iterator[Command]:
        words = line.split()
        match words:
            case [b"SPEAK" | b"CHAR" | b"KEY" | b"SOUND_ICON" as word]:
                self._command = word
                yield Answer(_RECEIVING_TEXT)
            case [b"SET"]:
                self._command = b"SET"
                yield Answer(_RECEIVING_SET)
            case [b"AUDIO" | b"LOGLEVEL" as word]:
                self._command = word
                yield Answer(_RECEIVING[word])
            case [b"INIT"]:
                yield Init()
            case [b"STOP"]:
                yield Stop()
            case [b"PAUSE"]:
                yield Pause()
            case [b"LIST", b"VOICES", *_]:
                yield ListVoices()
            case [b"DEBUG", b"ON" | b"OFF" as switch, *_]:
                yield Debug(switch == b"ON")
            case [b"QUIT"]:
                yield Quit()
            case _:
                yield Answer(UNKNOWN)

    def _complete(self, command: bytes) -> Command:
        if self._size > MAX_MESSAGE_BYTES:
            return Answer(TOO_MUCH)
        if command in _KINDS:
            return Speak(_KINDS[command], b"\n".join(self._lines).decode("utf-8", "replace"))
        pairs = tuple(
            (name.strip(), value.strip())
            for name, equals, value in (line.decode("utf-8", "replace").partition("=") for line in self._lines)
            if equals
        )
        match command:
            case b"AUDIO":
                return Audio(pairs)
            case b"LOGLEVEL":
                return LogLevel(pairs)
        return Set(pairs)
