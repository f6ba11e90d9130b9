"""The throttle state machine, on a clock of its own."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import pytest

from fishvoiced.monitor.evidence import Policy, Severity, judge
from fishvoiced.monitor.reading import Quantity
from fishvoiced.monitor.throttle import Advice, Phase, ThrottleState, advise, step
from tests.monitor.fakes import celsius, reading
from tests.monitor.sensor_scripts import COOL, HOT, Scene, at, nothing

POLICY = Policy(threads=8)


class Machine:
    """The state machine, polled every two seconds."""

    def __init__(self, policy: Policy = POLICY, now: float = 5000.0) -> None:
        self.policy, self.now = policy, now
        self.state = ThrottleState()
        self.phases: list[Phase] = []

    def run(self, scene: Scene, seconds: float, every: float = 2.0) -> Phase:
        end = self.now + seconds
        while self.now < end:
            self.now += every
            self.state = step(self.state, scene(self.now), self.now, self.policy)
            if not self.phases or self.phases[-1] is not self.state.phase:
                self.phases.append(self.state.phase)
        return self.state.phase

    @property
    def advice(self) -> Advice:
        return advise(self.state, self.policy)


def test_the_whole_round() -> None:
    machine = Machine()
    machine.run(at(COOL), 10)
    machine.run(at(HOT), 10)
    assert machine.advice.threads == 8, "heat alone takes no thread away"
    assert machine.advice.lead_scale < 1
    machine.run(at(HOT, duty=0.5), 40)
    assert machine.advice.wait_seconds > 0
    machine.run(at(COOL), 400)
    assert machine.phases == [
        Phase.NORMAL,
        Phase.WARM,
        Phase.THROTTLED,
        Phase.COOLDOWN,
        Phase.RECOVERING,
        Phase.NORMAL,
    ]
    assert machine.advice == Advice(Phase.NORMAL, 8, 0.0, 1.0, 0.0, ())


def test_two_hits_are_not_three() -> None:
    machine = Machine()
    for _ in range(20):
        machine.run(at(COOL, duty=0.9), 4)
        assert machine.run(at(COOL), 2) is Phase.NORMAL


def test_the_same_reading_three_times_is_one_hit() -> None:
    machine = Machine()
    machine.run(at(COOL), 2)
    old = [celsius(COOL, machine.now), reading(Quantity.THROTTLE_DUTY, 0.9, machine.now)]
    assert machine.run(lambda now: [*old, celsius(COOL, now)], 40) is Phase.NORMAL


@pytest.mark.parametrize(
    ("quantity", "value", "hit"),
    [
        (Quantity.THROTTLE_DUTY, 0.06, True),
        (Quantity.THROTTLE_DUTY, 0.05, False),
        (Quantity.THROTTLE_EVENTS, 1, True),
        (Quantity.FIRMWARE_FLAGS, 0x2, True),
        (Quantity.FIRMWARE_FLAGS, 0x4, True),
        (Quantity.FIRMWARE_FLAGS, 0x8, True),
        (Quantity.FIRMWARE_FLAGS, 0x1, False),  # undervoltage is not heat
        (Quantity.FIRMWARE_FLAGS, 0x70000, False),  # long ago
        (Quantity.PRESSURE, 2, True),
        (Quantity.PRESSURE, 1, False),
        (Quantity.SPEED_LIMIT, 99, True),
        (Quantity.SPEED_LIMIT, 100, False),
        (Quantity.THROUGHPUT, 0.79, True),
        (Quantity.THROUGHPUT, 0.81, False),
        (Quantity.POWER, 500, False),
    ],
)
def test_signs_of_throttling(quantity: Quantity, value: float, hit: bool) -> None:
    evidence = judge([reading(quantity, value, 1.0)], 1.0, POLICY)
    assert (evidence.hit_at is not None) is hit
    assert (evidence.severity > Severity.NONE) is hit


@pytest.mark.parametrize(
    ("critical", "value", "hot"),
    [
        (100.0, 90, True),
        (100.0, 89, False),
        (None, 85, True),
        (None, 84, False),
        (math.nan, 86, True),
        (0.0, 50, False),
    ],
)
def test_warm_limit(critical: float | None, value: float, hot: bool) -> None:
    assert judge([celsius(value, 1.0, critical)], 1.0, POLICY).hot is hot


def test_warm_ends_five_degrees_lower_for_thirty_seconds() -> None:
    machine = Machine()
    machine.run(at(COOL), 2)
    assert machine.run(at(91), 4) is Phase.WARM
    assert machine.run(at(87), 120) is Phase.WARM, "two degrees are not enough"
    assert machine.run(at(84), 30) is Phase.WARM
    assert machine.run(at(84), 4) is Phase.NORMAL


def test_throttled_that_clears_recovers_without_a_pause() -> None:
    machine = Machine()
    machine.run(at(COOL), 2)
    assert machine.run(at(COOL, duty=0.2), 6) is Phase.THROTTLED
    assert machine.advice.threads == 4
    assert machine.advice.wait_seconds == 0
    machine.run(at(COOL), 36)
    assert machine.phases[-1] is Phase.RECOVERING


def test_threads_come_back_one_a_minute() -> None:
    machine = Machine()
    machine.run(at(COOL), 2)
    machine.run(at(COOL, duty=0.2), 6)
    seen: list[tuple[int, float]] = []
    for _ in range(300):
        machine.run(at(COOL), 2)
        if not seen or seen[-1][0] != machine.advice.threads:
            seen.append((machine.advice.threads, machine.now))
    assert [threads for threads, _ in seen] == [4, 5, 6, 7, 8]
    assert all(b - a >= 58 for (_, a), (_, b) in pairwise(seen[1:]))
    assert machine.state.phase is Phase.NORMAL


def test_cooldown_leaves_early_when_it_is_clear() -> None:
    machine = Machine()
    machine.run(at(COOL), 2)
    machine.run(at(HOT, duty=0.5), 30)
    assert machine.state.phase is Phase.COOLDOWN
    assert machine.run(at(COOL), 28) is Phase.COOLDOWN
    assert machine.run(at(COOL), 8) is Phase.RECOVERING


def test_cooldown_waits_until_it_is_cool_too() -> None:
    machine = Machine()
    machine.run(at(COOL), 2)
    machine.run(at(HOT, duty=0.5), 30)
    assert machine.run(at(HOT), 60) is Phase.COOLDOWN, "idle, so no longer throttled, but still hot"
    assert machine.run(at(COOL), 36) is Phase.RECOVERING


def test_old_readings_are_no_evidence() -> None:
    machine = Machine()
    old = at(COOL)(machine.now)
    assert machine.run(lambda now: list(old), 40) is Phase.NORMAL
    assert machine.run(lambda now: list(old), 20) is Phase.BLIND


def test_cooldown_ends_at_its_deadline_whatever_the_sensors_say() -> None:
    machine = Machine()
    machine.run(at(COOL), 2)
    machine.run(at(HOT, duty=0.5), 30)
    entered = machine.state.deadline
    assert entered is not None
    assert machine.run(at(HOT, duty=0.5), entered - machine.now - 2) is Phase.COOLDOWN
    assert machine.run(at(HOT, duty=0.5), 4) is Phase.DEGRADED
    assert machine.state.failures == 1
    assert machine.advice.wait_seconds == 0
    assert 1 <= machine.advice.threads < 4


def test_coming_back_does_not_extend_the_deadline() -> None:
    machine = Machine()
    machine.run(at(COOL), 2)
    machine.run(at(HOT, duty=0.5), 30)
    deadline = machine.state.deadline
    assert machine.run(at(COOL), 40) is Phase.RECOVERING
    assert machine.run(at(HOT, duty=0.5), 30) is Phase.COOLDOWN
    assert machine.state.deadline == deadline
    assert machine.run(at(HOT, duty=0.5), 200) is Phase.DEGRADED


def test_a_new_episode_has_a_new_deadline() -> None:
    machine = Machine()
    machine.run(at(COOL), 2)
    machine.run(at(HOT, duty=0.5), 30)
    assert machine.run(at(COOL), 700) is Phase.NORMAL
    assert machine.run(at(HOT, duty=0.5), 30) is Phase.COOLDOWN
    assert machine.advice.wait_seconds > 150


def test_three_cooldowns_are_enough() -> None:
    machine = Machine(Policy(threads=2))
    machine.run(at(COOL), 2)
    cooldowns = 0
    for _ in range(4):
        if machine.run(at(HOT, duty=0.5), 30) is Phase.COOLDOWN:
            cooldowns += 1
        machine.run(at(COOL), 120)
    assert cooldowns == 3
    assert Phase.DEGRADED in machine.phases


def test_degraded_serves_and_heals_after_five_healthy_minutes() -> None:
    machine = Machine()
    machine.run(at(COOL), 2)
    assert machine.run(at(HOT, duty=0.5), 300) is Phase.DEGRADED
    assert machine.run(at(HOT, duty=0.5), 3600) is Phase.DEGRADED
    assert machine.advice.threads == 1
    assert machine.advice.wait_seconds == 0
    assert machine.run(at(COOL), 280) is Phase.DEGRADED
    assert machine.run(at(COOL), 600) is Phase.NORMAL
    assert machine.state.failures == 0
    assert machine.state.cooldowns == ()


def test_no_sensor_at_all_is_blind_and_full_speed() -> None:
    machine = Machine()
    assert machine.run(nothing, 3600, every=10) is Phase.BLIND
    assert machine.phases == [Phase.BLIND]
    assert machine.advice.threads == 8
    assert machine.advice.wait_seconds == 0
    assert machine.advice.reasons == ("no temperature or throttle sensor",)


def test_blind_watches_throughput_but_never_pauses() -> None:
    machine = Machine()
    machine.run(nothing, 4)
    slow: Scene = lambda now: [reading(Quantity.THROUGHPUT, 0.5, now)]  # noqa: E731
    machine.run(slow, 6)
    assert machine.state.phase is Phase.BLIND
    assert machine.advice.threads == 4
    machine.run(slow, 600)
    assert machine.state.phase is Phase.BLIND
    assert machine.advice.wait_seconds == 0
    machine.run(nothing, 600)
    assert machine.advice.threads == 8


def test_sensors_that_vanish_in_a_cooldown_end_it() -> None:
    machine = Machine()
    machine.run(at(COOL), 2)
    machine.run(at(HOT, duty=0.5), 30)
    assert machine.run(nothing, 4) is Phase.COOLDOWN, "a hiccup is no loss"
    assert machine.run(nothing, 4) is Phase.BLIND
    assert machine.advice.wait_seconds == 0
    assert machine.advice.reasons == ("all sensors are gone",)


def test_sensors_that_come_back_continue_the_episode() -> None:
    machine = Machine()
    machine.run(at(COOL), 2)
    machine.run(at(HOT, duty=0.5), 30)
    deadline = machine.state.deadline
    machine.run(nothing, 10)
    assert machine.run(at(COOL), 2) is Phase.RECOVERING
    assert machine.state.deadline == deadline


def test_throughput_alone_slows_down_and_never_pauses() -> None:
    machine = Machine()
    machine.run(at(COOL), 2)
    slow: Scene = lambda now: [*at(COOL)(now), reading(Quantity.THROUGHPUT, 0.5, now)]  # noqa: E731
    assert machine.run(slow, 1200) is Phase.THROTTLED
    assert Phase.COOLDOWN not in machine.phases


def test_fanless_mac() -> None:
    level: Callable[[float], Scene] = lambda value: lambda now: [reading(Quantity.PRESSURE, value, now)]  # noqa: E731
    air = Machine(Policy(threads=4, fanless=True))
    air.run(level(0), 2)
    assert air.run(level(2), 1200) is Phase.THROTTLED
    assert air.advice.threads == 2
    assert air.run(level(3), 8) is Phase.COOLDOWN
    pro = Machine(Policy(threads=8))
    pro.run(level(0), 2)
    assert pro.run(level(2), 30) is Phase.COOLDOWN


def test_stuck_hot_sensor_only_warms() -> None:
    machine = Machine()
    machine.run(at(124), 7200, every=10)
    assert machine.phases == [Phase.NORMAL, Phase.WARM] or machine.phases == [Phase.WARM]


def test_a_clock_set_back_neither_freezes_nor_extends() -> None:
    machine = Machine(now=1e9)
    machine.run(at(COOL), 2)
    assert machine.run(at(HOT, duty=0.5), 30) is Phase.COOLDOWN
    left = machine.advice.wait_seconds
    machine.now = 50.0
    assert machine.run(at(HOT, duty=0.5), 2) is Phase.COOLDOWN
    assert machine.advice.wait_seconds == pytest.approx(left)
    assert machine.run(at(HOT, duty=0.5), left + 4) is Phase.DEGRADED
