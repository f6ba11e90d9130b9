"""What became of every request: the sums that must be nought at the end of a run."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from dataclasses import dataclass, field

from fishvoice.protocol import AnyMessage, AudioChunk, AudioEnd, AudioStart, Error, Waiting


@dataclass
class Account:
    """One request, as its client sees it; ``expected`` is the digest of its text's sound when spoken alone."""

    expected: str | None
    within: float | None = None
    began: float = 0.0
    first_audio: float | None = None
    chunks: int = 0
    ended: str | None = None
    sound: hashlib._Hash = field(default_factory=hashlib.sha256)


@dataclass
class Ledger:
    """Filled by many threads. ``lost``, ``doubled``, ``unordered``, ``unequal`` and ``late`` are what must not be."""

    ends: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    promises: int = 0
    first_audio: list[float] = field(default_factory=list)
    closed: bool = False
    """Nobody begins another request."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def receive(self, account: Account, message: AnyMessage, now: float) -> None:
        """One message of this request."""
        match message:
            case Waiting() | AudioStart():
                self._note("unordered", account.ended is not None)
            case AudioChunk():
                self._note("unordered", account.ended is not None or message.index != account.chunks)
                if account.first_audio is None:
                    account.first_audio = now - account.began
                account.chunks += 1
                account.sound.update(message.payload or b"")
            case AudioEnd():
                self.end(account, message.finish_reason)
            case Error():
                self.end(account, message.code)

    def end(self, account: Account, how: str) -> None:
        """The request is over; ``how`` is its finish reason or its error's code."""
        self._note("doubled", account.ended is not None)
        account.ended = how
        with self._lock:
            self.ends[how] += 1
        if how == "complete" and account.expected is not None:
            self._note("unequal", account.sound.hexdigest() != account.expected)
        if account.first_audio is not None:
            with self._lock:
                self.first_audio.append(account.first_audio)
                self.promises += account.within is not None
            self._note("late", account.within is not None and account.first_audio > account.within)

    def lose(self, account: Account) -> None:
        """No end came."""
        self._note("lost", account.ended is None)

    def _note(self, what: str, is_so: bool) -> None:
        if is_so:
            with self._lock:
                self.wrong[what] += 1

    def clean(self) -> bool:
        """Nothing lost, doubled, unordered or unequal; at most one promise of a hundred late."""
        late = self.wrong["late"] <= max(0, self.promises // 100)
        return late and not any(self.wrong[what] for what in ("lost", "doubled", "unordered", "unequal"))
