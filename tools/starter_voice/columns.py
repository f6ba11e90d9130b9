"""Utterances as columns of the language model: what it reads, what it should say, where it should look."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fishvoiced.text.misaki import NUMBERS, units
from tools.starter_voice import voice
from tools.starter_voice.codebooks import POSITION_BOOK
from tools.starter_voice.data import Example, encoded, examples
from tools.starter_voice.source import LEAD, RATE, ROW

SPELLED = 0.12  # share of words given by their letters
BUDGET = 2000  # columns per batch, padding included
VALID_EVERY = 40  # one of so many utterances is kept for validation
SHORT_ONLY, ALL_LENGTHS = 0.05, 0.3  # progress up to which only short utterances come, and from which all do
SHORT, LONG = 70, 300  # columns


@dataclass(frozen=True)
class Encoded:
    """Token ids of the prompt's ``begin`` markers and of the text's units, codes [frames, books]."""

    tokens: npt.NDArray[np.int64]
    begin: int
    spoken: npt.NDArray[np.int64]
    """[frames]: index of the unit that is being spoken at the frame's end"""
    codes: npt.NDArray[np.int16]


@dataclass(frozen=True)
class Batch:
    columns: Tensor
    """int64 [B, 1 + books, S]"""
    target: Tensor
    """int64 [B, S]: the semantic code that follows the column, ``BOOK`` for the end, -1 for none"""
    guide: Tensor
    """int64 [B, heads, S]: the column where each guided head should look, -1 for no advice"""


def encode(example: Example, prompt: Sequence[int], rng: np.random.Generator | None) -> Encoded:
    """Columns of one utterance; with ``rng`` some words are given by spelling."""
    said: list[str] = []
    ends: list[float] = []
    for symbols, letters, times in example.words:
        if rng is not None and len(letters) > 1 and rng.random() < SPELLED:
            first = ends[-1] if ends else 0.0
            step = (times[-1] - first) / len(letters)
            symbols, times = letters, tuple(first + step * (i + 1) for i in range(len(letters)))
        said += units(symbols)
        ends += times
    spoken = unit_at(np.array(ends), len(example.codes))
    codes = example.codes.copy()
    codes[:, POSITION_BOOK] = spoken % NUMBERS
    return Encoded(np.array([*prompt, *voice.unit_tokens(said)]), len(prompt), spoken, codes)


def unit_at(ends: npt.NDArray[np.float64], frames: int) -> npt.NDArray[np.int64]:
    """Index of the unit that each frame's parameters end in, from the second each unit ends at."""
    moments = (np.arange(frames) + 1) * voice.FRAME_SECONDS + LEAD * ROW / RATE - 1e-3
    return np.searchsorted(ends, moments).clip(max=len(ends) - 1)


def collate(batch: Sequence[Encoded], heads: int, semantic_begin: int, end: int) -> Batch:
    """Pad to the longest. ``end`` is the class of the end of speech."""
    length = max(len(e.tokens) + len(e.codes) for e in batch)
    books = batch[0].codes.shape[1]
    columns = np.zeros((len(batch), 1 + books, length), np.int64)
    target = np.full((len(batch), length), -1, np.int64)
    guide = np.full((len(batch), heads, length), -1, np.int64)
    for row, e in enumerate(batch):
        n, t = len(e.tokens), len(e.codes)
        columns[row, 0, :n] = e.tokens
        columns[row, 0, n : n + t] = e.codes[:, 0] + semantic_begin
        columns[row, 1:, n : n + t] = e.codes.T
        target[row, n - 1 : n - 1 + t] = e.codes[:, 0]
        target[row, n - 1 + t] = end
        for head in range(heads):
            wanted = np.concatenate([[0], e.spoken]) + e.begin + head
            guide[row, head, n - 1 : n + t] = np.where(wanted < n, wanted, -1)
    return Batch(torch.from_numpy(columns), torch.from_numpy(target), torch.from_numpy(guide))


class Utterances:
    """All utterances, ordered by length, for batches of like lengths."""

    def __init__(self, work: Path, budget: int = BUDGET) -> None:
        self.work = work
        self.budget = budget
        self._seen: set[Path] = set()
        self.train: list[Example] = []
        self.valid: list[Example] = []
        self.refresh()

    def refresh(self) -> None:
        """Take in shards that have been spoken since."""
        for shard, codes in encoded(self.work):
            if shard not in self._seen:
                self._seen.add(shard)
                for index, (one, rows) in enumerate(examples(shard, codes)):
                    into = self.valid if index % VALID_EVERY == 3 and one.kind != "keys" else self.train
                    into.append(Example(one.kind, one.text, one.words, rows))
        self.train = [e for e in self.train if size(e) < LONG]
        self.train.sort(key=size)
        self.keys = [e for e in self.train if e.kind == "keys"]
        print(f"{len(self.train)} utterances to train on, {len(self.valid)} to validate", flush=True)

    def pick(self, rng: np.random.Generator, progress: float) -> list[Example]:
        """A batch of about ``budget`` columns; lengths are drawn evenly by columns, not by utterances."""
        ramp = min(1.0, max(0.0, (progress - SHORT_ONLY) / (ALL_LENGTHS - SHORT_ONLY)))
        top = bisect_right(self.train, SHORT + ramp * (LONG - SHORT), key=size)
        at = int(rng.integers(0, top)) if rng.random() < 0.5 else self._by_length(rng, top)
        count = max(2, self.budget // (size(self.train[at]) + 4))
        begin = max(0, min(at - count // 2, top - count))
        batch = self.train[begin : begin + count]
        batch = batch[: max(2, self.budget // size(batch[-1]))]
        if size(batch[-1]) < SHORT:
            keys = self.keys[: bisect_right(self.keys, size(batch[-1]), key=size)]
            batch = batch[len(batch) // 8 :] if keys else batch
            batch += [keys[i] for i in rng.integers(0, len(keys), len(batch) // 8)] if keys else []
        return batch

    def _by_length(self, rng: np.random.Generator, top: int) -> int:
        wanted = rng.uniform(size(self.train[0]), size(self.train[top - 1]))
        return min(top - 1, bisect_right(self.train, wanted, key=size))


def size(example: Example) -> int:
    """Columns of an utterance, near enough for sorting."""
    return len(example.codes) + sum(len(ends) for _, _, ends in example.words)
