"""The lexicon: phonemes for every word of a word list and of the training text, asked of the source's phonemizer."""

from __future__ import annotations

import gzip
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from fishvoiced.text.misaki import LETTERS, PAUSES, SYMBOLS

Phonemizer = Callable[[str], str]
USUAL_FROM = 5  # sentences; rarer words are asked for alone


def build(phonemize: Phonemizer, words: Iterable[str], sentences: Iterable[str]) -> dict[str, str]:
    """Word → phonemes; words that are more than one or cannot be said are left out.

    A word sounds as it does most often inside ``sentences`` ("to" is weak there), or else as it does alone.
    """
    usual = in_sentences(phonemize, sentences)
    lexicon: dict[str, str] = {}
    for word in sorted(set(words)):
        said = usual.get(word) or phonemize(word)
        if said and set(said) <= set(SYMBOLS):
            lexicon[word] = said
    return lexicon | {letter: phonemize(f"{letter}.").rstrip(".") for letter in LETTERS}


def in_sentences(phonemize: Phonemizer, sentences: Iterable[str]) -> dict[str, str]:
    """Word → its most frequent phonemes inside sentences."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for sentence in sentences:
        words = re.sub(r"[^A-Za-z' ]+", " ", sentence).split()
        said = phonemize(" ".join(words)).split()
        if len(words) == len(said):
            for word, phonemes in zip(words, said, strict=True):
                counts[word.lower()][phonemes.strip(PAUSES)] += word[0].islower()
    return {w: c.most_common(1)[0][0] for w, c in counts.items() if c.total() >= USUAL_FROM}


def save(lexicon: dict[str, str], path: Path) -> None:
    """The form that ``fishvoiced.text.english.read_lexicon`` reads; the same lexicon gives the same bytes."""
    text = "".join(f"{word} {symbols}\n" for word, symbols in sorted(lexicon.items()))
    path.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))
