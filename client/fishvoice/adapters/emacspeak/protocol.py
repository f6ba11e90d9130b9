"""What Emacspeak writes to its speech server: bytes in, commands out. Nothing is ever answered.

The commands are those of Emacspeak's manual ("TTS Servers") and of the dtk-interp.el of version 53. A command is a
line of words as Tcl has them; an argument in braces may go over several lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

MAX_COMMAND_BYTES = 1 << 20


@dataclass(frozen=True)
class Queue:
    """``q``: text for the next Dispatch."""

    text: str


@dataclass(frozen=True)
class QueueRate:
    """``r``: a rate from here on in the queue."""

    rate: float


@dataclass(frozen=True)
class QueueTone:
    """``t``, ``b``: a tone in the queue."""

    hertz: float
    milliseconds: float


@dataclass(frozen=True)
class QueueSilence:
    """``sh``: silence in the queue."""

    milliseconds: float


@dataclass(frozen=True)
class QueueSound:
    """``a``: a sound file in the queue."""

    path: str


@dataclass(frozen=True)
class PlaySound:
    """``p``: a sound file, at once."""

    path: str


@dataclass(frozen=True)
class Dispatch:
    """``d``: speak what is queued."""


@dataclass(frozen=True)
class Stop:
    """``s``: silence, and an empty queue."""


@dataclass(frozen=True)
class Pause:
    """``tts_pause``: silence, keeping what is left."""


@dataclass(frozen=True)
class Resume:
    """``tts_resume``: go on with what is left."""


@dataclass(frozen=True)
class Say:
    """``tts_say``: speak at once."""

    text: str


@dataclass(frozen=True)
class Letter:
    """``l``: speak one character at once."""

    text: str


@dataclass(frozen=True)
class Change:
    """Settings from now on; None leaves one as it is."""

    punctuations: str | None = None
    capitalize: bool | None = None
    allcaps_beep: bool | None = None
    split_caps: bool | None = None
    rate: float | None = None
    character_scale: float | None = None


@dataclass(frozen=True)
class Language:
    """``set_lang``: speak ``code`` from now on; ``tell``: and say so."""

    code: str
    tell: bool


@dataclass(frozen=True)
class LanguageStep:
    """``set_next_lang``, ``set_previous_lang``: the language ``step`` farther on in the list."""

    step: int


@dataclass(frozen=True)
class PreferLanguage:
    """``set_preferred_lang``: ``alias`` means ``code`` from now on."""

    alias: str
    code: str


@dataclass(frozen=True)
class ListLanguages:
    """``list_lang``: say which languages there are."""


@dataclass(frozen=True)
class Reset:
    """``tts_reset``: silence, and settings as at the start."""


@dataclass(frozen=True)
class Version:
    """``version``: say what this is."""


@dataclass(frozen=True)
class Unknown:
    """Not for this server: voice codes, notes, garbage."""

    line: str


Command: TypeAlias = (
    Queue
    | QueueRate
    | QueueTone
    | QueueSilence
    | QueueSound
    | PlaySound
    | Dispatch
    | Stop
    | Pause
    | Resume
    | Say
    | Letter
    | Change
    | Language
    | LanguageStep
    | PreferLanguage
    | ListLanguages
    | Reset
    | Version
    | Unknown
)


class Parser:
    """Commands out of a stream of bytes."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._command = bytearray()  # the lines of a command whose brace is still open

    def feed(self, data: bytes) -> Iterator[Command]:
        """The commands that ``data`` completes. Take them all before feeding more."""
        self._buffer += data
        while (end := self._buffer.find(b"\n")) >= 0:
            self._command += self._buffer[: end + 1]
            del self._buffer[: end + 1]
            if not _open(self._command) or len(self._command) > MAX_COMMAND_BYTES:
                line, self._command = self._command.decode("utf-8", "replace"), bytearray()
                if line.strip():
                    yield parse(line)
        if len(self._buffer) > MAX_COMMAND_BYTES:  # nobody has written that
            self._buffer.clear()


def parse(line: str) -> Command:
    """One command."""
    word, argument = _split(line.strip())
    try:
        return _parse(word, argument) or Unknown(line.strip())
    except ValueError:  # a number that is none
        return Unknown(line.strip())


def _parse(word: str, argument: str) -> Command | None:
    match word:
        case "q":
            return Queue(argument)
        case "d":
            return Dispatch()
        case "s":
            return Stop()
        case "l":
            return Letter(argument)
        case "tts_say":
            return Say(argument)
        case "r":
            return QueueRate(float(argument))
        case "t":
            return _tone(argument, "440", "50")
        case "b":
            return _tone(argument, "523", "100")
        case "sh":
            return QueueSilence(float(argument or 50))
        case "a":
            return QueueSound(argument)
        case "p":
            return PlaySound(argument)
        case "tts_pause":
            return Pause()
        case "tts_resume":
            return Resume()
        case "tts_reset":
            return Reset()
        case "version":
            return Version()
    return _change(word, argument.split()) or _language(word, argument.split())


def _tone(argument: str, hertz: str, milliseconds: str) -> QueueTone:
    given = argument.split()
    return QueueTone(*map(float, [*given, *[hertz, milliseconds][len(given) :]][:2]))


def _change(word: str, values: list[str]) -> Change | None:
    match word, values:
        case "tts_set_punctuations", [mode]:
            return Change(punctuations=mode)
        case "tts_set_speech_rate", [rate]:
            return Change(rate=float(rate))
        case "tts_set_character_scale", [scale]:
            return Change(character_scale=float(scale))
        case "tts_split_caps", [flag]:
            return Change(split_caps=_flag(flag))
        case "tts_capitalize", [flag]:
            return Change(capitalize=_flag(flag))
        case "tts_allcaps_beep", [flag]:
            return Change(allcaps_beep=_flag(flag))
        case "tts_sync_state", [mode, capitalize, beep, split, rate]:
            return Change(mode, _flag(capitalize), _flag(beep), _flag(split), float(rate))
    return None


def _language(word: str, values: list[str]) -> Command | None:
    match word, values:
        case "set_lang", [code, *tell]:
            return Language(code, tell == ["t"])
        case "set_next_lang", _:
            return LanguageStep(1)
        case "set_previous_lang", _:
            return LanguageStep(-1)
        case "set_preferred_lang", [alias, code]:
            return PreferLanguage(alias, code)
        case "list_lang", _:
            return ListLanguages()
    return None


def _flag(text: str) -> bool:
    return text not in {"0", "nil", ""}


def _split(line: str) -> tuple[str, str]:
    word, _, rest = line.partition(" ") if " " in line else line.partition("\n")
    rest = rest.strip()
    if rest.startswith("{"):
        rest = rest[1:].removesuffix("}")
    return word.strip(), rest.strip() or rest[:1]


def _open(command: bytearray) -> bool:
    """Whether a brace is open. Emacspeak writes no braces of its text, but a stray one must not deafen the server."""
    if b"{" not in command or command.rstrip().endswith(b"}"):
        return False
    return command.replace(b"\\{", b"").count(b"{") > command.replace(b"\\}", b"").count(b"}")
