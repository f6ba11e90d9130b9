"""What of a text is still to come, and whether there is time to begin it before what is being spoken has ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import islice
from time import monotonic
from typing import TypeAlias

from fishvoiced.text.lines import Line
from fishvoiced.text.spans import Pause

Part: TypeAlias = Line | Pause

SAFE_SECONDS = 2.0
"""Sound that lies ahead of the listener while other segments are worked on: many times what a step of all takes."""


class Coming:
    """The parts of a text, each asked for once, or looked at before. ``found`` has None for a line without anything to
    say: each is a step, so that many of them in a row do not keep others waiting."""

    def __init__(self, found: Iterator[Part | None]) -> None:
        self._found = found
        self._seen: deque[Part] = deque()

    def next(self) -> Generator[None, None, Part | None]:
        """The next part, in steps; None at the end."""
        part = yield from self.first()
        if part is not None:
            self._seen.popleft()
        return part

    def first(self) -> Generator[None, None, Part | None]:
        """What `next` will give."""
        while not self._seen:
            for part in self._found:
                if part is not None:
                    self._seen.append(part)
                    break
                yield None
            else:
                return None
        return self._seen[0]

    def lines(self, count: int) -> Sequence[Line]:
        """The next ``count`` lines, as far as they have been looked at; one part more is, each time that some lack."""
        if sum(isinstance(part, Line) for part in self._seen) < count:
            part = next(self._found, None)
            if part is not None:
                self._seen.append(part)
        return list(islice((part for part in self._seen if isinstance(part, Line)), count))


class Lead:
    """How much sound was made beyond what a listener who hears all of it at once can have heard.

    ``listens`` False: nobody waits for the sound in between; there is always time once there is any sound at all.
    """

    def __init__(self, listens: bool, clock: Callable[[], float] = monotonic) -> None:
        self._listens, self._clock = listens, clock
        self._heard_out: float | None = None  # when all that was made will have been heard

    def made(self, seconds: float) -> None:
        if seconds > 0:
            self._heard_out = max(self._heard_out or 0.0, self._clock()) + seconds

    @property
    def is_safe(self) -> bool:
        if self._heard_out is None:
            return False
        return not self._listens or self._heard_out - self._clock() >= SAFE_SECONDS
