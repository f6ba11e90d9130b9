"""The monitor's thread: probes, state machine, events and history together."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from fishvoiced.cli.top import TopView
from fishvoiced.hardware.detect.system_access import Files, SystemAccess, system_access
from fishvoiced.hardware.facts import System
from fishvoiced.monitor.evidence import Policy
from fishvoiced.monitor.guard import Probe, ProbeError
from fishvoiced.monitor.monitor import DEAD_SECONDS, Monitor, MonitorEvent
from fishvoiced.monitor.reading import Quantity, Reading, Unavailable
from fishvoiced.monitor.records.history import History
from fishvoiced.monitor.status import thermal_status
from fishvoiced.monitor.throttle import Phase
from tests.hardware.machines import tree
from tests.monitor.fakes import Clock, FakeProbe, celsius, reading

NOWHERE = SystemAccess(System.OTHER)


def monitor(
    clock: Clock,
    probes: list[Probe],
    *,
    policy: Policy | None = None,
    history: History | None = None,
    events: list[MonitorEvent] | None = None,
) -> Monitor:
    return Monitor(
        NOWHERE,
        policy or Policy(threads=4),
        probes=probes,
        history=history,
        listener=None if events is None else events.append,
        clock=clock,
        wall=lambda: clock.now + 1e9,
    )


def test_a_fake_sysfs_goes_the_whole_round(tmp_path: Path) -> None:
    """NORMAL → WARM → THROTTLED → COOLDOWN → RECOVERING → NORMAL on files that change."""
    counter = "sys/devices/system/cpu/cpu0/thermal_throttle"
    zone = "sys/class/thermal/thermal_zone0"
    tree(tmp_path, {f"{zone}/type": "x86_pkg_temp", f"{counter}/package_throttle_count": "0"})
    clock, events = Clock(), list[MonitorEvent]()
    doors = SystemAccess(System.LINUX, files=Files(tmp_path))
    watch = Monitor(doors, Policy(threads=4), listener=events.append, clock=clock)
    throttled_ms = 0

    def live(seconds: int, degrees: int, duty: float) -> None:
        nonlocal throttled_ms
        for _ in range(seconds // 2):
            clock.pass_(2)
            throttled_ms += int(2000 * duty)
            tree(
                tmp_path,
                {
                    f"{zone}/temp": f"{degrees * 1000}",
                    f"{counter}/package_throttle_total_time_ms": f"{throttled_ms}",
                },
            )
            watch.poll()

    live(10, 50, 0)
    live(10, 92, 0)
    live(30, 97, 0.5)
    live(300, 55, 0)
    passed = [event.message.split(":")[0] for event in events]
    assert passed == [
        "normal → warm",
        "warm → throttled",
        "throttled → cooldown",
        "cooldown → recovering",
        "recovering → normal",
    ]
    assert "throttled 50% of the time" in events[1].message


def test_sensors_that_vanish_leave_it_blind_and_serving(tmp_path: Path) -> None:
    zone = "sys/class/thermal/thermal_zone0"
    tree(tmp_path, {f"{zone}/type": "cpu-thermal", f"{zone}/temp": "50000"})
    clock = Clock()
    watch = Monitor(SystemAccess(System.LINUX, files=Files(tmp_path)), Policy(threads=4), clock=clock)
    assert watch.poll().advice.phase is Phase.NORMAL
    (tmp_path / zone / "temp").unlink()
    phases = []
    for _ in range(60):
        clock.pass_(2)
        phases.append(watch.poll().advice.phase)
    assert phases[-1] is Phase.BLIND
    assert phases[0] is Phase.NORMAL, "one failure is a hiccup"
    assert watch.advice().wait_seconds == 0
    gone = dict(watch.snapshot().sources)["thermal zones"]
    assert isinstance(gone, Unavailable)


def test_one_broken_probe_does_not_hide_another() -> None:
    def broken(now: float) -> tuple[Reading, ...]:
        raise ProbeError("no such device")

    clock = Clock()
    watch = monitor(clock, [FakeProbe(broken, "broken"), FakeProbe(lambda now: (celsius(60, now),), "good")])
    snapshot = watch.poll()
    assert snapshot.temperature == 60
    assert dict(snapshot.sources)["broken"] == Unavailable("broken", "no such device")
    assert snapshot.power is None


def test_throughput_is_a_source_of_its_own() -> None:
    clock = Clock()
    watch = monitor(clock, [])
    for rate in (20, 20, 20, 10):
        for _ in range(10):
            watch.frames("int4 x4", 10, 10 / rate)
    assert watch.poll().throughput == 0.5
    for _ in range(2):
        clock.pass_(2)
        for _ in range(10):
            watch.frames("int4 x4", 10, 1.0)
        watch.poll()
    assert watch.advice().phase is Phase.BLIND
    assert watch.advice().threads == 2


def test_advice_ages_between_polls() -> None:
    clock = Clock()
    watch = monitor(clock, [FakeProbe(lambda now: (celsius(50, now), reading(Quantity.SPEED_LIMIT, 50, now)))])
    for _ in range(12):
        clock.pass_(2)
        watch.poll()
    assert watch.advice().phase is Phase.COOLDOWN
    before = watch.advice().wait_seconds
    clock.pass_(5)
    assert watch.advice().wait_seconds == before - 5
    clock.pass_(1000)
    assert watch.advice().wait_seconds == 0


def test_history_is_kept_and_written(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "history.bin"
    watch = monitor(clock, [FakeProbe(lambda now: (celsius(55, now),))], history=History(path))
    watch.set_busy(True, queue=2)
    assert watch.finished(0.5) is None, "no fanless Mac, no report"
    for _ in range(40):
        clock.pass_(2)
        watch.poll()
    assert path.exists(), "written once a minute"
    watch.stop()
    points = History(path).points()
    assert len(points) == 40
    assert (points[-1].temperature, points[-1].rtf, points[-1].queue) == (55, 0.5, 2)


def test_an_unwritable_history_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    clock = Clock()
    watch = monitor(clock, [], history=History(tmp_path / "file" / "history.bin"))
    for _ in range(200):
        clock.pass_(2)
        snapshot = watch.poll()
    assert "cannot be written" in (snapshot.problem or "")
    assert sum("cannot be written" in record.message for record in caplog.records) == 1


def test_fanless_mac_reports_after_a_synthesis() -> None:
    clock, events = Clock(), list[MonitorEvent]()
    policy = Policy(threads=4, fanless=True)
    watch = monitor(clock, [FakeProbe(lambda now: (reading(Quantity.PRESSURE, 0, now),))], policy=policy, events=events)
    for _ in range(60):  # ten idle minutes are no load
        clock.pass_(10)
        watch.poll()
    clock.pass_(9)
    watch.set_busy(True)
    watch.poll()  # which a beginning request triggers: the nine seconds were idle
    fresh = watch.finished(0.4)
    assert fresh is not None
    assert fresh.startswith("0.0 min of load; throttling in about 10.0 min of load; expected")
    for _ in range(250):
        clock.pass_(2)
        watch.poll()
    found = watch.finished(0.4)
    assert found is not None
    warned = [event.message for event in events if "will throttle" in event.message]
    assert len(warned) == 1
    assert found.startswith(f"{warned[0]} 8.3 min of load; ")
    assert (watch.finished(0.4) or "").startswith("8.3 min of load; "), "a warning is told once"


def test_the_thread_polls_wakes_and_stops() -> None:
    polled = threading.Semaphore(0)

    def answer(now: float) -> tuple[Reading, ...]:
        polled.release()
        return (celsius(50, now),)

    watch = Monitor(NOWHERE, Policy(threads=2), probes=[FakeProbe(answer)])
    watch.start()
    try:
        assert polled.acquire(timeout=20)
        watch.set_busy(True)  # wakes it out of its ten idle seconds
        assert polled.acquire(timeout=9)
    finally:
        watch.stop()
    assert watch.advice().phase is Phase.NORMAL


def test_a_dead_monitor_holds_nothing_up(caplog: pytest.LogCaptureFixture) -> None:
    dead = threading.Event()

    def bug(now: float) -> tuple[Reading, ...]:
        dead.set()
        raise ZeroDivisionError("a bug in a probe")

    clock = Clock()
    watch = monitor(clock, [FakeProbe(bug)])
    watch.start()
    assert dead.wait(20)
    watch.stop(20)
    clock.pass_(DEAD_SECONDS + 1)
    advice = watch.advice()
    assert (advice.phase, advice.wait_seconds, advice.threads) == (Phase.BLIND, 0.0, 4)
    assert "no protection" in advice.reasons[0]
    assert "a bug in a probe" in caplog.text


def test_status_is_plain_and_feeds_the_live_view() -> None:
    def broken(now: float) -> tuple[Reading, ...]:
        raise ProbeError("no such device")

    clock = Clock()
    watch = monitor(clock, [FakeProbe(lambda now: (celsius(92, now),), "good"), FakeProbe(broken, "bad")])
    watch.finished(0.5)
    for _ in range(3):
        clock.pass_(2)
        watch.poll()
    status = thermal_status(watch.snapshot(), watch.history.points())
    assert json.loads(json.dumps(status)) == status
    assert status["sources"] == {"good": "92 °C", "bad": "no such device"}
    view = TopView.from_status({"thermal": status, "rtf": 0.5})
    assert (view.phase, view.temperature, view.threads) == ("warm", 92, 4)
    assert view.power is None
    assert list(view.temperatures) == [92.0] * 3
    assert list(view.rtfs) == [0.5] * 3


def test_live() -> None:
    """On this machine, whatever it has: a sound snapshot, with a reason for each silent source."""
    snapshot = Monitor(system_access(), Policy(threads=2)).poll()
    for name, outcome in snapshot.sources:
        if isinstance(outcome, Unavailable):
            assert outcome.reason, name
    has_sensor = any(
        isinstance(outcome, tuple) and any(r.quantity is not Quantity.POWER for r in outcome)
        for _, outcome in snapshot.sources
    )
    assert (snapshot.advice.phase is Phase.BLIND) == (not has_sensor)


class Fixed:
    """A part of the machine's load that never changes."""

    def __init__(self, share: float) -> None:
        self._share = share

    def sample(self, now: float) -> float | None:
        return self._share


@pytest.mark.parametrize(
    ("own_share", "degrees", "threads"),
    [
        (0.4, 93.0, 4),  # busy neighbours
        (0.95, 60.0, 4),  # one that takes little time and much cache, on a cool machine
        (0.95, 93.0, 2),  # hot, and it is our own work
        (0.95, None, 2),  # no sensor to ask
    ],
)
def test_neighbours_who_lower_the_throughput_of_an_export_do_not_slow_it_down(
    own_share: float, degrees: float | None, threads: int
) -> None:
    clock = Clock()
    probes: list[Probe] = [] if degrees is None else [FakeProbe(lambda now: (celsius(degrees, now),), "package")]
    watch = Monitor(
        NOWHERE, Policy(threads=4), probes=probes, share=Fixed(own_share), clock=clock, wall=lambda: clock.now
    )
    for seconds in (0.5,) * 3 + (0.76,) * 5:  # for ten frames: a third less than before
        for _ in range(10):
            watch.frames("int4 x4", 10, seconds)
        clock.pass_(2)
        watch.poll()
    assert watch.throughput.readings(clock.now)[0].value < 0.7
    assert watch.advice().threads == threads
