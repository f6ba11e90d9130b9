"""Sound in the formats that OpenAI's endpoint names, each produced piece by piece while the speech comes in."""

from __future__ import annotations

import os
from typing import Any, NamedTuple, Protocol

from fishvoice.errors import InvalidRequest
from fishvoice.playback.sound_files import wav_header

PCM_RATE = 24000  # what OpenAI's clients take ``pcm`` to be: they are told no rate
OPUS_RATE = 48000  # Opus knows 8, 12, 16, 24 and 48 kHz


class Encoder(Protocol):
    """Mono s16le in, bytes to send out; they may lag behind."""

    def encode(self, pcm: bytes) -> bytes:
        """What can be sent after ``pcm``."""

    def finish(self) -> bytes:
        """The rest."""


class Container(NamedTuple):
    """How libsndfile names a format. ``rate``: the only one it takes, None for the voice's own."""

    format: str
    subtype: str
    rate: int | None = None
    bitrate_mode: str | None = None
    compression_level: float | None = None  # 0 … 1, 1 is smallest


CONTAINERS = {
    # Constant, because without a length in the header players reckon it from the first frame's bit rate.
    "mp3": Container("MP3", "MPEG_LAYER_III", bitrate_mode="CONSTANT", compression_level=0.75),
    "opus": Container("OGG", "OPUS", OPUS_RATE),
    "flac": Container("FLAC", "PCM_16"),
}
MEDIA_TYPES = {
    "pcm": "audio/pcm",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "flac": "audio/flac",
}


def encoder(name: str, sample_rate: int) -> Encoder:
    """For sound of ``sample_rate`` Hz. Raises InvalidRequest when this format cannot be written here.

    The first call imports numpy, soxr or soundfile: a tenth of a second or two.
    """
    if name == "pcm":
        return Raw() if sample_rate == PCM_RATE else Resampled(sample_rate, PCM_RATE)
    if name == "wav":
        return Wav(sample_rate)
    return Compressed(CONTAINERS[name], sample_rate)


class Raw:
    """Samples as they are."""

    def encode(self, pcm: bytes) -> bytes:
        return pcm

    def finish(self) -> bytes:
        return b""


class Wav:
    """A header that says "until it ends", since the length is not known yet, and samples as they are."""

    def __init__(self, sample_rate: int) -> None:
        self._header = wav_header(sample_rate, None)

    def encode(self, pcm: bytes) -> bytes:
        header, self._header = self._header, b""
        return header + pcm

    def finish(self) -> bytes:
        return self.encode(b"")


class Resampled:
    """Another rate, by a filter that keeps its state from piece to piece (libsoxr's HQ: 46 ms behind at 44.1 kHz).

    In float32, because in 16 bits libsoxr dithers, every time differently: the same seed would not be the same sound.
    """

    def __init__(self, from_rate: int, to_rate: int) -> None:
        import numpy
        import soxr

        self._numpy = numpy
        self._stream = soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32", quality="HQ")

    def encode(self, pcm: bytes) -> bytes:
        return self._resampled(pcm, last=False)

    def finish(self) -> bytes:
        return self._resampled(b"", last=True)

    def _resampled(self, pcm: bytes, *, last: bool) -> bytes:
        samples = self._numpy.frombuffer(pcm, "<i2").astype("f4")
        made = self._numpy.rint(self._stream.resample_chunk(samples, last=last))
        return bytes(self._numpy.clip(made, -32768, 32767).astype("<i2").tobytes())


class Compressed:
    """What libsndfile writes, taken from it as soon as it has written it."""

    def __init__(self, container: Container, sample_rate: int) -> None:
        import soundfile

        rate = container.rate or sample_rate
        self._before: Encoder = Raw() if rate == sample_rate else Resampled(sample_rate, rate)
        self._out = _Outflow()
        try:
            self._file: Any = soundfile.SoundFile(
                self._out,
                "w",
                rate,
                1,
                container.subtype,
                format=container.format,
                bitrate_mode=container.bitrate_mode,
                compression_level=container.compression_level,
            )
        except (soundfile.LibsndfileError, ValueError) as error:
            raise InvalidRequest(f"{container.subtype} cannot be written here: {error}; ask for wav or pcm") from error

    def encode(self, pcm: bytes) -> bytes:
        self._file.buffer_write(self._before.encode(pcm), dtype="int16")
        return self._out.take()

    def finish(self) -> bytes:
        self._file.buffer_write(self._before.finish(), dtype="int16")
        self._file.close()
        return self._out.take()


class _Outflow:
    """A file for libsndfile whose bytes leave while it is written.

    At the end libsndfile goes back to write lengths into the header. Those bytes are gone by then: the header stays
    as it was at first, which in these formats means "length unknown", and such late corrections are dropped.
    """

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._gone = 0  # offset in the file at which what is waiting begins
        self._at = 0

    def take(self) -> bytes:
        data = bytes(self._waiting)
        self._gone += len(data)
        self._waiting.clear()
        return data

    def write(self, data: bytes) -> int:
        piece = bytes(data)
        begin = self._at - self._gone
        self._at += len(piece)
        kept = piece[max(0, -begin) :]
        begin = max(0, begin)
        self._waiting[begin : begin + len(kept)] = kept
        return len(piece)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        end = self._gone + len(self._waiting)
        self._at = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: end}[whence] + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Nothing: libsndfile wants the method, and does not call it when it writes."""
        return b""

    def flush(self) -> None:
        """Nothing is held back here."""
