"""The lexicon: flite's own phones for every word of a word list and of the training text."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path

from tools.starter_voice import flite
from tools.starter_voice.phones import LETTERS

# Said alone, these words sound otherwise than inside a sentence.
IN_SENTENCES = {"a": "ə", "the": "ðə", "i": "í"}


def build(program: Path, words: Iterable[str]) -> dict[str, str]:
    """Word → phone characters; words that flite would expand or cannot say are left out."""
    wanted = sorted(set(words))
    lexicon: dict[str, str] = {}
    for word, tokens in zip(wanted, flite.pronounce(program, wanted), strict=True):
        spoken = [token.symbols for token in tokens if token.symbols]
        if len(spoken) == 1:
            lexicon[word] = spoken[0]
    for letter, tokens in zip(LETTERS, flite.pronounce(program, LETTERS), strict=True):
        lexicon[letter] = "".join(token.symbols for token in tokens)
    return lexicon | IN_SENTENCES


def save(lexicon: dict[str, str], path: Path) -> None:
    """The form that ``fishvoiced.text.english.load`` reads; the same lexicon gives the same bytes."""
    text = "".join(f"{word} {symbols}\n" for word, symbols in sorted(lexicon.items()))
    path.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))
