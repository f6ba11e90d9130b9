"""Where spoken words are cut into phrases, so that no step takes long and the first sound comes soon. Pure.

Sentences are phrases of their own. A longer one is cut behind commas; where there is none, between words that people
part as well, and each side is then pronounced with the word beyond the cut, which is not kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fishvoiced.backends.light.spoken import SENTENCE_ENDS, Token

MAX_PHONEMES = 96
"""Of a phrase: about five seconds, which the network computes in some 30 ms."""
QUICK_PHONEMES = 14
"""Of the first phrase of a longer text: three words, so that a long sentence is heard no later than ten words."""
WHOLE_PHONEMES = 60
"""A sentence up to this length is never cut: ten or eleven words."""

_JOINING = frozenset({
    "and", "or", "but", "nor", "that", "which", "who", "whose", "because", "when", "while", "where", "if", "unless",
    "so", "than", "although", "though", "until", "since", "as", "with", "without", "for", "from", "in", "on", "at",
    "to", "of", "by", "into", "over", "under", "after", "before", "between", "through", "about", "during",
})  # fmt: skip
_LEADING = _JOINING | {
    "a", "an", "the", "my", "your", "his", "her", "its", "our", "their", "this", "these", "i", "we", "you", "he",
    "she", "they", "it", "not",
}  # fmt: skip
_QUIET_BEGINNINGS = frozenset("ptkfsθʃʧh")
_NEAR = 0.8  # of the length wanted: how far off a cut may be, either way


@dataclass(frozen=True, slots=True)
class Phrase:
    """Tokens [start, end); ``before`` and ``after``: words beyond them to pronounce too, and to leave out."""

    start: int
    end: int
    before: int = 0
    after: int = 0


def phrases(tokens: Sequence[Token], phonemes: Sequence[str], *, quick: bool) -> list[Phrase]:
    """All tokens in order. ``quick``: sound is waited for, so the first phrase is to be short."""
    found: list[Phrase] = []
    for start, end in _sentences(tokens):
        first = quick and not found
        if _length(phonemes, start, end) <= (WHOLE_PHONEMES if first else MAX_PHONEMES):
            found.append(Phrase(start, end))
        else:
            found += _cut(tokens, phonemes, start, end, QUICK_PHONEMES if first else MAX_PHONEMES)
    return found


def _sentences(tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    start = 0
    for place, token in enumerate(tokens, 1):
        if token.text in SENTENCE_ENDS or place == len(tokens):
            yield start, place
            start = place


def _cut(tokens: Sequence[Token], phonemes: Sequence[str], start: int, end: int, wanted: int) -> Iterator[Phrase]:
    """A sentence in parts: the first of about ``wanted`` phonemes, the others as long as they may be."""
    before = 0
    while (left := _length(phonemes, start, end)) > (WHOLE_PHONEMES if wanted < MAX_PHONEMES else MAX_PHONEMES):
        target = wanted if wanted < MAX_PHONEMES else left / -(-left // MAX_PHONEMES)
        place = _best_cut(tokens, phonemes, start, end, target)
        if place is None:
            break
        after = 0 if tokens[place - 1].is_mark else 1
        yield Phrase(start, place, before, after)
        start, before, wanted = place, after, MAX_PHONEMES
    yield Phrase(start, end, before)


def _best_cut(tokens: Sequence[Token], phonemes: Sequence[str], start: int, end: int, target: float) -> int | None:
    """The token before which to cut; None: there is no place at all near ``target`` phonemes."""
    best, lowest = None, math.inf
    length = len(phonemes[start])
    for place in range(start + 1, end):
        away = abs(length - target) / target
        cost = away - _fitness(tokens, phonemes, place)
        if away <= _NEAR and not tokens[place].is_mark and cost < lowest:
            best, lowest = place, cost
        length += 1 + len(phonemes[place])
    return best


def _fitness(tokens: Sequence[Token], phonemes: Sequence[str], place: int) -> float:
    """How well a pause, or a seam, fits in before this token: -1 to 1."""
    if tokens[place - 1].is_mark:
        return 1.0
    if tokens[place - 1].text in _LEADING:
        return -1.0
    joining = 0.4 if tokens[place].text in _JOINING else 0.0
    return joining + (0.2 if phonemes[place].lstrip("ˈˌ")[:1] in _QUIET_BEGINNINGS else 0.0)


def _length(phonemes: Sequence[str], start: int, end: int) -> int:
    return sum(len(phonemes[place]) + 1 for place in range(start, end))
