"""Who speaks next. Pure state: no clock, no I/O, no thread.

The five priorities mean what they mean in speech-dispatcher's SSIP, with one difference: where SSIP cancels a
message, the request's own ``interrupted`` policy decides. ``drop`` is SSIP's rule. ``resume`` waits, or is paused at
the next frame and goes on later: a queue that loses nothing.

A segment that was begun is finished before another one of its class; then clients take turns (`Turns`), and each
client's own requests keep their order. A request whose client grants no credit is passed over until it does, but one
chunk is always made ahead: so it shows whether the request is over, and the listener's next credit is answered at once.

No request waits for ever: it rises by one class for every `PATIENCE` characters of higher classes that are spoken
since it came, or since its last segment. Those that wait alike keep their order, and nothing but ``important`` ever
interrupts a message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fishvoice.protocol import Interrupted, Priority
from fishvoiced.server.scheduling.interruption import RANK, drowns, superseded
from fishvoiced.server.scheduling.turns import Turns

PATIENCE = 500  # characters: about half a minute of speech
UNNOTICED_SECONDS = 0.1  # that an important request may begin later, for the sake of an older promise
SEGMENT = 200  # characters that a turn takes at most, for estimates


@dataclass(frozen=True)
class Promise:
    """The first sound is there at ``due`` (monotonic seconds), and takes ``opening`` seconds of work. From ``hurry`` on
    the request goes before everything but ``important``, until that sound is made."""

    due: float
    opening: float
    hurry: float


@dataclass(frozen=True)
class Ticket:
    """What the scheduler knows of a request. ``key`` is the daemon's own number for it."""

    key: int
    client: bytes
    id: str
    priority: Priority
    interrupted: Interrupted
    characters: int
    credit: int
    promise: Promise | None = None


@dataclass(frozen=True)
class Admitted:
    """The request is in; ``dropped`` ends with it. It is among them itself if there was no silence for it."""

    dropped: tuple[int, ...] = ()


@dataclass(frozen=True)
class Refused:
    """No room: in the whole queue, or for this client."""

    reason: str


@dataclass
class _Entry:
    ticket: Ticket
    granted: int
    started: bool = False
    segment: int | None = None  # the segment being spoken, in the order in which segments were begun; None: none
    spoke: int = 0  # the segment begun last
    produced: int = 0
    spoken: int = 0  # characters that were spoken already
    hurries: bool = False  # a promise is about to be kept
    finished: bool = False  # nothing left to generate, but not all is delivered
    blocked_since: float | None = None
    elsewhere_until: float | None = None  # its sound is being made elsewhere until then
    held: bool = False  # its messages pile up in the transport although there is credit
    passed: int = 0  # characters of higher classes that were spoken since it came, or since its last segment

    @property
    def level(self) -> int:
        """Its class, less one for each `PATIENCE` of waiting: so those that wait alike keep their order."""
        return RANK[self.ticket.priority] - self.passed // PATIENCE

    @property
    def rank(self) -> int:
        """However long it waited, it does not interrupt a message; a promise does."""
        if self.hurries:
            return RANK["important"]
        return max(min(RANK[self.ticket.priority], RANK["message"]), self.level)

    def is_quick_promise_before(self, other: _Entry) -> bool:
        """What is important and came later waits for a promise that hurries, if nobody notices."""
        promise = self.ticket.promise
        quick = promise is not None and self.hurries and promise.opening <= UNNOTICED_SECONDS
        return quick and not other.hurries and self.ticket.key < other.ticket.key

    @property
    def workable(self) -> bool:
        waits = self.held or self.elsewhere_until is not None
        return not self.finished and not waits and self.produced <= self.granted

    @property
    def left(self) -> int:
        return 0 if self.finished else max(0, self.ticket.characters - self.spoken)


