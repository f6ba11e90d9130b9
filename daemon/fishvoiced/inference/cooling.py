"""One request on a machine that may be hot: it rests, or goes on with less work. For who takes its steps."""

from __future__ import annotations

from dataclasses import dataclass

from fishvoiced.inference.governor import Delay, Governor
from fishvoiced.voices.base import Utterance

SETTLING_SECONDS = 30.0
"""Of sound between two lighter ways of speaking: each needs a while to show its worth."""


@dataclass
class Cooling:
    """``characters``: of the request's text."""

    governor: Governor
    key: int
    utterance: Utterance
    characters: int
    _text_end: int = 0
    _sound_seconds: float = 0.0
    _lighter_after: float = 0.0

    def delay(self) -> Delay:
        """How long to hold still before the next step. Not at all where there is a lighter way: it begins with the
        next segment, and the one in hand is finished as it began."""
        if not self.utterance.on_this_cpu:
            return Delay()
        if self._sound_seconds >= self._lighter_after:
            left = self.characters - self._text_end
            if self.governor.wants_lighter(self.key, left) and self.utterance.lighten():
                return Delay()
        return self.governor.rest(self.key)

    def spoken(self, text_end: int, sound_seconds: float) -> None:
        """A chunk is made, up to this character."""
        self._text_end = text_end
        self._sound_seconds += sound_seconds

    def lightened(self) -> None:
        """The request goes on with less work from here on."""
        self._lighter_after = self._sound_seconds + SETTLING_SECONDS
