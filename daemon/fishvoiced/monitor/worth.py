"""Worth: which request may be slowed down because the machine is hot, and by how much; pure.

Care for the machine must never cost a person the word they wait for. So what is urgent, what has only just begun and
what costs little is never held up, and nothing is for heat that other programs make: our resting would not cure it.
Long and heavy synthesis on a machine that it heats itself does rest, but never so long that a listener whom the voice
can keep up with hears a gap.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from fishvoice.protocol import Priority

URGENT: frozenset[Priority] = frozenset({"important", "message"})
"""Alarms, and what screen readers say in answer to a key."""
FIRST_SECONDS = 5.0
"""So much sound of any request comes unhindered: a word, a line, the beginning of a text."""
CHEAP_RTF = 0.5
"""A voice that needs less than this of the machine makes no heat to speak of."""
OURS = 0.5
"""With a smaller share of the load, resting would not cool the machine: others heat it."""
AHEAD_SECONDS = 5.0
"""So much sound always stays ahead of a listener whom the voice can keep up with."""


@dataclass(frozen=True, slots=True)
class Work:
    """A request at one moment.

    ``sound_seconds``: made so far; ``ahead_seconds``: of that not heard yet, if it is played from its first chunk on.
    ``rtf``: what its voice costs on this machine (None: not known yet). ``own_share``: this process's part of the
    machine's load, 0-1 (None: not known).
    """

    priority: Priority
    sound_seconds: float
    ahead_seconds: float
    rtf: float | None
    own_share: float | None


def may_rest(work: Work) -> bool:
    """Whether heat may slow this request down at all. What is not known to be heavy is not slowed down."""
    urgent = work.priority in URGENT or work.sound_seconds < FIRST_SECONDS
    return not urgent and work.rtf is not None and work.rtf >= CHEAP_RTF and share(work) >= OURS


def share(work: Work) -> float:
    """The part of the machine's load that is ours to take away, 0-1; all of it where nothing tells."""
    known = work.own_share is not None and math.isfinite(work.own_share)
    return min(max(work.own_share or 0.0, 0.0), 1.0) if known else 1.0


def allowed_rest(work: Work, wanted_seconds: float) -> float:
    """How much of the rest that the heat asks for this request takes, 0 … ``wanted_seconds``."""
    if not wanted_seconds > 0 or not may_rest(work):
        return 0.0
    if work.rtf is not None and work.rtf >= 1:  # its listener waits for it, however fast it goes
        return wanted_seconds
    return max(0.0, min(wanted_seconds, work.ahead_seconds - AHEAD_SECONDS))
