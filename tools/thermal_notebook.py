"""A notebook as a thermal model, on which the real throttle machine and the real pacing spend a simulated hour.

Heat is one lump: C dT/dt = P - (T - ambient) / R. Above its limit the firmware cuts the clock, and with it the power,
until the temperature holds. The clock is simulated, so an hour takes a moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from fishvoice.protocol import Priority
from fishvoiced.monitor.evidence import Policy
from fishvoiced.monitor.pacing import Pacing
from fishvoiced.monitor.reading import Quantity, Reading
from fishvoiced.monitor.throttle import Advice, Phase, ThrottleState, advise, step

POLL_SECONDS = 2.0
STEP_WORK = 0.25  # seconds of work per step at full clock
SLOWEST = 0.3  # of the full clock; firmware goes no lower


@dataclass(frozen=True)
class Notebook:
    """``ohm``: kelvin per watt to the air; ``farad``: joule per kelvin; watts at full clock, at rest; degrees C."""

    name: str
    ohm: float
    farad: float
    full_watts: float
    idle_watts: float = 2.0
    ambient: float = 25.0
    limit: float = 100.0
    fanless: bool = False


FANLESS = Notebook("without a fan", ohm=6.0, farad=35.0, full_watts=14.0, fanless=True)
FANNED = Notebook("with a fan", ohm=2.1, farad=60.0, full_watts=38.0)


@dataclass(frozen=True)
class Document:
    """A long text: a voice that costs ``rtf`` at full clock, spoken until the hour is over or ``sound_seconds`` are."""

    rtf: float = 3.0
    sound_seconds: float = 1e9
    priority: Priority = "text"


@dataclass
class Day:
    """What was seen, in samples of two seconds; seconds, degrees, shares of the full clock."""

    times: list[float] = field(default_factory=list)
    temperatures: list[float] = field(default_factory=list)
    clocks: list[float] = field(default_factory=list)
    sounds: list[float] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)
    urgent: list[tuple[float, float]] = field(default_factory=list)  # (when, seconds until it was said)
    rested: float = 0.0
    finished_at: float | None = None


@dataclass
class Simulation:
    """One notebook, one document and an urgent word now and then. ``cares`` False: nothing ever rests. ``others``: the
    load of other programs at a time, 0-1. ``urgent_rtf``: of the voice that says the urgent words."""

    notebook: Notebook
    document: Document
    cares: bool = True
    others: Callable[[float], float] = lambda now: 0.0
    urgent_every: float = 60.0
    urgent_rtf: float = 0.2

    def __post_init__(self) -> None:
        self.now, self.temperature, self.clock = 0.0, self.notebook.ambient + 10.0, 1.0
        self.policy = Policy(threads=4, fanless=self.notebook.fanless)
        self.state = ThrottleState()
        self.throttled = 0.0  # seconds since the last poll
        self.own = self.foreign = 0.0  # decaying sums of load, for the share
        self.polled = 0.0
        self.day = Day()
        self.sound = 0.0

    def run(self, seconds: float) -> Day:
        """Spend so many seconds."""
        pacing = Pacing(
            self._advice, self.policy.threads, self.document.priority, self.document.rtf, self._share, lambda: self.now
        )
        due = iter(self._due(seconds))
        next_word = next(due, seconds)
        while self.now < seconds and self.sound < self.document.sound_seconds:
            if self.now >= next_word:
                self._word(next_word)
                next_word = next(due, seconds)
            rest = pacing.rest() if self.cares else 0.0
            if rest:
                self._pass(min(rest, max(next_word - self.now, 1e-3)), busy=0.0)
                continue
            took = STEP_WORK / self.clock
            self._pass(took, busy=1.0)
            made = STEP_WORK / self.document.rtf
            self.sound += made
            pacing.step_done(took, made, segment_ended=int(self.sound / 8) != int((self.sound - made) / 8))
        self.day.finished_at = self.now if self.sound >= self.document.sound_seconds else None
        self.day.rested = 180.0 - pacing.left_seconds
        return self.day

    def _due(self, seconds: float) -> Iterator[float]:
        at = self.urgent_every
        while at < seconds:
            yield at
            at += self.urgent_every

    def _word(self, asked: float) -> None:
        """An urgent word of one second: it waits for nothing but the step under way, then for its own work."""
        pacing = Pacing(self._advice, self.policy.threads, "important", self.urgent_rtf, self._share, lambda: self.now)
        work = self.urgent_rtf
        while work > 0:
            rest = pacing.rest() if self.cares else 0.0
            if rest:
                self._pass(rest, busy=0.0)
                continue
            part = min(work, STEP_WORK)
            self._pass(part / self.clock, busy=1.0)
            pacing.step_done(part / self.clock, part / self.urgent_rtf)
            work -= part
        self.day.urgent.append((asked, self.now - asked))

    def _advice(self) -> Advice:
        return advise(self.state, self.policy)

    def _share(self) -> float | None:
        return self.own / (self.own + self.foreign) if self.own + self.foreign > 0.1 else None

    def _pass(self, seconds: float, busy: float) -> None:
        """Time goes by: heat, the firmware's clock, and a poll when one is due."""
        left = seconds
        while left > 1e-9:
            slice_ = min(left, 0.25)
            left -= slice_
            others = self.others(self.now)
            load = min(1.0, busy * (1 - others) + others)
            book = self.notebook
            watts = book.idle_watts + (book.full_watts - book.idle_watts) * load * self.clock**2
            self.temperature += slice_ * (watts - (self.temperature - book.ambient) / book.ohm) / book.farad
            if self.temperature >= book.limit:
                self.clock = max(SLOWEST, self.clock - 0.05)
            elif self.temperature < book.limit - 2:
                self.clock = min(1.0, self.clock + 0.02)
            self.throttled += slice_ if self.clock < 1.0 else 0.0
            fade = 1 - slice_ / 30.0
            self.own = self.own * fade + busy * (1 - others) * slice_
            self.foreign = self.foreign * fade + others * slice_
            self.now += slice_
            if self.now - self.polled >= POLL_SECONDS:
                self._poll()

    def _poll(self) -> None:
        passed, self.polled = self.now - self.polled, self.now
        duty, self.throttled = min(1.0, self.throttled / passed), 0.0
        readings = [
            Reading("package", Quantity.TEMPERATURE, min(self.temperature, 125.0), self.now, self.notebook.limit),
            Reading("package", Quantity.THROTTLE_DUTY, duty, self.now),
        ]
        self.state = step(self.state, readings, self.now, self.policy)
        day = self.day
        day.times.append(self.now)
        day.temperatures.append(self.temperature)
        day.clocks.append(self.clock)
        day.sounds.append(self.sound)
        day.phases.append(self.state.phase)
