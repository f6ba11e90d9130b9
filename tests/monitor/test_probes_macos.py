"""macOS probes on command output in the system's own forms."""

from __future__ import annotations

import pytest

from fishvoiced.hardware.detect.system_access import SystemAccess
from fishvoiced.hardware.facts import System
from fishvoiced.monitor.guard import GuardedProbe, ProbeError
from fishvoiced.monitor.probes import discover
from fishvoiced.monitor.probes.pmset import Pmset
from fishvoiced.monitor.probes.powermetrics import Powermetrics, parse_power
from fishvoiced.monitor.probes.pressure import Pressure
from fishvoiced.monitor.reading import Quantity, Unavailable
from tests.monitor.fakes import FIXTURES, commands


@pytest.mark.parametrize(("level", "label"), [(0, "Nominal"), (2, "Heavy"), (4, "Sleeping")])
def test_pressure(level: int, label: str) -> None:
    run = commands({"notifyutil": f"com.apple.system.thermalpressurelevel {level}\n"})
    (found,) = Pressure(run).read(3.0)
    assert (found.quantity, found.value, found.label) == (Quantity.PRESSURE, level, label)


@pytest.mark.parametrize("answer", ["", "usage: notifyutil", "com.apple.system.thermalpressurelevel -1"])
def test_pressure_says_nothing_useful(answer: str) -> None:
    with pytest.raises(ProbeError, match="notifyutil said"):
        Pressure(commands({"notifyutil": answer})).read(0.0)


def test_pmset_on_intel() -> None:
    text = (FIXTURES / "pmset_intel.txt").read_text()
    (found,) = Pmset(commands({"pmset": text})).read(0.0)
    assert (found.quantity, found.value) == (Quantity.SPEED_LIMIT, 72)


def test_pmset_on_apple_silicon_is_absent_not_zero() -> None:
    text = (FIXTURES / "pmset_apple_silicon.txt").read_text()
    with pytest.raises(ProbeError, match="no speed limit") as caught:
        Pmset(commands({"pmset": text})).read(0.0)
    assert caught.value.absent


def test_powermetrics_takes_the_last_sample() -> None:
    text = (FIXTURES / "powermetrics.plist").read_text()
    older = text.replace("9151.5", "1000.0")
    run = commands({"powermetrics": f"{older}\0{text}\0\n"})
    (found,) = Powermetrics(run).read(0.0)
    assert found.quantity is Quantity.POWER
    assert found.value == pytest.approx(9.1515)


@pytest.mark.parametrize(
    ("text", "watts"),
    [
        ("Combined Power (CPU + GPU + ANE): 5432 mW\n", 5.432),
        ("Package Power: 47 mW\n", 0.047),
        ("Package Power: 12.5 W\n", 12.5),
    ],
)
def test_powermetrics_text(text: str, watts: float) -> None:
    assert parse_power(text) == pytest.approx(watts)


@pytest.mark.parametrize("text", ["", "<?xml version='1.0'?><plist><dict/></plist>", "nothing here"])
def test_powermetrics_without_power(text: str) -> None:
    with pytest.raises(ProbeError):
        parse_power(text)


def test_powermetrics_broken() -> None:
    with pytest.raises(ProbeError, match="broken"):
        parse_power("<?xml version='1.0'?><plist><dict>")


def test_powermetrics_never_prompts() -> None:
    asked: list[tuple[str, ...]] = []

    def run(argv: object, timeout_seconds: float) -> str:
        asked.append(tuple(argv))  # type: ignore[arg-type]
        return "Package Power: 47 mW\n"

    Powermetrics(run).read(0.0)
    assert asked[0][:2] == ("/usr/bin/sudo", "-n")


def test_all_of_them_missing_is_told_not_raised() -> None:
    for probe in discover(SystemAccess(System.MACOS, run=commands({}))):
        outcome = GuardedProbe(probe).poll(0.0)
        assert isinstance(outcome, Unavailable)
        assert "cannot be run" in outcome.reason
