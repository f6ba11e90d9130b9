"""MP3, Opus and FLAC, written and read. The door to soundfile (libsndfile)."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from fishvoice.errors import InvalidRequest, PlaybackError

MOST_RATE, MOST_CHANNELS = 384_000, 16  # of recordings: beyond, a small file can be a large memory


class _Container(NamedTuple):
    """How libsndfile names a format."""

    format: str
    subtype: str
    bitrate_mode: str | None = None
    compression_level: float | None = None  # 0 … 1, 1 is smallest


_CONTAINERS = {
    # Constant, because without a length in the header players reckon it from the first frame's bit rate.
    "mp3": _Container("MP3", "MPEG_LAYER_III", "CONSTANT", 0.75),
    "opus": _Container("OGG", "OPUS"),
    "flac": _Container("FLAC", "PCM_16"),
}


class Compressed:
    """What libsndfile writes into ``out``, which has the methods of a file that can be rewound."""

    def __init__(self, name: str, rate: int, out: IO[bytes], tags: Mapping[str, str] = MappingProxyType({})) -> None:
        """``tags``: title, artist, album, tracknumber."""
        container = _CONTAINERS[name]
        try:
            self._file: Any = soundfile.SoundFile(
                out,
                "w",
                rate,
                1,
                container.subtype,
                format=container.format,
                bitrate_mode=container.bitrate_mode,
                compression_level=container.compression_level,
            )
        except (soundfile.LibsndfileError, ValueError) as error:
            raise InvalidRequest(f"{name} cannot be written here: {error}; ask for wav") from error
        for tag, value in tags.items():
            setattr(self._file, tag, value)

    def write(self, pcm: bytes) -> None:
        self._file.buffer_write(pcm, dtype="int16")

    def finish(self) -> None:
        self._file.close()


def decoded(path: Path) -> tuple[int, bytes]:
    """(sample rate, mono s16le) of a file. Raises PlaybackError."""
    try:
        samples, rate = soundfile.read(path, dtype="int16")
    except soundfile.LibsndfileError as error:
        raise PlaybackError(f"{path} is damaged: delete it, and it is made again") from error
    return rate, samples.astype("<i2").tobytes()


def seconds_of(path: Path) -> tuple[float, int]:
    """(length in seconds, sample rate) of a file. Raises PlaybackError."""
    try:
        facts = soundfile.info(path)
    except soundfile.LibsndfileError as error:
        raise PlaybackError(f"{path} is damaged: delete it, and it is made again") from error
    return facts.frames / facts.samplerate, facts.samplerate


def beginning(recording: bytes, seconds: float) -> tuple[int, NDArray[np.float32]]:
    """(sample rate, mono samples) of the first ``seconds`` of a recording at most. Raises InvalidRequest."""
    try:
        with soundfile.SoundFile(io.BytesIO(recording)) as file:
            if file.samplerate > MOST_RATE or file.channels > MOST_CHANNELS:
                raise InvalidRequest(f"a recording has {file.channels} channels at {file.samplerate} Hz: send mono")
            samples = file.read(round(seconds * file.samplerate), dtype="float32", always_2d=True)
            return int(file.samplerate), samples.mean(axis=1, dtype=np.float32)
    except soundfile.LibsndfileError as error:
        raise InvalidRequest(
            f"a recording is no sound file: {error.error_string} Send WAV, FLAC, OGG or MP3"
        ) from error
