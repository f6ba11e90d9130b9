"""Journal: what happened in the last hour, in words: phase changes with their reasons, warnings, utterances."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from fishvoice.files import write_whole

JOURNAL_FILE = "heat.jsonl"
CAPACITY = 2000
"""Entries kept; the file holds at most twice as many."""

Kind: TypeAlias = Literal["phase", "warning", "utterance"]


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """``at``: Unix seconds. ``text``: what happened, or of an utterance the voice; never what was spoken."""

    at: float
    kind: Kind
    text: str
    rtf: float | None = None
    audio_seconds: float | None = None


class Journal:
    """The last entries in memory and, when a path is given, as JSON lines on disk. Any thread may add."""

    def __init__(self, path: Path | None = None, capacity: int = CAPACITY) -> None:
        self._path, self._capacity = path, capacity
        self._entries: deque[Entry] = deque(read_journal(path) if path is not None else (), maxlen=capacity)
        self._pending: deque[Entry] = deque(maxlen=capacity)
        self._stored = 2 * capacity  # unknown: the first write makes the file anew

    def add(self, entry: Entry) -> None:
        self._entries.append(entry)
        self._pending.append(entry)

    def flush(self) -> None:
        """Write what is new. Raises OSError; what could not be written is tried again the next time."""
        if self._path is None or not self._pending:
            return
        fresh = list(self._pending)
        if self._stored + len(fresh) > 2 * self._capacity:
            kept = list(self._entries)
            write_whole(self._path, _lines(kept))
            self._stored = len(kept)
        else:
            with self._path.open("ab") as file:
                file.write(_lines(fresh))
            self._stored += len(fresh)
        for _ in fresh:
            self._pending.popleft()


def read_journal(path: Path) -> tuple[Entry, ...]:
    """The entries in a file, oldest first; a damaged line is left out."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return ()
    entries = []
    for line in lines[-CAPACITY:]:
        try:
            entries.append(msgspec.json.decode(line, type=Entry))
        except msgspec.DecodeError:
            continue
    return tuple(entries)


def _lines(entries: list[Entry]) -> bytes:
    return b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)
