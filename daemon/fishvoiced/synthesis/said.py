"""A line in the form that a voice reads."""

from __future__ import annotations

from fishvoiced.errors import NothingToSay
from fishvoiced.synthesis.base import Traits
from fishvoiced.text.lines import Line
from fishvoiced.text.phones import to_misaki

NOTHING = "there is nothing in this text that the voice can pronounce"


def said(line: Line, traits: Traits) -> str:
    """What a voice is given to say ``line``. Raises NothingToSay if there is nothing in it for this voice."""
    if traits.reads == "spoken":
        if all(word.is_pause for word in line.reading.words):
            raise NothingToSay(_unread(line) or NOTHING)
        return line.spoken(to_misaki if traits.alphabet == "misaki" else str)
    if traits.reads == "phonetic":
        text = line.written_with_phones
    else:
        text = line.numbers_written_out if traits.reads == "numbered" else line.written
    if not text:
        raise NothingToSay(NOTHING)
    return text


def _unread(line: Line) -> str | None:
    scripts = sorted({part.script for part in line.reading.unread})
    return f"this voice cannot read {' or '.join(scripts)} script; see: fishvoice voices" if scripts else None
