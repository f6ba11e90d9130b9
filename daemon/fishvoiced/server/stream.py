"""One request on its way to its listener: what was counted, and the messages that cannot leave yet."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from fishvoice.protocol import (
    AudioChunk,
    AudioEnd,
    AudioStart,
    Error,
    FinishReason,
    MarkTime,
    Metrics,
    Predicted,
    SegmentError,
    SynthesisReply,
    Synthesize,
    Waiting,
    WordTime,
)
from fishvoiced.inference.governor import Delay
from fishvoiced.inference.messages import Job, Opened, Sound
from fishvoiced.server.latency import FinishedRequest
from fishvoiced.server.scheduling.scheduler import Promise, Ticket

TELL_SECONDS = 2.0  # between two words that a request waits
MOMENT_SECONDS = 1.0  # a shorter rest is not worth a word


@dataclass
class Stream:
    """An accepted request. Times are monotonic seconds; ``arrived`` is when the daemon read it."""

    key: int
    client: bytes
    request: Synthesize
    arrived: float
    predicted: Predicted
    notice: str | None = None
    promise: Promise | None = None
    opened: Opened | None = None
    began: float | None = None
    first_audio_seconds: float | None = None
    opening_seconds: float | None = None
    work_seconds: float = 0.0
    frames: int = 0
    audio_seconds: float = 0.0
    segments: int = 0
    chunks: int = 0
    sent: int = 0
    told: float | None = None  # when a message left last, or the request was first looked at
    resting: Delay | None = None  # why there is no sound at the moment; None while it flows
    rests_since: float = 0.0
    told_resting: float = 0.0
    outcome: FinishReason | None = None  # set with the last message
    notices: list[str] = field(default_factory=list)  # not told yet
    failures: list[SegmentError] = field(default_factory=list)
    words: tuple[WordTime, ...] = ()  # known, and not yet sent
    marks: tuple[MarkTime, ...] = ()  # likewise
    outbox: deque[SynthesisReply] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.job = Job(self.key, self.request)

    @property
    def id(self) -> str:
        return self.request.id

    @property
    def request_bytes(self) -> int:
        """What is kept of the request while it waits."""
        return len(self.request.payload or b"") + len(self.request.text)

    def ticket(self, credit: int) -> Ticket:
        """What the scheduler has to know of it; ``credit`` at most."""
        asked = self.request
        return Ticket(
            key=self.key,
            client=self.client,
            id=self.id,
            priority=asked.priority,
            interrupted=asked.interrupted,
            characters=len(asked.text),
            credit=min(asked.credit, credit),
            promise=self.promise,
        )

    def open(self, opened: Opened, now: float) -> None:
        """Work has begun."""
        self.opened = opened
        self.began = now
        notices = [notice for notice in (self.notice, opened.notice) if notice]
        self.outbox.append(
            AudioStart(
                id=self.id,
                sample_rate=opened.sample_rate,
                format=self.request.format,
                voice=opened.voice,
                predicted=self.predicted,
                notice="; ".join(notices) or None,
            )
        )

    def sound(self, sound: Sound) -> None:
        """A chunk was generated. Work without a sample to show for it is counted, but not sent."""
        self.resting = None
        self.frames += sound.frames
        self.work_seconds = sound.work_seconds
        self.segments = max(self.segments, sound.segment + 1)
        self.words += sound.words
        self.marks += sound.marks
        if not sound.pcm:
            return
        words, self.words = self.words, ()
        marks, self.marks = self.marks, ()
        notice = self._notice()
        self.outbox.append(
            AudioChunk(
                id=self.id,
                index=self.chunks,
                segment=sound.segment,
                text_start=sound.text_start,
                text_end=sound.text_end,
                throttled=sound.throttled,
                words=words,
                marks=marks,
                notice=notice,
                payload=sound.pcm,
            )
        )
        if not self.chunks:
            self.opening_seconds = sound.work_seconds
        self.chunks += 1
        self.audio_seconds += sound.seconds

    def rest(self, delay: Delay, now: float) -> None:
        """The machine is too hot for this request: of more than a moment its listener hears at once, and again every
        few seconds. One who has not taken yet what is ready for him has no need of it."""
        if self.resting is None:
            self.rests_since, self.told_resting = now, -math.inf
        self.resting = delay
        long = max(delay.expected_seconds or 0.0, now - self.rests_since) >= MOMENT_SECONDS
        if long and now - self.told_resting >= TELL_SECONDS and not self.outbox:
            self.told_resting = now
            self.outbox.append(
                Waiting(id=self.id, reason="heat", seconds=delay.expected_seconds, at_most=delay.at_most_seconds)
            )

    def lose_segment(self, error: SegmentError) -> None:
        """A segment could not be spoken; the others are."""
        self.failures.append(error)
        self.segments = max(self.segments, error.segment + 1)

    def complete(self, now: float, notice: str | None = None) -> None:
        """All was generated that could be; ``notice`` is what the listener should know of the machine."""
        self.finish("error" if self.failures and not self.chunks else "complete", now, notice)

    def finish(self, reason: FinishReason, now: float, notice: str | None = None) -> None:
        """Nothing more will be generated; what is ready still leaves, unless the listener wants no more."""
        if reason == "cancelled":
            self.outbox.clear()
        if notice:
            self.notices.append(notice)
        self.outbox.append(AudioEnd(id=self.id, finish_reason=reason, metrics=self.metrics(now), notice=self._notice()))
        self.outcome = reason

    def _notice(self) -> str | None:
        """What there is to tell, once."""
        told, self.notices = "; ".join(dict.fromkeys(self.notices)), []
        return told or None

    def fail(self, error: Error) -> None:
        """The request is lost: this is the last its listener hears of it."""
        self.outbox.clear()
        self.outbox.append(error)
        self.outcome = "error"

    def left(self, chunk: bool, now: float) -> None:
        """A message has gone to the listener."""
        self.told = now
        if chunk:
            self.sent += 1
            if self.first_audio_seconds is None:
                self.first_audio_seconds = now - self.arrived

    def metrics(self, now: float) -> Metrics:
        """What it cost. Wall seconds run from arrival; the real-time factor counts work only, not waiting."""
        began = now if self.began is None else self.began
        return Metrics(
            frames=self.frames,
            audio_seconds=round(self.audio_seconds, 6),
            wall_seconds=round(now - self.arrived, 6),
            queue_seconds=round(began - self.arrived, 6),
            rtf=self.work_seconds / self.audio_seconds if self.audio_seconds and self.work_seconds else None,
            first_audio_seconds=self.first_audio_seconds,
            segments=self.segments,
            segment_errors=tuple(self.failures),
        )

    def measured(self) -> FinishedRequest | None:
        """What the pace learns from it."""
        if self.opened is None:
            return None
        return FinishedRequest(
            self.opened.voice, len(self.request.text), self.work_seconds, self.audio_seconds, self.opening_seconds
        )
