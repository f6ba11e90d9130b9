"""Sound on its way to the loudspeaker: marks put where they belong in it, and when each block may leave.

Pure, but for the clock that Pace is given.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from fishvoice.adapters.shared.ssml import Mark
from fishvoice.speech import Chunk

SAMPLE_BYTES = 2
BLOCK_SECONDS = 0.02
AHEAD_SECONDS = 0.2


@dataclass(frozen=True)
class Block:
    """``pcm`` is mono s16le, of BLOCK_SECONDS at most."""

    pcm: bytes
    sample_rate: int

    @property
    def seconds(self) -> float:
        return len(self.pcm) / SAMPLE_BYTES / self.sample_rate


Event: TypeAlias = Block | Mark


def timeline(chunks: Iterable[Chunk], marks: Iterable[Mark]) -> Iterator[Event]:
    """Blocks of sound, and every mark once, between the blocks where its word is estimated to begin.

    A chunk says where in the text it begins and ends; inside it, characters are taken to be equally long.
    """
    due = deque(marks)
    for chunk in chunks:
        pcm, rate = chunk.pcm, chunk.sample_rate
        samples = len(pcm) // SAMPLE_BYTES
        position = 0
        while due and due[0].offset < chunk.text_end:
            into = (due[0].offset - chunk.text_start) / max(1, chunk.text_end - chunk.text_start)
            place = max(position, min(samples, round(into * samples)))
            yield from _blocks(pcm[position * SAMPLE_BYTES : place * SAMPLE_BYTES], rate)
            position = place
            yield due.popleft()
        yield from _blocks(pcm[position * SAMPLE_BYTES :], rate)
    yield from due


def _blocks(pcm: bytes, rate: int) -> Iterator[Block]:
    size = int(BLOCK_SECONDS * rate) * SAMPLE_BYTES
    for start in range(0, len(pcm), size):
        yield Block(pcm[start : start + size], rate)


class Pace:
    """Never more than AHEAD_SECONDS of sound on the way: what has left cannot be taken back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._heard_until = 0.0

    def wait(self, seconds: float) -> float:
        """How long a block of ``seconds`` has to wait."""
        return max(0.0, self._heard_until - self._clock() + seconds - AHEAD_SECONDS)

    def left(self, seconds: float) -> None:
        """A block of ``seconds`` has left."""
        self._heard_until = max(self._heard_until, self._clock()) + seconds

    @property
    def unheard(self) -> float:
        """Seconds of sound that have left and are still to be heard."""
        return max(0.0, self._heard_until - self._clock())
