"""How long words take to say, from their spelling: for voices that do not tell when they say what. Pure.

The figures are least squares over the light voice's own durations of 305 English sentences. Only their proportions
matter: a voice's pace is measured while it speaks. Where there are no Latin letters, every character counts alike.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import numpy as np

from fishvoiced.text.lines import Line

ONSET_SECONDS = 0.042  # of sound before the first word counts as begun
PAUSE_SECONDS = 0.254
LAST_SECONDS = 0.033  # more of a word before a pause: it is drawn out
WORD_SECONDS, VOWEL_SECONDS, CONSONANT_SECONDS = 0.077, 0.071, 0.05
SMALL_WORD_SECONDS, SMALL_WORD_CONSONANT_SECONDS = 0.093, 0.028
LETTER_SECONDS = 0.16  # its name
OTHER_SECONDS = 0.07  # a character of any other script

SMALL_WORDS = frozenset({
    "a", "an", "the", "of", "and", "to", "in", "on", "at", "is", "it", "for", "we", "he", "she", "you", "i", "are",
    "was", "were", "be", "by", "or", "but", "as", "if", "with", "that", "this", "had", "has", "have", "not", "from",
    "his", "her", "their", "my", "our", "your", "its", "do", "did", "so",
})  # fmt: skip
"""Seldom stressed, whatever their length."""

_VOWELS = re.compile(r"[aeiouy]+")
_CONSONANTS = re.compile(r"tch|[cst]h|ph|[wgk]h|ck|ng|kn|wr|([b-df-hj-np-tv-xz])\1|[b-df-hj-np-tv-xz]")
_SILENT_E = re.compile(r"(?<=[aeiouy][bcdfgklmnprtvsz])e(?=[sd]?$)")
_NOT_LATIN = re.compile(r"[^\W\da-z_]")


def word_seconds(spoken: str) -> float:
    """One spoken word, without the pause behind it."""
    if len(spoken) == 1 and spoken.isupper():
        return LETTER_SECONDS
    letters = unicodedata.normalize("NFD", spoken.lower())
    if letters in SMALL_WORDS:
        return SMALL_WORD_SECONDS + SMALL_WORD_CONSONANT_SECONDS * _count(_CONSONANTS, letters)
    if others := _count(_NOT_LATIN, letters):
        return WORD_SECONDS + OTHER_SECONDS * others
    heard = _SILENT_E.sub("", letters) if len(letters) > 3 else letters
    syllables = max(1, _count(_VOWELS, heard))
    return WORD_SECONDS + VOWEL_SECONDS * syllables + CONSONANT_SECONDS * _count(_CONSONANTS, heard)


def _count(pattern: re.Pattern[str], letters: str) -> int:
    return sum(1 for _ in pattern.finditer(letters))


class Course:
    """How a line goes on: seconds of an average speaker against places in the request's text."""

    def __init__(self, line: Line) -> None:
        self.seconds = ONSET_SECONDS
        places, seconds = [line.start], [self.seconds]
        for place, length in _lengths(line):
            if place > places[-1]:
                places.append(place)
                seconds.append(self.seconds)
            self.seconds += length
        if self.seconds == ONSET_SECONDS:
            self.seconds += OTHER_SECONDS * max(1, line.end - line.start)
        self._places = np.array([*places, max(line.end, places[-1] + 1)], float)
        self._seconds = np.array([*seconds, self.seconds])

    def at(self, place: int) -> float:
        """Seconds before character ``place``."""
        return float(np.interp(place, self._places, self._seconds))

    def place(self, seconds: float) -> int:
        """The character that is being said then, the first one during the onset."""
        return int(np.interp(seconds, self._seconds, self._places))


def _lengths(line: Line) -> Iterator[tuple[int, float]]:
    """Each spoken word's place and its seconds, with the pause behind it unless it is the last."""
    words = line.reading.words
    for number, word in enumerate(words):
        if word.is_pause:
            continue
        behind = words[number + 1] if number + 1 < len(words) else None
        seconds = sum(map(word_seconds, word.spoken.split()))
        if behind is None or behind.is_pause:
            seconds += LAST_SECONDS
        if behind is not None and behind.is_pause and number + 2 < len(words):
            seconds += PAUSE_SECONDS
        yield word.start, seconds
