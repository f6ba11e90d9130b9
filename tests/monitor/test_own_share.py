"""This process's part of the machine's load."""

from __future__ import annotations

from pathlib import Path

import pytest

from fishvoiced.hardware.detect.system_access import Files, SystemAccess, system_access
from fishvoiced.hardware.facts import System
from fishvoiced.monitor.own_share import WINDOW_SECONDS, OwnShare, machine_busy_seconds


class Machine:
    """CPU-seconds, the machine's and our own, as the test lets them pass."""

    def __init__(self) -> None:
        self.busy: float | None = 100.0
        self.own = 7.0
        self.share = OwnShare(lambda: self.busy, lambda: self.own)
        self.now = 0.0

    def work(self, seconds: float, own: float, others: float) -> float | None:
        self.now += seconds
        self.own += own
        assert self.busy is not None
        self.busy += own + others
        return self.share.sample(self.now)


def test_the_share_is_our_time_over_the_machines() -> None:
    machine = Machine()
    assert machine.work(0, 0, 0) is None
    assert machine.work(2, own=3, others=1) == pytest.approx(0.75)


def test_what_was_half_a_minute_ago_is_forgotten() -> None:
    machine = Machine()
    for _ in range(int(WINDOW_SECONDS)):
        machine.work(2, own=0, others=4)
    for _ in range(int(WINDOW_SECONDS / 2) + 1):
        share = machine.work(2, own=4, others=0)
    assert share == pytest.approx(1.0)


def test_an_idle_machine_has_no_load_to_have_a_share_of() -> None:
    machine = Machine()
    machine.work(0, 0, 0)
    assert machine.work(10, own=0.01, others=0.01) is None


def test_a_counter_that_is_set_back_or_vanishes_begins_anew() -> None:
    machine = Machine()
    machine.work(0, 0, 0)
    machine.work(2, own=1, others=1)
    machine.busy = 3.0
    assert machine.share.sample(4.0) is None
    assert machine.work(2, own=1, others=0) == pytest.approx(1.0)
    machine.busy = None
    assert machine.share.sample(8.0) is None


def test_a_recorded_machine_tells_of_its_own_load(tmp_path: Path) -> None:
    stat = tmp_path / "proc" / "stat"
    stat.parent.mkdir()
    doors = SystemAccess(System.LINUX, files=Files(tmp_path))
    assert machine_busy_seconds(doors)() is None
    stat.write_text("cpu  100 20 30 9999 999 4 5 41 7 0\ncpu0 …\n")
    assert machine_busy_seconds(doors)() == pytest.approx(2.0)  # 200 ticks of 10 ms: all but idle, iowait and guests
    stat.write_text("cpu  nonsense\n")
    assert machine_busy_seconds(doors)() is None


def test_this_machine_has_worked() -> None:
    assert (machine_busy_seconds(system_access())() or 0.0) > 0
