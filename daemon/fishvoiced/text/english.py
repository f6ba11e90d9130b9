"""English text as pronunciation: the front end of voices that declare ``"frontend": "english"``.

Such a voice reads phones, not spelling. Every spoken word (see :mod:`fishvoiced.text.spoken.english`) is looked up in
the lexicon that ships with the voice, and each phone is one character of the phonetic string that the
voice's tokenizer turns into one token. A word that neither the lexicon nor a simple
suffix or compound rule knows is written in capital letters, a spelling the voice was
also trained to read.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fishvoiced.text import phones
from fishvoiced.text.spoken.english import read
from fishvoiced.text.spoken.words import Word

LEXICON_FILE = "lexicon.txt.gz"
MAX_LEXICON_BYTES = 128 << 20
VOICELESS = frozenset("pftkθ")
HISSING = frozenset("szšžčǰ")


@dataclass(frozen=True, slots=True)
class Pronounced:
    """A stretch of the input and how it is said.

    ``start`` and ``end`` are character offsets into the text; ``spoken`` the words said
    for it (or a pause mark, one of ``, . ? !``); ``symbols`` the phonetic string.
    """

    start: int
    end: int
    spoken: str
    symbols: str


class EnglishFrontend:
    """Turns text into the phonetic string of one voice.

    ``lexicon`` maps lower-case words to phone characters and the 26 capital letters to
    their names.
    """

    def __init__(self, lexicon: Mapping[str, str]) -> None:
        self._lexicon = lexicon
        self._say = lru_cache(maxsize=4096)(self._pronounce)

    def __call__(self, text: str) -> str:
        """The phonetic string: words parted by single spaces, pause marks after their word."""
        return self.symbols(read(text, known=self._lexicon).words)

    def of_spoken(self, spoken: str) -> str:
        """The same for words as they are spoken, marks among them, ``[word](/phones/)`` for a fixed pronunciation."""
        words = []
        for match in _SPOKEN.finditer(spoken):
            said = match["word"] or match["plain"] or match["mark"]
            words.append(Word(match.start(), match.end(), said, match["phones"]))
        return self.symbols(words)

    def symbols(self, words: Iterable[Word]) -> str:
        """The same for words that have been read already."""
        out: list[str] = []
        for word in words:
            symbols = self._symbols(word)
            if out and not word.is_pause and symbols:
                out.append(" ")
            out.append(symbols)
        return "".join(out)

    def ipa(self, words: Iterable[Word]) -> str:
        """How words that have been read are said, in the International Phonetic Alphabet."""
        return phones.from_starter(self.symbols(words))

    def spoken(self, text: str) -> str:
        """The words that are said, for transcripts and for speaking by another synthesizer."""
        return read(text, known=self._lexicon).line

    def pronounced(self, text: str) -> Iterator[Pronounced]:
        """Every word and pause mark in order, with its place in ``text``."""
        for word in read(text, known=self._lexicon).words:
            yield Pronounced(word.start, word.end, word.spoken, self._symbols(word))

    @property
    def words(self) -> Container[str]:
        """The words that this voice knows."""
        return self._lexicon

    def _symbols(self, word: Word) -> str:
        if word.is_pause:
            return word.spoken
        if word.phones is not None:
            return self._given(word.phones)
        return " ".join(self._say(part) for part in word.spoken.split())

    def _given(self, ipa: str) -> str:
        """A pronunciation of the writer's in this voice's alphabet."""
        return phones.to_starter(ipa)

    def _pronounce(self, word: str) -> str:
        return self.look_up(word) or spelled(word)

    def look_up(self, word: str) -> str | None:
        """Phones of ``word`` from the lexicon, a suffix rule or a compound; None if unknown."""
        found = self._lexicon.get(word)
        if found is None:
            found = self._by_suffix(word) or self._by_compound(word)
        return found

    def _by_suffix(self, word: str) -> str | None:
        for suffix, restored in _SUFFIXES:
            if not word.endswith(suffix) or len(word) < len(suffix) + 2:
                continue
            for ending in restored:
                stem = self._lexicon.get(word[: -len(suffix)] + ending)
                if stem:
                    return self._add_suffix(stem, suffix)
        return None

    def _add_suffix(self, stem: str, suffix: str) -> str:
        return stem + _suffix_phones(suffix, stem)

    def _by_compound(self, word: str) -> str | None:
        for cut in range(len(word) - 3, 2, -1):
            head, tail = self._lexicon.get(word[:cut]), self._lexicon.get(word[cut:])
            if head and tail:
                return head + tail
        return None


_SPOKEN = re.compile(
    r"\[(?P<word>[^\[\]]+)\]\(/(?P<phones>[^/()]*)/\)|(?P<mark>[,.?!])|(?P<plain>(?:(?!\[[^\[\]]+\]\(/)[^\s,.?!])+)"
)
_SUFFIXES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("'s", ("",)),
    ("s'", ("",)),
    ("ies", ("y",)),
    ("ied", ("y",)),
    ("es", ("", "e")),
    ("s", ("",)),
    ("ed", ("", "e")),
    ("ing", ("", "e")),
    ("ly", ("", "le")),
    ("ness", ("",)),
    ("less", ("",)),
    ("ment", ("",)),
    ("able", ("", "e")),
    ("er", ("", "e")),
    ("ers", ("", "e")),
)
_PLAIN_SUFFIXES = {
    "ing": "ɪŋ",
    "ly": "lĭ",
    "ness": "nəs",
    "less": "ləs",
    "ment": "mənt",
    "able": "əbəl",
    "er": "ɚ",
    "ers": "ɚz",
}


def _suffix_phones(suffix: str, stem: str) -> str:
    last = stem[-1]
    if suffix in ("ed", "ied"):
        if last in "td":
            return "əd"
        return "t" if last in VOICELESS | HISSING - set("zžǰ") else "d"
    if suffix in _PLAIN_SUFFIXES:
        return _PLAIN_SUFFIXES[suffix]
    if last in HISSING:
        return "əz"
    return "s" if last in VOICELESS else "z"


def spelled(word: str) -> str:
    """``word`` in the notation of words given by spelling: capital letters.

    A character that is no English letter is left out; nothing at all left gives "".
    """
    return "".join(c for c in word.upper() if "A" <= c <= "Z")


def load(path: Path) -> EnglishFrontend:
    """The front end of the voice in folder ``path`` (or of a lexicon file itself); raises as :func:`read_lexicon`."""
    return EnglishFrontend(read_lexicon(path))


def read_lexicon(path: Path) -> dict[str, str]:
    """Word → symbols, from the voice in folder ``path`` or from a lexicon file.

    The file is gzip-packed UTF-8, one ``word<blank>symbols`` per line.
    Raises OSError when it cannot be read and ValueError when a line is malformed.
    """
    file = path / LEXICON_FILE if path.is_dir() else path
    with gzip.open(file, "rb") as packed:
        unpacked = packed.read(MAX_LEXICON_BYTES + 1)
    if len(unpacked) > MAX_LEXICON_BYTES:
        raise ValueError(f"{file} unpacks to more than {MAX_LEXICON_BYTES} bytes")
    lexicon: dict[str, str] = {}
    for number, line in enumerate(unpacked.decode("utf-8").split("\n"), 1):
        word, _, symbols = line.partition(" ")
        if line and not symbols:
            raise ValueError(f"{file}: line {number} is not 'word symbols'")
        lexicon[word] = symbols
    lexicon.pop("", None)
    return lexicon
