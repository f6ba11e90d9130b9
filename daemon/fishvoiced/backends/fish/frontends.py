"""The pronunciation front ends by the names that models give them. All of them read English."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fishvoiced.text.english import EnglishFrontend

ENGLISH, MISAKI, NUMBERED = NAMES = ("english", "misaki", "misaki-numbered")
"""In a model's ``fishvoice.json``"""


def load(name: str, lexicon: Path) -> EnglishFrontend:
    """Front end ``name`` with the lexicon in folder or file ``lexicon``; raises as ``read_lexicon`` does."""
    from fishvoiced.text import english, misaki  # a tenth of a second that listing voices can do without

    kinds = {
        ENGLISH: english.EnglishFrontend,
        MISAKI: misaki.MisakiFrontend,
        NUMBERED: misaki.NumberedFrontend,
    }
    return kinds[name](english.read_lexicon(lexicon))
