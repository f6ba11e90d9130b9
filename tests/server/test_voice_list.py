"""The list of voices is fresh where the disk answers, and the last one known where it does not."""

from __future__ import annotations

import threading
import time
from itertools import count

import pytest

from fishvoice.protocol import VoiceInfo
from fishvoiced.server.voice_list import FRESH_SECONDS, PATIENCE_SECONDS, VoiceList


class Disk:
    """Answers with a number that grows, unless it hangs or fails."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.answers.set()
        self.asked = 0
        self.error: Exception | None = None

    def voices(self) -> tuple[VoiceInfo, ...]:
        self.asked += 1
        number = self.asked
        assert self.answers.wait(20)
        if self.error is not None:
            raise self.error
        return (VoiceInfo(str(number)),)


def test_an_answer_counts_for_a_moment_unless_it_is_wanted_now() -> None:
    clock = [0.0]
    listed = VoiceList(Disk().voices, lambda: clock[0])
    assert [listed.known() for _ in range(3)] == [(VoiceInfo("1"),)] * 3
    assert listed.known(now=True) == (VoiceInfo("2"),)
    clock[0] += FRESH_SECONDS
    assert listed.known() == (VoiceInfo("3"),)


def test_a_disk_that_hangs_keeps_nobody_waiting_twice() -> None:
    disk = Disk()
    clock = count()
    listed = VoiceList(disk.voices, lambda: float(next(clock)))
    listed.known()
    disk.answers.clear()
    began = time.monotonic()
    assert [listed.known() for _ in range(50)] == [(VoiceInfo("1"),)] * 50
    assert time.monotonic() - began < 10 * PATIENCE_SECONDS
    assert disk.asked == 2
    disk.answers.set()
    while listed.known() == (VoiceInfo("1"),):
        time.sleep(0.001)


def test_what_looking_raises_is_raised_once_it_is_over_no_more() -> None:
    disk, clock = Disk(), count()
    listed = VoiceList(disk.voices, lambda: float(next(clock)))
    disk.error = ValueError("no")
    with pytest.raises(ValueError, match="no"):
        listed.known()
    disk.error = None
    assert listed.known() == (VoiceInfo("2"),)
