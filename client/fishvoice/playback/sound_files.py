"""Sound to a WAV file, or raw to standard output: sinks that are faster than ears."""

from __future__ import annotations

import contextlib
import errno
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from fishvoice.errors import PlaybackError
from fishvoice.playback.loudspeaker import SAMPLE_BYTES

HEADER_BYTES = 44
MAX_WAV_BYTES = 0xFFFFFFFF - 36


class WavFile:
    """A WAV file whose sizes are right after every chunk, so that an interrupted one is whole as well.

    A file that cannot be rewound (a pipe) gets sizes of "until it ends" instead.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._file: IO[bytes] | None = None
        self._bytes = 0
        self._rate = 0
        self._rewinds = True
        self.underruns = 0

    def open(self, sample_rate: int) -> None:
        self._rate = sample_rate
        with self._reporting():
            self._file = self._path.open("wb", buffering=0)
            self._rewinds = self._file.seekable()
            self._file.write(wav_header(sample_rate, 0 if self._rewinds else None))

    def write(self, pcm: bytes) -> None:
        assert self._file is not None, "open() comes first"
        if self._bytes + len(pcm) > MAX_WAV_BYTES:
            raise PlaybackError(f"{self._path} is full: a WAV file holds at most 4 GiB")
        with self._reporting():
            left = memoryview(pcm)
            while left:
                left = left[self._file.write(left) :]
            self._bytes += len(pcm)
            if self._rewinds:
                self._write_sizes(self._bytes)

    def finish(self) -> None:
        self.stop()

    def stop(self) -> None:
        """A signal may have come in the middle of a chunk: the sizes are what the file has."""
        if self._file is not None and not self._file.closed:
            with self._reporting(), self._file:
                if self._rewinds:
                    self._write_sizes(max(0, self._file.seek(0, os.SEEK_END) - HEADER_BYTES))

    def _write_sizes(self, data_bytes: int) -> None:
        assert self._file is not None
        self._file.seek(0)
        self._file.write(wav_header(self._rate, data_bytes))
        self._file.seek(0, os.SEEK_END)

    @contextlib.contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            raise PlaybackError(f"cannot write {self._path}: {error.strerror}") from error


def wav_header(sample_rate: int, data_bytes: int | None) -> bytes:
    """44 bytes before mono s16le samples. None: as many as come (both sizes at their largest)."""
    size = MAX_WAV_BYTES if data_bytes is None else data_bytes
    form = struct.pack("<HHIIHH", 1, 1, sample_rate, sample_rate * SAMPLE_BYTES, SAMPLE_BYTES, 8 * SAMPLE_BYTES)
    return struct.pack("<4sI8sI", b"RIFF", 36 + size, b"WAVEfmt ", 16) + form + struct.pack("<4sI", b"data", size)


class StandardOutput:
    """Raw PCM on standard output, for the next program in a pipe."""

    underruns = 0

    def __init__(self) -> None:
        self._handle = sys.stdout.fileno()

    def open(self, sample_rate: int) -> None:
        if os.isatty(self._handle):
            raise PlaybackError("raw sound does not belong on a terminal: pipe it on, or name a file after --out")

    def write(self, pcm: bytes) -> None:
        left = memoryview(pcm)
        try:
            while left:
                left = left[os.write(self._handle, left) :]
        except BrokenPipeError:
            raise
        except OSError as error:
            if error.errno == errno.EINVAL:  # how Windows says that the reader has left
                raise BrokenPipeError from error
            raise PlaybackError(f"cannot write to standard output: {error.strerror}") from error

    def finish(self) -> None:
        """Nothing is buffered here."""

    def stop(self) -> None:
        """Nothing is buffered here."""
