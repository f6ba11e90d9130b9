"""Speech and codes as training wants them: crops of sound, and batches of columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tools.starter_voice.codebooks import Codebooks, encode_shard
from tools.starter_voice.speech import Spoken, Word, has_sound, read_shard


@dataclass(frozen=True)
class Example:
    """One utterance: ``words`` as in :class:`Spoken`, ``codes`` int16 [frames, books]."""

    kind: str
    text: str
    words: tuple[Word, ...]
    codes: npt.NDArray[np.int16]


def encoded(work: Path) -> Iterator[tuple[Path, Path]]:
    """Every shard of speech with its codes, which are made where they are missing."""
    books: Codebooks | None = None
    folder = work / "codes"
    folder.mkdir(exist_ok=True)
    for shard in sorted((work / "speech").glob("[0-9][0-9][0-9][0-9].npz")):
        path = folder / f"{shard.stem}.npy"
        if not path.exists():
            books = books or Codebooks.load(work / "codebooks.pt")
            encode_shard(books, shard, path)
        yield shard, path


def examples(shard: Path, codes: Path) -> Iterator[tuple[Spoken, npt.NDArray[np.int16]]]:
    rows = np.load(codes)
    at = 0
    for one in read_shard(shard):
        yield one, rows[at : at + one.frames]
        at += one.frames


class Sounds:
    """A few shards in memory, another one every now and then: crops from all the speech that has its sound."""

    KEPT = 6
    PICKS = 4000

    def __init__(self, work: Path) -> None:
        self.work = work
        self._pairs = self._with_sound()
        if not self._pairs:
            raise FileNotFoundError(f"{work / 'speech'} holds no speech: run the stage 'speech' first")
        self._loaded: list[list[tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]]] = []
        self._picks = 0

    def _with_sound(self) -> list[tuple[Path, Path]]:
        return [pair for pair in encoded(self.work) if has_sound(pair[0])]

    def pick(self, rng: np.random.Generator) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]:
        """Samples and codes of a random utterance, long ones more often."""
        if self._picks % self.PICKS == 0 or len(self._loaded) < min(self.KEPT, len(self._pairs)):
            self._turn(rng)
        self._picks += 1
        shard = self._loaded[rng.integers(len(self._loaded))]
        a, b = shard[rng.integers(len(shard))], shard[rng.integers(len(shard))]
        return a if len(a[1]) > len(b[1]) else b

    def _turn(self, rng: np.random.Generator) -> None:
        if self._picks:
            self._pairs = self._with_sound()
        shard = self._pairs[rng.integers(len(self._pairs))]
        self._loaded.append([(one.samples, codes) for one, codes in examples(*shard) if one.samples is not None])
        if len(self._loaded) > self.KEPT:
            self._loaded.pop(0)
