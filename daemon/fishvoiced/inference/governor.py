"""What slows inference down: the `Governor` asked before each frame, and the one of a machine that stays cool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from fishvoice.protocol import Priority


@dataclass(frozen=True)
class Delay:
    """``seconds`` to stand still before the next frame, then ask again. For the listener: ``state``; how long it will
    probably take in one go; how long all rests of the request together can still be."""

    seconds: float = 0.0
    state: str | None = None
    expected_seconds: float | None = None
    at_most_seconds: float | None = None


@dataclass(frozen=True)
class StepCost:
    """One step of work: wall seconds, CPU-seconds of all threads, and the seconds of sound that it made."""

    work_seconds: float
    cpu_seconds: float
    sound_seconds: float
    ends_segment: bool = False


class Governor(Protocol):
    """Told what inference does, and asked how fast it may. Every method answers at once, from any thread."""

    def began(self, key: int, priority: Priority, rtf: float | None) -> None:
        """Request ``key`` begins, or goes on in another way; ``rtf`` is what that is known to cost on this machine."""

    def wants_lighter(self, key: int, characters: int) -> bool:
        """Whether so many more characters of request ``key`` would have to rest on this hot machine."""

    def rest(self, key: int) -> Delay:
        """How long request ``key`` holds still now, before its next step."""

    def step_done(self, key: int, step: StepCost) -> None:
        """A step of request ``key`` is done."""

    def busy(self, working: bool, waiting: int = 0) -> None:
        """Whether there is anything to do, and how many requests wait."""

    def worked(self, model: str, frames: int, cpu_seconds: float) -> None:
        """So many frames of ``model`` took so many CPU-seconds, of all threads together."""

    def spoken(self, voice: str, rtf: float | None, sound_seconds: float) -> str | None:
        """A request was spoken to its end; what its listener should be told of the machine, if anything."""

    def finished(self, key: int) -> None:
        """Request ``key`` is over, however it ended."""

    def report(self) -> Mapping[str, Any] | None:
        """For `status`: None where nothing watches the machine."""

    def stop(self) -> None:
        """The daemon ends."""


class NoThrottling:
    """Never slows anything down."""

    def began(self, key: int, priority: Priority, rtf: float | None) -> None:
        pass

    def wants_lighter(self, key: int, characters: int) -> bool:
        return False

    def rest(self, key: int) -> Delay:
        return Delay()

    def step_done(self, key: int, step: StepCost) -> None:
        pass

    def busy(self, working: bool, waiting: int = 0) -> None:
        pass

    def worked(self, model: str, frames: int, cpu_seconds: float) -> None:
        pass

    def spoken(self, voice: str, rtf: float | None, sound_seconds: float) -> str | None:
        return None

    def finished(self, key: int) -> None:
        pass

    def report(self) -> Mapping[str, Any] | None:
        return None

    def stop(self) -> None:
        pass
