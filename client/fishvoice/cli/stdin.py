"""Standard input as pieces of text, each as soon as it is worth speaking."""

from __future__ import annotations

import codecs
import os
import select
import sys
import time
from collections.abc import Iterator

from fishvoice.errors import InvalidRequest
from fishvoice.playback.sentences import STREAM_CHARACTERS, SentenceBuffer

IDLE_SECONDS = 0.25  # after this pause a finished line or sentence is spoken, though no other has begun


def stream_pieces(handle: int) -> Iterator[str]:
    """Text from ``handle`` until it ends; asked late, a piece has more in it. Raises InvalidRequest if not UTF-8."""
    pieces = SentenceBuffer(STREAM_CHARACTERS)
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    ended = False
    since = time.monotonic()  # when the first of what is not spoken yet came
    while True:
        while not ended and not pieces.full and _readable(handle, 0):
            since = since if not pieces.empty else time.monotonic()
            ended = _read(handle, decoder, pieces)
        if ended:
            piece = pieces.take_rest()
            if piece is None and pieces.empty:
                return
        else:
            piece = pieces.take()
            if piece is None and not pieces.full:
                idle = not _readable(handle, IDLE_SECONDS)
                piece = (pieces.take_idle() if idle else None) or pieces.take_late(time.monotonic() - since)
                if piece is None and idle and pieces.empty:
                    ended = _read(handle, decoder, pieces)
                    since = time.monotonic()
        if piece is not None:
            yield piece
            since = time.monotonic()


def _read(handle: int, decoder: codecs.IncrementalDecoder, pieces: SentenceBuffer) -> bool:
    """Read what there is, or wait for some. True at the end."""
    data = os.read(handle, 65536)
    try:
        pieces.feed(decoder.decode(data, final=not data))
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"standard input is not UTF-8 text: {error.reason}") from error
    return not data


def _readable(handle: int, seconds: float) -> bool:
    """Whether reading would not wait. Windows cannot tell for a pipe: there reading always waits for more."""
    if sys.platform == "win32":
        return True
    return bool(select.select([handle], [], [], seconds)[0])
