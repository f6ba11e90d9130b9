"""How Emacspeak's text is to be said: punctuation, capitals, and its rates. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace

from fishvoice.adapters.emacspeak.protocol import Change
from fishvoice.adapters.shared import characters

NORMAL_RATE = 75.0  # what Emacspeak asks of a server that it does not know
RATES_PER_DOUBLE = 47.0  # its nine steps of 8 from 50 end at 122: twice as fast as normal
SLOWEST, FASTEST = 0.5, 3.0
SOME = frozenset("#$%&*+/<=>@\\^_|~`[]{}")
_PROSODIC = frozenset(",.;:?!")
_SHORT_PAUSE = "[*]"
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_CAPITALIZED = re.compile(r"\b[A-Z](?=[a-z]|\b)")
_ALL_CAPITALS = re.compile(r"\b[A-Z]{2,}\b")


@dataclass(frozen=True)
class Settings:
    """``punctuations`` is all, some or none; ``rate`` in Emacspeak's units for plain servers."""

    punctuations: str = "some"
    capitalize: bool = False
    allcaps_beep: bool = False
    split_caps: bool = True
    rate: float = NORMAL_RATE
    character_scale: float = 1.1

    def changed(self, change: Change) -> Settings:
        """With what ``change`` names."""
        named = {each.name: getattr(change, each.name) for each in fields(change)}
        return replace(self, **{name: value for name, value in named.items() if value is not None})

    @property
    def speed(self) -> float:
        """For the daemon: 1 at the rate that Emacspeak begins with, twice as much 47 further."""
        exponent = max(-10.0, min(10.0, (self.rate - NORMAL_RATE) / RATES_PER_DOUBLE))
        return round(max(SLOWEST, min(FASTEST, 2**exponent)), 4)


def spoken(text: str, settings: Settings) -> str:
    """What is to be said for ``text``; nothing if it has nothing to say."""
    text = text.replace(_SHORT_PAUSE, " ")
    if settings.allcaps_beep:
        text = _ALL_CAPITALS.sub(lambda word: f"all caps {word[0]}", text)
    if settings.capitalize:
        text = _CAPITALIZED.sub(lambda letter: f"cap {letter[0]}", text)
    if settings.split_caps:
        text = _CAMEL.sub(" ", text)
    if settings.punctuations in {"all", "some"}:
        text = "".join(_punctuation(symbol, settings.punctuations == "all") for symbol in text)
    return characters.sayable(text.strip())


def letter(text: str) -> str:
    """What is to be said for one character."""
    return characters.spelled(text[:8], capitals=True)


def _punctuation(symbol: str, every: bool) -> str:
    if symbol.isalnum() or symbol.isspace() or symbol not in characters.CHARACTERS:
        return symbol
    if symbol in SOME or (every and symbol != "'"):
        return f" {characters.character(symbol)}{symbol if symbol in _PROSODIC else ''} "
    return symbol
