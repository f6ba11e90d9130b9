"""Heat turned into rests, with a real monitor on probes of the test's own."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from fishvoice.protocol import Priority
from fishvoiced.hardware.detect.system_access import SystemAccess
from fishvoiced.hardware.facts import System
from fishvoiced.inference.governor import Delay, StepCost
from fishvoiced.monitor.evidence import Policy
from fishvoiced.monitor.monitor import Monitor
from fishvoiced.monitor.reading import Quantity, Reading
from fishvoiced.monitor.thermal_governor import ThermalGovernor
from fishvoiced.monitor.throttle import LONGEST_WAIT_SECONDS
from fishvoiced.monitor.worth import FIRST_SECONDS
from tools.harness.daemon_process import eventually

FRAME = 0.046


class Oven:
    """A probe whose temperature the test sets."""

    name = "oven"
    interval_seconds = 0.0

    def __init__(self) -> None:
        self.celsius = 50.0
        self.throttled = False

    def read(self, now: float) -> tuple[Reading, ...]:
        duty = Reading(self.name, Quantity.THROTTLE_DUTY, 0.5 if self.throttled else 0.0, now)
        return (Reading(self.name, Quantity.TEMPERATURE, self.celsius, now, critical=100.0), duty)


class Kitchen:
    """A monitor on a clock of the test's own, and the thermostat that it belongs to."""

    def __init__(self) -> None:
        self.oven = Oven()
        self.now = 0.0
        self.monitor = Monitor(
            SystemAccess(System.LINUX),
            Policy(threads=4),
            probes=[self.oven],
            clock=lambda: self.now,
            wall=lambda: self.now,
        )
        self.monitor.start = lambda: None  # type: ignore[method-assign] # polled by the test, at its own times
        self.thermostat = ThermalGovernor(lambda: self.monitor)
        eventually(lambda: self.thermostat.report() is not None)

    def begin(self, key: int) -> None:
        """A long request to a heavy voice, after its first seconds."""
        self.thermostat.began(key, "text", 3.0)
        self.thermostat.step_done(key, StepCost(0.0, 0.0, FIRST_SECONDS))

    def told(self, key: int) -> tuple[float, str | None]:
        delay = self.thermostat.rest(key)
        return delay.seconds, delay.state

    def throttle(self) -> None:
        self.oven.throttled = True
        self.poll(99.0, times=4)

    def poll(self, celsius: float, times: int = 1) -> None:
        self.oven.celsius = celsius
        for _ in range(times):
            self.now += 2.0
            self.monitor.poll()


@pytest.fixture
def kitchen() -> Iterator[Kitchen]:
    made = Kitchen()
    yield made
    made.thermostat.stop()


def test_a_cool_machine_is_not_slowed_down(kitchen: Kitchen) -> None:
    kitchen.poll(50.0, times=3)
    kitchen.begin(1)
    kitchen.thermostat.step_done(1, StepCost(0.1, 0.1, FRAME, ends_segment=True))
    assert kitchen.told(1) == (0.0, None)


def test_a_warm_one_rests_a_little_after_each_segment_and_says_why(kitchen: Kitchen) -> None:
    kitchen.poll(50.0)
    kitchen.poll(95.0, times=3)
    kitchen.begin(1)
    kitchen.thermostat.step_done(1, StepCost(0.1, 0.1, FRAME))
    assert kitchen.told(1) == (0.0, "warm")
    kitchen.thermostat.step_done(1, StepCost(0.1, 0.1, FRAME, ends_segment=True))
    assert kitchen.thermostat.rest(1) == Delay(0.2, "warm", 0.2, LONGEST_WAIT_SECONDS - 0.2)
    assert kitchen.told(1) == (0.0, "warm")


def test_only_what_would_have_to_rest_is_better_spoken_by_a_lighter_voice(kitchen: Kitchen) -> None:
    document = 10_000
    requests: list[tuple[Priority, float | None]] = [("text", 3.0), ("important", 3.0), ("text", 0.1), ("text", None)]
    for key, (priority, rtf) in enumerate(requests):
        kitchen.thermostat.began(key, priority, rtf)
    kitchen.poll(50.0)
    assert not kitchen.thermostat.wants_lighter(0, document)
    kitchen.throttle()
    assert [kitchen.thermostat.wants_lighter(key, document) for key in range(4)] == [True, False, False, False]
    assert not kitchen.thermostat.wants_lighter(0, 20)


def test_who_goes_on_with_less_work_rests_by_its_new_cost_and_out_of_the_same_180_seconds(kitchen: Kitchen) -> None:
    kitchen.poll(50.0)
    kitchen.throttle()
    kitchen.poll(99.0, times=6)
    kitchen.begin(1)
    granted = kitchen.thermostat.rest(1)
    assert granted.seconds > 0
    kitchen.thermostat.began(1, "text", 0.1)
    assert kitchen.thermostat.rest(1).seconds == 0, "a light voice goes on at once"
    kitchen.thermostat.began(1, "text", 2.0)
    assert kitchen.thermostat.rest(1).at_most_seconds == pytest.approx(LONGEST_WAIT_SECONDS - 2 * granted.seconds)
    kitchen.thermostat.began(1, "text", None)
    assert kitchen.thermostat.rest(1).seconds == 0, "not known yet"
    kitchen.thermostat.step_done(1, StepCost(60.0, 80.0, 10.0))
    assert kitchen.thermostat.rest(1).seconds > 0, "heavy, as it has turned out since"


def test_what_one_request_rests_in_all_is_bounded_and_counted_for_itself(kitchen: Kitchen) -> None:
    kitchen.poll(50.0)
    kitchen.poll(95.0, times=3)

    def rest(key: int) -> float:
        kitchen.thermostat.step_done(key, StepCost(0.1, 0.1, FRAME, ends_segment=True))
        return kitchen.thermostat.rest(key).seconds

    kitchen.begin(1)
    kitchen.begin(2)
    assert sum(rest(1) for _ in range(2000)) == pytest.approx(LONGEST_WAIT_SECONDS)
    assert rest(1) == 0.0
    assert rest(2) > 0
    kitchen.thermostat.finished(1)
    kitchen.begin(1)
    assert rest(1) > 0


def test_the_report_has_what_the_live_view_reads(kitchen: Kitchen) -> None:
    from fishvoiced.cli.top import TopView

    kitchen.thermostat.busy(True)
    kitchen.thermostat.worked("m", 10, 0.1)
    kitchen.thermostat.spoken("m", 0.5, 2.0)
    kitchen.poll(95.0, times=3)
    view = TopView.from_status({"thermal": kitchen.thermostat.report()})
    assert (view.phase, view.threads, view.temperature) == ("warm", 4, 95.0)
    assert view.temperatures[-1] == 95.0
    assert view.rtfs[-1] == 0.5


def test_before_the_monitor_is_there_and_without_one_speech_goes_on() -> None:
    gate = threading.Event()

    def slow() -> Monitor:
        gate.wait(10)
        raise OSError("no sensors in this house")

    thermostat = ThermalGovernor(slow)
    assert thermostat.rest(1) == Delay()
    thermostat.busy(True)
    thermostat.worked("m", 1, 0.1)
    assert thermostat.report() is None
    gate.set()
    thermostat.stop()
    assert thermostat.rest(1) == Delay()
