"""``fishvoice words add | list | remove``: how the user wants names and terms to be said."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import msgspec

from fishvoice import paths
from fishvoice.errors import InvalidRequest
from fishvoiced.text.own_words import file as words_file
from fishvoiced.text.own_words.entries import OwnWord


def add(argv: Sequence[str]) -> int:
    """Add a word, or say one otherwise than before; a running daemon takes it at once."""
    parser = argparse.ArgumentParser(prog="fishvoice words add", description="Decide how a word is said.")
    parser.add_argument("written", help="the word or words as they are written")
    parser.add_argument("spoken", nargs="?", help="what is said instead, as in: Worcester wooster")
    parser.add_argument("--phones", help="the pronunciation in the phonetic alphabet (IPA), as in: ˈwʊstɚ")
    parser.add_argument("--pattern", action="store_true", help="WRITTEN is a regular expression; SPOKEN may use \\1")
    parser.add_argument("--case", action="store_true", help="capitals matter")
    parser.add_argument("--language", help="only in this language, as in: en")
    parser.add_argument("--voice", help="only for this voice; see: fishvoice voices")
    options = parser.parse_args(argv)
    file = paths.words_file()
    replaced = words_file.add(file, OwnWord(**vars(options)))
    sys.stdout.write(f"{'changed' if replaced else 'added'} {options.written!r} in {file}\n")
    return 0


def list_words(argv: Sequence[str]) -> int:
    """Print all words."""
    parser = argparse.ArgumentParser(prog="fishvoice words list", description="How words are said.")
    parser.add_argument("--json", action="store_true", help="as JSON")
    options = parser.parse_args(argv)
    words = words_file.load(paths.words_file())
    if options.json:
        sys.stdout.write(msgspec.json.encode(words).decode() + "\n")
        return 0
    for word in words:
        sys.stdout.write(_line(word) + "\n")
    if not words:
        sys.stdout.write("no words; add one with: fishvoice words add WRITTEN SPOKEN\n")
    return 0


def remove(argv: Sequence[str]) -> int:
    """Take a word out again. Raises InvalidRequest if it is not there."""
    parser = argparse.ArgumentParser(prog="fishvoice words remove", description="Forget a word.")
    parser.add_argument("written")
    parser.add_argument("--language", help="only the entry for this language")
    parser.add_argument("--voice", help="only the entry for this voice")
    options = parser.parse_args(argv)
    if not words_file.remove(paths.words_file(), options.written, language=options.language, voice=options.voice):
        raise InvalidRequest(f"there is no word {options.written!r}; see: fishvoice words list")
    sys.stdout.write(f"removed {options.written!r}\n")
    return 0


def _line(word: OwnWord) -> str:
    said = word.spoken if word.phones is None else f"/{word.phones}/"
    limits = [
        "pattern" if word.pattern else "",
        "capitals matter" if word.case else "",
        word.language or "",
        f"voice {word.voice}" if word.voice else "",
    ]
    noted = ", ".join(filter(None, limits))
    return f"{word.written}  →  {said}" + (f"  ({noted})" if noted else "")
