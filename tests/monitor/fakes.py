"""Hand-written fakes at the monitor's doors: a clock, a probe, a command runner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from fishvoiced.hardware.detect.system_access import CommandError
from fishvoiced.monitor.reading import Quantity, Reading

FIXTURES = Path(__file__).parent / "fixtures"


class Clock:
    """Seconds that pass when told to."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> float:
        self.now += seconds
        return self.now


class FakeProbe:
    """A probe that asks a function; counts how often it was read."""

    def __init__(
        self, answer: Callable[[float], tuple[Reading, ...]], name: str = "fake", interval_seconds: float = 0.0
    ) -> None:
        self._answer = answer
        self.name, self.interval_seconds = name, interval_seconds
        self.reads = 0

    def read(self, now: float) -> tuple[Reading, ...]:
        self.reads += 1
        return self._answer(now)


def commands(answers: dict[str, str]) -> Callable[[Sequence[str], float], str]:
    """A command runner that answers by program name and fails for all others."""

    def run(argv: Sequence[str], timeout_seconds: float) -> str:
        for word in argv:
            name = word.rsplit("/", 1)[-1]
            if name in answers:
                return answers[name]
        raise CommandError(f"{argv[0]} cannot be run: No such file or directory")

    return run


def celsius(value: float, at: float, critical: float | None = None) -> Reading:
    return Reading("fake", Quantity.TEMPERATURE, value, at, critical)


def reading(quantity: Quantity, value: float, at: float) -> Reading:
    return Reading("fake", quantity, value, at)
