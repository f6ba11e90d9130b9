"""The inference thread alone, with a speaker of tones, and what it has said."""

from __future__ import annotations

from fishvoice.protocol import Synthesize
from fishvoiced.inference.governor import Governor, NoThrottling
from fishvoiced.inference.messages import (
    Event,
    Job,
)
from fishvoiced.inference.thread import InferenceThread
from tools.harness.daemon_process import eventually
from tools.harness.tone_speaker import ToneSpeaker


class Bench:
    """A running worker and what it has said so far."""

    def __init__(self, speaker: ToneSpeaker, governor: Governor | None = None) -> None:
        self.speaker = speaker
        self.wakes = 0
        self.worker = InferenceThread(lambda: speaker, self._wake, governor or NoThrottling())
        self.said: list[Event] = []
        self.worker.start()

    def _wake(self) -> None:
        self.wakes += 1

    def until(self, kind: type[Event], count: int = 1) -> list[Event]:
        def enough() -> bool:
            self.said += self.worker.events()
            return sum(isinstance(event, kind) for event in self.said) >= count

        eventually(enough)
        return self.said


def job(key: int, text: str, **fields: object) -> Job:
    return Job(key, Synthesize(id=str(key), text=text, **fields))  # type: ignore[arg-type]
