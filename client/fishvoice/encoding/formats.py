"""The formats that speech is written in: their names, suffixes and media types, and who writes each."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import PurePath
from typing import IO, NamedTuple

from fishvoice.encoding.base import Encoder
from fishvoice.errors import InvalidRequest
from fishvoice.playback.sound_files import wav_header


class MissingEncoder(InvalidRequest):
    """A format needs a library that is not installed; the message says how to get it."""


class Format(NamedTuple):
    """``rate``: the only rate it takes, None for the voice's own. ``has_length``: its header says how long it is."""

    media_type: str
    suffixes: tuple[str, ...]
    rate: int | None = None
    has_length: bool = False


PCM_RATE = 24000  # what OpenAI's clients take ``pcm`` to be: they are told no rate
OPUS_RATE = 48000  # Opus knows 8, 12, 16, 24 and 48 kHz
FORMATS: Mapping[str, Format] = {
    "mp3": Format("audio/mpeg", (".mp3",)),
    "opus": Format("audio/ogg", (".opus", ".ogg"), OPUS_RATE),
    "aac": Format("audio/aac", (".aac",)),
    "flac": Format("audio/flac", (".flac",), has_length=True),
    "wav": Format("audio/wav", (".wav",), has_length=True),
    "pcm": Format("audio/pcm", (), PCM_RATE),
}
M4A = "m4a"  # needs a file that can be rewound, so it is no format of a stream
M4A_SUFFIXES = (".m4a", ".m4b", ".mp4")


def format_of(path: str | PurePath) -> str:
    """The format that the suffix of ``path`` names. Raises InvalidRequest for one that is none."""
    suffix = PurePath(path).suffix.lower()
    for name, form in FORMATS.items():
        if suffix in form.suffixes:
            return name
    if suffix in M4A_SUFFIXES:
        return M4A
    known = ", ".join([*(each for form in FORMATS.values() for each in form.suffixes), *M4A_SUFFIXES])
    raise InvalidRequest(f"{path}: no format of sound is called {suffix or 'nothing'!r}; name the file with {known}")


def encoder(name: str, sample_rate: int, out: IO[bytes], rate: int | None = None) -> Encoder:
    """For sound of ``sample_rate`` Hz; ``rate`` is the one to write, if not the format's or the voice's own.

    Raises MissingEncoder. The first call imports numpy, soxr, soundfile or PyAV: a tenth of a second or two.
    """
    wanted = (OPUS_RATE if name == "opus" else rate) or (FORMATS[name].rate if name in FORMATS else None) or sample_rate
    try:
        writer = _writer(name, wanted, out)
        if wanted == sample_rate:
            return writer
        from fishvoice.encoding.resample import Resampled

        return Resampled(sample_rate, wanted, writer)
    except ModuleNotFoundError as error:
        extra = "av" if name in ("aac", M4A) else "http"
        raise MissingEncoder(f"{name} needs {error.name}: pip install 'fishvoice[{extra}]'") from error


def _writer(name: str, rate: int, out: IO[bytes]) -> Encoder:
    if name == "pcm":
        return Raw(out)
    if name == "wav":
        return Raw(out, wav_header(rate, None))
    if name in ("aac", M4A):
        from fishvoice.encoding.aac import Aac

        return Aac(rate, out, "adts" if name == "aac" else "mp4")
    from fishvoice.encoding.compressed import Compressed

    return Compressed(name, rate, out)


class Raw:
    """Samples as they are, behind a header that says "until it ends": nobody knows the length yet."""

    def __init__(self, out: IO[bytes], header: bytes = b"") -> None:
        self._out = out
        self._header = header

    def write(self, pcm: bytes) -> None:
        header, self._header = self._header, b""
        self._out.write(header + pcm)

    def finish(self) -> None:
        self.write(b"")


def encoded(name: str, sample_rate: int, pcm: bytes, rate: int | None = None) -> bytes:
    """All of a sound at once, with its true length in the header."""
    if name == "wav":
        body = encoded("pcm", sample_rate, pcm, rate or sample_rate)
        return wav_header(rate or sample_rate, len(body)) + body
    out = io.BytesIO()
    writer = encoder(name, sample_rate, out, rate)
    writer.write(pcm)
    writer.finish()
    return out.getvalue()
