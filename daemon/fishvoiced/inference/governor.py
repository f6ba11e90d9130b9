"""What slows inference down: the `Governor` asked before each frame, and the one of a machine that stays cool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Delay:
    """``seconds`` to stand still before the next frame, then ask again; ``state`` is for the listener."""

    seconds: float = 0.0
    state: str | None = None


class Governor(Protocol):
    """Told what inference does, and asked how fast it may. Every method answers at once, from any thread."""

    def rest(self, key: int) -> Delay:
        """How long request ``key`` holds still now, before its next step."""

    def stepped(self, key: int, work_seconds: float, sound_seconds: float, segment_ended: bool) -> None:
        """A step of request ``key`` took so long and made so much sound."""

    def busy(self, working: bool, waiting: int = 0) -> None:
        """Whether there is anything to do, and how many requests wait."""

    def worked(self, model: str, frames: int, cpu_seconds: float) -> None:
        """So many frames of ``model`` took so many CPU-seconds, of all threads together."""

    def finished(self, key: int, rtf: float | None) -> None:
        """Request ``key`` is over; ``rtf`` if it was spoken to its end."""

    def report(self) -> Mapping[str, Any] | None:
        """For `status`: None where nothing watches the machine."""

    def stop(self) -> None:
        """The daemon ends."""


class NoThrottling:
    """Never slows anything down."""

    def rest(self, key: int) -> Delay:
        return Delay()

    def stepped(self, key: int, work_seconds: float, sound_seconds: float, segment_ended: bool) -> None:
        pass

    def busy(self, working: bool, waiting: int = 0) -> None:
        pass

    def worked(self, model: str, frames: int, cpu_seconds: float) -> None:
        pass

    def finished(self, key: int, rtf: float | None) -> None:
        pass

    def report(self) -> Mapping[str, Any] | None:
        return None

    def stop(self) -> None:
        pass
