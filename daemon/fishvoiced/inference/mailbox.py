"""The queue between the loop and the inference thread: commands one way, events the other. All shared state is here."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from fishvoiced.inference.messages import Discard, Done, Event, Failed, Job, Load, Order, Unload

OUTBOX = 16  # events not taken yet; a job goes on only when there are fewer


class Mailbox:
    """One job at a time, perhaps others beside it, which may change between any two steps; commands come before it.
    ``wake`` announces events."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._changed = threading.Condition()  # guards everything below
        self._job: Job | None = None
        self._beside: tuple[Job, ...] = ()
        self._over: set[int] = set()  # ended here, not yet discarded there: not to be begun again
        self._orders: deque[Load | Unload | Discard] = deque()
        self._events: deque[Event] = deque()
        self._closing = False

    # -- for the loop's thread -------------------------------------------------------------------------------

    def assign(self, job: Job | None, beside: Sequence[Job] = ()) -> None:
        """Work on this from the next step on, until the next `assign` or the job's end; ``beside`` it on these, where
        they can share its steps."""
        with self._changed:
            self._beside = tuple(other for other in beside if other.key not in self._over)
            if job is not self._job and (job is None or job.key not in self._over):
                self._job = job
                self._changed.notify()

    def order(self, order: Load | Unload | Discard) -> None:
        """Queue a command to run before the next step. `Discard` also unassigns its job."""
        with self._changed:
            if isinstance(order, Discard):
                self._drop(order.key)
            self._orders.append(order)
            self._changed.notify()

    def events(self) -> list[Event]:
        """What has happened since the last call."""
        with self._changed:
            happened = list(self._events)
            self._events.clear()
            self._changed.notify()
        return happened

    def close(self) -> None:
        """No more work: `next` returns None from now on."""
        with self._changed:
            self._closing = True
            self._changed.notify()

    # -- for the inference thread ----------------------------------------------------------------------------

    def next(self) -> Order | None:
        """The next command, or the job's next step; blocks. None: the thread shall end."""
        with self._changed:
            while not self._closing:
                if self._orders:
                    return self._orders.popleft()
                if self._job is not None and len(self._events) < OUTBOX:
                    return self._job
                self._changed.wait()
        return None

    def beside(self) -> tuple[Job, ...]:
        """The jobs that may share the steps of the one that `next` gave; none while there is a command to carry out."""
        with self._changed:
            return () if self._orders or self._closing else self._beside

    def pause(self, job: Job) -> None:
        """A segment has ended: the loop decides what is next, before another one is begun in vain."""
        with self._changed:
            self._drop(job.key)

    def rest(self, job: Job, seconds: float) -> None:
        """Wait up to ``seconds``; return early when the job changes or a command arrives."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._orders) or self._closing or self._job is not job, timeout=seconds)

    def emit(self, event: Event) -> None:
        with self._changed:
            self._events.append(event)
        self._wake()

    def end(self, key: int, event: Done | Failed) -> None:
        """Publish the job's final event. A late `assign` of the same job has no effect."""
        with self._changed:
            self._over.add(key)
            self._drop(key)
        self.emit(event)

    def _drop(self, key: int) -> None:
        if self._job is not None and self._job.key == key:
            self._job = None
        self._beside = tuple(other for other in self._beside if other.key != key)

    def forget(self, key: int) -> None:
        """The loop has discarded the job: it will not be assigned again."""
        with self._changed:
            self._over.discard(key)
