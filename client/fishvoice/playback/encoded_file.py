"""Sound to a file in the format that its suffix names, as a sink."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from fishvoice.encoding.base import Encoder
from fishvoice.encoding.formats import encoder
from fishvoice.errors import PlaybackError


class EncodedFile:
    """Everything but WAV. An interrupted file is closed in order: what was spoken until then can be played."""

    underruns = 0

    def __init__(self, path: str | os.PathLike[str], name: str) -> None:
        self._path = Path(path)
        self._name = name
        self._file: IO[bytes] | None = None
        self._encoder: Encoder | None = None

    def open(self, sample_rate: int) -> None:
        with self._reporting():
            self._file = self._path.open("w+b")
            self._encoder = encoder(self._name, sample_rate, self._file)

    def write(self, pcm: bytes) -> None:
        assert self._encoder is not None, "open() comes first"
        with self._reporting():
            self._encoder.write(pcm)

    def finish(self) -> None:
        self.stop()

    def stop(self) -> None:
        writer, self._encoder = self._encoder, None
        file, self._file = self._file, None
        if file is None:
            return
        with self._reporting(), file:
            if writer is not None:
                writer.finish()

    @contextlib.contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise PlaybackError(f"cannot write {self._path}: {error.strerror or error}") from error
