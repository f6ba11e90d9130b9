"""``fishvoice pronounce``: how a text would be read, stage by stage, without speaking it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence

from fishvoice import paths
from fishvoice.errors import InvalidRequest
from fishvoiced import config
from fishvoiced.errors import VoiceUnavailable
from fishvoiced.text.lines import one_line
from fishvoiced.text.markup.read import MARKUPS
from fishvoiced.text.own_words.file import OwnWords, WordsFile
from fishvoiced.text.phones import to_misaki
from fishvoiced.text.pronounce import Phones, as_text, pronounce
from fishvoiced.text.spoken.words import Word


def main(argv: Sequence[str]) -> int:
    """Print segments, spoken words, phones where the voice has them, language, and pauses."""
    parser = argparse.ArgumentParser(
        prog="fishvoice pronounce",
        description="Show how a text is read. If it is read wrongly, add a word (fishvoice words add), or report it.",
    )
    parser.add_argument("text", nargs="+", help="the text, or - for standard input")
    parser.add_argument("--json", action="store_true", help="as JSON, with the place of every word")
    parser.add_argument("--markup", choices=MARKUPS, default="auto", help="how the text is marked up; default auto")
    parser.add_argument("--language", default="en", help="the voice's language, as in en or de-CH; default en")
    parser.add_argument("--voice", help="also this voice's phones and the words that hold for it alone")
    options = parser.parse_args(argv)
    settings = config.load(paths.config_file(), os.environ, {})
    words = OwnWords(WordsFile(paths.words_file()), options.language, options.voice)
    tree = pronounce(
        _text(options.text),
        options.markup,
        language=options.language,
        phones=_phones(options.voice),
        own_words=words,
        code_blocks=settings.text.code_blocks,
    )
    tree["notices"] += words.notices
    # Escaped where the terminal's own encoding may not have the character.
    sys.stdout.write(json.dumps(tree, indent=1) if options.json else as_text(tree))
    sys.stdout.write("\n")
    return 0


def _text(words: Sequence[str]) -> str:
    if list(words) != ["-"]:
        return " ".join(words)
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"standard input is not UTF-8 text: {error.reason}") from error


def _phones(voice: str | None) -> Phones | None:
    """Of the voice, where it is here and reads phones that can be shown."""
    if voice is None:
        return None
    return _light_phones(voice) or _fish_phones(voice)


def _light_phones(voice: str) -> Phones | None:
    from fishvoiced.backends.light import package
    from fishvoiced.backends.light.spoken import tokens

    try:
        found = package.load()
    except VoiceUnavailable:
        return None
    facts = found.known_voices().get(voice)
    if facts is None:
        return None
    reader = found.Reader(british=facts.british)

    def of(words: Iterable[Word]) -> str:
        return " ".join(reader.phonemes(tokens(one_line(words, to_misaki))))

    return Phones(of, reader)


def _fish_phones(voice: str) -> Phones | None:
    from fishvoiced.backends.fish.store.catalog import Catalog, user_models, user_voices
    from fishvoiced.backends.fish.warm_up import load_frontend
    from fishvoiced.text.english import EnglishFrontend

    choice = Catalog(user_models(), user_voices(), None).find(voice)
    frontend = load_frontend(choice) if choice is not None else None
    return Phones(frontend.symbols, frontend.words) if isinstance(frontend, EnglishFrontend) else None
