"""The phoneme alphabet of misaki (US English), and the English front end of voices that read it.

A phonetic string is words parted by single spaces, with pause marks after their word. Each symbol is one character;
a stress mark stands before its vowel. Words that no lexicon knows are written in letters of their own
(:func:`spelled`), because the alphabet uses capitals for diphthongs.

Source: the alphabet of misaki 0.9 (Apache-2.0), which Kokoro and hibari read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from fishvoiced.text.english import EnglishFrontend, read_lexicon
from fishvoiced.text.phones import from_misaki, to_misaki
from fishvoiced.text.spoken.words import Word

VOWELS = "AIOWYaiuæɑɐɔəɛɜɪʊʌᵊᵻ"
CONSONANTS = "bdfhjklmnpstvwzðŋɡɹʃʒʤʧθT"
PRIMARY, SECONDARY = "ˈ", "ˌ"
STRESS = PRIMARY + SECONDARY
PAUSES = ",.?!"
SYMBOLS = VOWELS + CONSONANTS + STRESS
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SPELLING = dict(zip(LETTERS, (chr(0x0410 + i) for i in range(26)), strict=True))
"""Letter → the character that stands for it in a word given by spelling: none of them is a symbol."""

UNITS = (*SYMBOLS, *SPELLING.values(), *(mark + vowel for mark in STRESS for vowel in VOWELS), *PAUSES, " ")
"""Everything that becomes one token: see :func:`units`."""
NUMBERS = 64
FIRST_NUMBERED = 0x4E00
"""Code point of the first unit with number 0. The block has 20,992 letters, and its UTF-8 changes the last byte only
within 64."""

_INDEX = {unit: index for index, unit in enumerate(UNITS)}
_SPELLED = re.compile(f"[{SPELLING['A']}-{SPELLING['Z']}]+")
_LETTERS = str.maketrans({sign: letter.lower() for letter, sign in SPELLING.items()})
_UNIT = re.compile(rf"[{STRESS}][{VOWELS}]|.")
_VOICELESS = frozenset("pftkθ")
_HISSING = frozenset("szʃʒʧʤ")
_PLAIN_SUFFIXES = {
    "ing": "ɪŋ", "ly": "li", "ness": "nəs", "less": "ləs", "ment": "mənt", "able": "əbᵊl", "er": "əɹ", "ers": "əɹz",
}  # fmt: skip


def units(symbols: str) -> list[str]:
    """What becomes one token each: a vowel together with its stress mark, every other character alone."""
    return _UNIT.findall(symbols)


def numbered(symbols: str) -> str:
    """One character for each unit and its place in the string, counted from 0 to 63 and again from 0.

    A voice that is told the places can say, beside every frame of sound, which unit it has come to, and finds its way
    in the text by that. A string without any sound is left alone. Raises KeyError for what is no unit.
    """
    if not symbols.strip(PAUSES + " "):
        return symbols
    places = enumerate(_INDEX[unit] for unit in units(symbols))
    return "".join(chr(FIRST_NUMBERED + NUMBERS * unit + place % NUMBERS) for place, unit in places)


def spelled(word: str) -> str:
    """``word`` in letters. A character that is no English letter is left out; nothing left gives ""."""
    return "".join(SPELLING[c] for c in word.upper() if c in SPELLING)


def with_suffix(stem: str, suffix: str) -> str:
    """Phonemes of a word from those of its stem. ``suffix`` is one of the front end's written suffixes."""
    last = stem[-1]
    if suffix in ("ed", "ied"):
        if last in "td":
            return stem + "ᵻd"
        return stem + ("t" if last in _VOICELESS or last in "sʃʧ" else "d")
    if suffix in _PLAIN_SUFFIXES:
        return stem + _PLAIN_SUFFIXES[suffix]
    if last in _HISSING:
        return stem + "ᵻz"
    return stem + ("s" if last in _VOICELESS else "z")


class MisakiFrontend(EnglishFrontend):
    """English text → phonemes of this alphabet. ``lexicon`` maps lower-case words and the 26 capitals to phonemes."""

    def ipa(self, words: Iterable[Word]) -> str:
        spelled = _SPELLED.sub(lambda letters: f"⟨{letters[0].translate(_LETTERS)}⟩", self.symbols(words))
        return from_misaki(spelled)

    def _pronounce(self, word: str) -> str:
        return self.look_up(word) or spelled(word)

    def _given(self, ipa: str) -> str:
        return to_misaki(ipa)

    def _add_suffix(self, stem: str, suffix: str) -> str:
        return with_suffix(stem, suffix)


class NumberedFrontend(MisakiFrontend):
    """The same, each unit with its place: see :func:`numbered`."""

    def __call__(self, text: str) -> str:
        return numbered(super().__call__(text))

    def of_spoken(self, spoken: str) -> str:
        return numbered(super().of_spoken(spoken))


def load(path: Path) -> MisakiFrontend:
    """The front end of the voice in folder ``path``, or of a lexicon file; raises as :func:`read_lexicon` does."""
    return MisakiFrontend(read_lexicon(path))
