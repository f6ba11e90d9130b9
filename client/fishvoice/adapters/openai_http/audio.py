"""Sound as an HTTP body: each piece of an encoding as soon as it is written, or the whole with its true length."""

from __future__ import annotations

import os
from typing import IO, cast

from fishvoice.encoding.formats import FORMATS, encoder

MEDIA_TYPES = {name: form.media_type for name, form in FORMATS.items()}


class StreamEncoder:
    """Mono s16le in, bytes to send out; they may lag behind. Raises as :func:`fishvoice.encoding.formats.encoder`."""

    def __init__(self, name: str, sample_rate: int, rate: int | None = None) -> None:
        self._out = _Outflow()
        self._encoder = encoder(name, sample_rate, cast(IO[bytes], self._out), rate)

    def encode(self, pcm: bytes) -> bytes:
        """What can be sent after ``pcm``."""
        self._encoder.write(pcm)
        return self._out.take()

    def finish(self) -> bytes:
        """The rest."""
        self._encoder.finish()
        return self._out.take()


class _Outflow:
    """A file for encoders whose bytes leave while it is written.

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