class Scheduler:
    """Requests from admission to their end. Every key given to `admit` is taken out by exactly one `end`."""

    def __init__(self, queue: int, per_client: int) -> None:
        self.queue = queue
        self.per_client = per_client
        self._entries: dict[int, _Entry] = {}
        self._segments = 0
        self._turns = Turns()

    # -- coming and going ----------------------------------------------------------------------------------

    def admit(self, ticket: Ticket) -> Admitted | Refused:
        """Take the request, or refuse it and leave everything as it was. The dropped ones are already ended."""
        assert ticket.key not in self._entries
        dropped = [
            entry.ticket.key
            for entry in self._entries.values()
            if superseded(entry.ticket, ticket, spoken=entry.started)
        ]
        staying = [entry for key, entry in self._entries.items() if key not in dropped]
        if len(staying) >= self.queue:
            return Refused(f"{len(staying)} requests are waiting already")
        if sum(entry.ticket.client == ticket.client for entry in staying) >= self.per_client:
            return Refused(f"this client has {self.per_client} requests under way already")
        if ticket.interrupted == "drop" and any(drowns(entry.ticket, ticket) for entry in staying):
            return Admitted((ticket.key,))
        for key in dropped:
            self.end(key)
        if not self.find(client=ticket.client):
            self._turns.join(ticket.client)
        self._entries[ticket.key] = _Entry(ticket, ticket.credit)
        return Admitted(tuple(dropped))

    def end(self, key: int) -> None:
        """Forget a request, in whatever state it is."""
        client = self._entries.pop(key).ticket.client
        if not self._entries:
            self._turns.clear()
        elif not self.find(client=client):
            self._turns.leave(client)

    # -- the choice ----------------------------------------------------------------------------------------

    def choose(self) -> int | None:
        """The request to work on now; None if there is nothing to do."""
        workable = self._heads()
        first = min(workable, key=self._order, default=None)
        if first is None:
            return None
        older = [head for head in workable if head.is_quick_promise_before(first)]
        return min(older, key=self._order, default=first).ticket.key

    def beside(self, key: int) -> tuple[int, ...]:
        """Those that may be worked on together with the chosen one, the next ones first: of its rank, but no other. One
        that goes before all others, or hurries, goes alone: each companion would make its steps longer."""
        chosen = self._entries[key]
        if chosen.rank <= RANK["important"]:
            return ()
        others = [head for head in self._heads() if head is not chosen and head.rank == chosen.rank]
        return tuple(entry.ticket.key for entry in sorted(others, key=self._order))

    def _heads(self) -> list[_Entry]:
        """One client's requests of one class never overlap, even while its listener is not listening."""
        heads: dict[tuple[bytes, Priority], _Entry] = {}
        for entry in self._entries.values():  # in the order in which they came
            heads.setdefault((entry.ticket.client, entry.ticket.priority), entry)
        return [head for head in heads.values() if head.workable]

    def _order(self, entry: _Entry) -> tuple[int, bool, int, float, int]:
        """Least first; equals by who spoke longest ago, then in the order in which they came."""
        if entry.hurries and entry.ticket.promise is not None:
            return (entry.rank, True, 1, entry.ticket.promise.due, 0)
        if entry.segment is not None:
            return (entry.rank, False, entry.segment, 0.0, 0)
        return (entry.rank, True, entry.level, self._turns.given(entry.ticket.client), entry.spoke)

    def start(self, key: int) -> None:
        """Work on the request, or on its next segment, begins; may be told again and again."""
        entry = self._entries[key]
        entry.started = True
        if entry.segment is None:
            self._segments += 1
            entry.segment = entry.spoke = self._segments

    # -- progress ------------------------------------------------------------------------------------------

    def produced(self, key: int, spoken: int, seconds: float, now: float) -> None:
        """One more chunk of the request exists, ``seconds`` of sound; with it ``spoken`` characters are said."""
        entry = self._entries[key]
        entry.produced += 1
        entry.hurries = False
        taking = {e.ticket.client for e in self._entries.values() if e.workable} | {entry.ticket.client}
        self._turns.give(entry.ticket.client, seconds, len(taking))
        for other in self._entries.values():
            if RANK[other.ticket.priority] > RANK[entry.ticket.priority]:
                other.passed += spoken - entry.spoken
        entry.spoken = spoken
        if entry.produced > entry.granted:
            entry.blocked_since = now

    def segment_over(self, key: int) -> None:
        """A segment of the request has ended: others of its class have their turn."""
        entry = self._entries[key]
        entry.segment = None
        entry.passed = 0

    def credit(self, key: int, chunks: int, at_most: int) -> None:
        """The listener takes ``chunks`` more; never more than ``at_most`` are under way."""
        entry = self._entries[key]
        entry.granted = min(entry.granted + chunks, entry.produced + at_most)
        if entry.blocked_since is not None and entry.produced <= entry.granted:
            entry.blocked_since = None
            self._turns.join(entry.ticket.client)  # while he took nothing he had no claim to anything

    def hold(self, key: int, held: bool) -> None:
        """Pass the request over, or no longer: the transport takes nothing more for its listener."""
        self._entries[key].held = held

    def wait(self, key: int, until: float) -> None:
        """Pass the request over until that moment: its sound is being made elsewhere."""
        self._entries[key].elsewhere_until = until

    def resume(self, now: float) -> None:
        """Those whose waiting is over by ``now`` can be worked on again."""
        for entry in self._entries.values():
            if entry.elsewhere_until is not None and entry.elsewhere_until <= now:
                entry.elsewhere_until = None
            promise = entry.ticket.promise
            entry.hurries = promise is not None and not entry.produced and promise.hurry <= now

    def next_resume(self) -> float | None:
        """When to call `resume`; None if no request waits for sound made elsewhere, or for the time to hurry."""
        elsewhere = [e.elsewhere_until for e in self._entries.values() if e.elsewhere_until is not None]
        return min(elsewhere + [p.hurry for e, p in self._promises() if not e.hurries], default=None)

    def _promises(self) -> list[tuple[_Entry, Promise]]:
        """Those still to be kept."""
        entries = self._entries.values()
        return [(e, e.ticket.promise) for e in entries if e.ticket.promise is not None and not e.produced]

    def can_promise(self, due: float, opening: float, now: float, work_per_character: float) -> bool:
        """Whether a first sound that takes ``opening`` seconds of work can be there at ``due``, with every promise that
        was given before kept as well: the earliest is served first, after all that is important."""
        important = sum(e.left for e in self._entries.values() if e.ticket.priority == "important" and e.workable)
        ready = now + important * work_per_character
        for each_due, each_opening in sorted([(due, opening), *((p.due, p.opening) for _, p in self._promises())]):
            ready += each_opening
            if ready > each_due:
                return False
        return True

    def granted(self, key: int) -> int:
        """How many chunks of the request may be sent in all."""
        return self._entries[key].granted

    def finish(self, key: int) -> None:
        """Nothing is left to generate; the request stays until its last chunk is delivered."""
        self._entries[key].finished = True

    # -- questions -----------------------------------------------------------------------------------------

    def __contains__(self, key: int) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def waiting(self) -> int:
        """Requests on which no work was done yet."""
        return sum(not entry.started for entry in self._entries.values())

    def find(self, id: str | None = None, client: bytes | None = None) -> tuple[int, ...]:  # noqa: A002 - the wire's
        """Keys of the requests with this id, of this client, or all."""
        return tuple(
            key
            for key, entry in self._entries.items()
            if (id is None or entry.ticket.id == id) and (client is None or entry.ticket.client == client)
        )

    def stalled(self, since: float) -> tuple[int, ...]:
        """Requests without credit since that moment or before it."""
        return tuple(key for key, entry in self._entries.items() if _blocked(entry, since))

    def frozen(self, seconds: float) -> None:
        """The process did not run for so long: no listener could grant anything meanwhile."""
        for entry in self._entries.values():
            if entry.blocked_since is not None:
                entry.blocked_since += seconds

    def next_stall(self) -> float | None:
        """Since when the request that is longest without credit is so."""
        return min((e.blocked_since for e in self._entries.values() if e.blocked_since is not None), default=None)

    def characters_ahead(self, priority: Priority, client: bytes) -> int:
        """Characters that would be spoken before a request of this class and client that came now."""
        return self._characters_before(RANK[priority], client, [e for e in self._entries.values() if e.workable])

    def characters_before(self, key: int) -> int:
        """Characters that are spoken before the next one of this request, if nobody else comes."""
        entry = self._entries[key]
        client = entry.ticket.client
        others = [e for e in self._entries.values() if e.workable and (e.ticket.client != client or e.ticket.key < key)]
        return self._characters_before(entry.level, client, others)

    @staticmethod
    def _characters_before(rank: int, client: bytes, others: Sequence[_Entry]) -> int:
        """All of higher classes and of the client's own; of each other client as much again, and a turn."""
        urgent = sum(e.left for e in others if e.level < rank)
        own, alike = 0, dict[bytes, int]()
        for entry in (e for e in others if e.level == rank):
            if entry.ticket.client == client:
                own += entry.left
            else:
                alike[entry.ticket.client] = alike.get(entry.ticket.client, 0) + entry.left
        return urgent + own + sum(min(left, own + SEGMENT) for left in alike.values())

    def waits(self, key: int) -> bool:
        """Whether the request waits for the daemon, not for its listener."""
        entry = self._entries[key]
        return not entry.finished and not entry.held and entry.blocked_since is None

    def characters_to_room(self) -> int:
        """Characters until the request now spoken is over: the earliest moment at which the queue is shorter."""
        return min((entry.left for entry in self._entries.values() if entry.started), default=0)


def _blocked(entry: _Entry, since: float) -> bool:
    return entry.blocked_since is not None and entry.blocked_since <= since
