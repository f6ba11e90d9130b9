"""AAC, alone or in an MP4 file with a title, chapters and a cover. The door to PyAV (FFmpeg)."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from fractions import Fraction
from typing import IO, Any, NamedTuple

import av
import numpy as np

BIT_RATE = 64_000  # mono speech
_OPTIONS = {"mp4": {"brand": "M4A "}}  # what players of audiobooks look for
_MILLISECONDS = Fraction(1, 1000)


class Chapter(NamedTuple):
    """From ``start`` to ``end`` seconds."""

    title: str
    start: float
    end: float


class Aac:
    """``container``: ``adts`` can be streamed; ``mp4`` needs a file that can be rewound."""

    def __init__(
        self,
        rate: int,
        out: IO[bytes] | str | os.PathLike[str],
        container: str,
        *,
        metadata: dict[str, str] | None = None,
        chapters: Sequence[Chapter] = (),
        cover: bytes | None = None,
    ) -> None:
        self._container: Any = av.open(
            out if hasattr(out, "write") else os.fspath(out), "w", format=container, options=_OPTIONS.get(container, {})
        )
        self._container.metadata.update(metadata or {})
        self._stream: Any = self._container.add_stream("aac", rate=rate, layout="mono")
        self._stream.bit_rate = BIT_RATE
        if chapters:
            marks: Any = [_chapter(number, each) for number, each in enumerate(chapters)]
            self._container.set_chapters(marks)
        if cover is not None:
            self._add_cover(cover)
        self._rate = rate
        self._samples = 0

    def write(self, pcm: bytes) -> None:
        samples = np.frombuffer(pcm, "<i2")
        if not len(samples):
            return
        frame = av.AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
        frame.sample_rate, frame.pts = self._rate, self._samples
        self._samples += len(samples)
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        self._container.mux(self._stream.encode(None))
        self._container.close()

    def _add_cover(self, cover: bytes) -> None:
        """An attached picture, packet and all, as it lies in the book."""
        picture: Any
        with av.open(io.BytesIO(cover)) as picture:
            source = picture.streams.video[0]
            packet = next(picture.demux(source))
            stream = self._container.add_stream_from_template(source)
            stream.disposition = av.stream.Disposition.attached_pic
            packet.stream = stream
            packet.pts = packet.dts = 0
            self._container.mux(packet)


def _chapter(number: int, chapter: Chapter) -> dict[str, Any]:
    return {
        "id": number,
        "start": round(chapter.start * 1000),
        "end": round(chapter.end * 1000),
        "time_base": _MILLISECONDS,
        "metadata": {"title": chapter.title},
    }
