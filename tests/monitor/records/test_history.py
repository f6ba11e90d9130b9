"""The bounded history and its file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishvoiced.monitor.records.history import History, HistoryPoint, read_history
from fishvoiced.monitor.throttle import Phase


def point(at: float, temperature: float | None = 50.0) -> HistoryPoint:
    return HistoryPoint(at, Phase.NORMAL, 4, temperature)


def test_the_ring_forgets_the_oldest() -> None:
    history = History(capacity=10)
    for second in range(1000):
        history.add(point(second))
    assert [p.at for p in history.points()] == list(range(990, 1000))
    assert [p.at for p in history.points(since=997)] == [997, 998, 999]


def test_everything_survives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "state" / "history.bin"
    before = History(path)
    full = HistoryPoint(1234.5, Phase.COOLDOWN, 2, 71.5, 9.25, 0.75, 0.5, 3)
    before.add(full)
    before.add(HistoryPoint(1236.5, Phase.BLIND, 4))
    before.flush()
    before.add(point(1238.5))
    before.flush()
    assert History(path).points() == (full, HistoryPoint(1236.5, Phase.BLIND, 4), point(1238.5))


def test_the_file_stays_small(tmp_path: Path) -> None:
    path = tmp_path / "history.bin"
    history = History(path, capacity=20)
    largest = 0
    for second in range(500):
        history.add(point(second))
        if second % 7 == 0:
            history.flush()
            largest = max(largest, path.stat().st_size)
    history.flush()
    assert largest <= 4 + 41 * 28
    assert [p.at for p in History(path, capacity=20).points()] == list(range(480, 500))
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_new_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "history.bin"
    History(path).flush()
    assert not path.exists()


def test_a_torn_record_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "history.bin"
    history = History(path)
    history.add(point(1))
    history.add(point(2))
    history.flush()
    path.write_bytes(path.read_bytes()[:-5])
    assert [p.at for p in read_history(path)] == [1]


def test_writing_after_a_torn_record_keeps_the_file_sound(tmp_path: Path) -> None:
    path = tmp_path / "history.bin"
    history = History(path)
    history.add(point(1))
    history.add(point(2))
    history.flush()
    path.write_bytes(path.read_bytes()[:-5])
    again = History(path)
    again.add(point(3))
    again.flush()
    assert [p.at for p in read_history(path)] == [1, 3]


@given(st.binary(max_size=200))
def test_any_file_is_read(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("h") / "history.bin"
    for head in (b"", b"FVH1"):
        path.write_bytes(head + data)
        assert len(read_history(path)) <= len(data) // 28


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    history = History(tmp_path / "file" / "history.bin")
    history.add(point(1))
    with pytest.raises(OSError, match=r"file|director|exist"):
        history.flush()
    assert len(history.points()) == 1
