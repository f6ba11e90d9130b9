"""History: a bounded ring of what the monitor saw, kept across restarts in one small file."""

from __future__ import annotations

import math
import struct
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fishvoice.files import write_whole
from fishvoiced.monitor.throttle import Phase

HISTORY_FILE = "heat.bin"
# One hour at one point every two seconds.
CAPACITY = 1800

_MAGIC = b"FVH1"
# Unix time, temperature, power, throughput, RTF (NaN: none), queue, threads, phase.
_RECORD = struct.Struct("<dffffHBB")
_PHASES = tuple(Phase)


@dataclass(frozen=True, slots=True)
class HistoryPoint:
    """One poll: Unix seconds, °C, W, ratio to the throughput baseline, RTF; None: not measured."""

    at: float
    phase: Phase
    threads: int
    temperature: float | None = None
    power: float | None = None
    throughput: float | None = None
    rtf: float | None = None
    queue: int = 0


class History:
    """The last ``capacity`` points in memory and, when a path is given, on disk.

    The file grows by appending and is rewritten when it holds twice the capacity. A file that is
    damaged or of another format is started anew; a torn last record is dropped.
    """

    def __init__(self, path: Path | None = None, capacity: int = CAPACITY) -> None:
        self._path, self._capacity = path, capacity
        self._ring: deque[HistoryPoint] = deque(maxlen=capacity)
        self._pending: deque[HistoryPoint] = deque(maxlen=capacity)
        self._stored = 0
        if path is not None:
            # Left at 0 stored: the first write makes the file anew, whatever its tail was like.
            self._ring.extend(read_history(path))

    def add(self, point: HistoryPoint) -> None:
        self._ring.append(point)
        if self._path is not None:
            self._pending.append(point)

    def points(self, since: float = -math.inf) -> tuple[HistoryPoint, ...]:
        """The points from a Unix time on, oldest first."""
        return tuple(point for point in self._ring.copy() if point.at >= since)

    def flush(self) -> None:
        """Write what is new. Raises OSError when the file cannot be written; nothing is lost then
        but what the ring itself forgets."""
        if self._path is None or not self._pending:
            return
        whole = self._stored == 0 or self._stored + len(self._pending) > 2 * self._capacity
        if whole:
            write_whole(self._path, _MAGIC + _pack(self._ring))
            self._stored = len(self._ring)
        else:
            with self._path.open("ab") as file:
                file.write(_pack(self._pending))
            self._stored += len(self._pending)
        self._pending.clear()


def read_history(path: Path) -> tuple[HistoryPoint, ...]:
    """The points in a history file, oldest first; none when there is no sound file."""
    try:
        data = path.read_bytes()
    except OSError:
        return ()
    if data[: len(_MAGIC)] != _MAGIC:
        return ()
    body = data[len(_MAGIC) :]
    body = body[: len(body) // _RECORD.size * _RECORD.size]
    points = (_unpack(record) for record in _RECORD.iter_unpack(body))
    return tuple(point for point in points if point is not None)


def _pack(points: Iterable[HistoryPoint]) -> bytes:
    return b"".join(
        _RECORD.pack(
            point.at,
            *(math.nan if v is None else v for v in (point.temperature, point.power, point.throughput, point.rtf)),
            min(max(point.queue, 0), 0xFFFF),
            min(max(point.threads, 0), 0xFF),
            _PHASES.index(point.phase),
        )
        for point in points
    )


def _unpack(record: tuple[float, float, float, float, float, int, int, int]) -> HistoryPoint | None:
    at, *values, queue, threads, phase = record
    if not math.isfinite(at) or int(phase) >= len(_PHASES):
        return None
    temperature, power, throughput, rtf = (None if math.isnan(v) else v for v in values)
    return HistoryPoint(at, _PHASES[int(phase)], int(threads), temperature, power, throughput, rtf, int(queue))
