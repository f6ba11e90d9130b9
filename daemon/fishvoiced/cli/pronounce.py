"""``fishvoice pronounce``: how a text would be read, stage by stage, without speaking it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence

from fishvoice import paths
from fishvoice.errors import InvalidRequest
from fishvoiced import config
from fishvoiced.text.markup.read import MARKUPS
from fishvoiced.text.own_words.file import OwnWords, WordsFile
from fishvoiced.text.pronounce import Phones, as_text, pronounce


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
    from fishvoiced.fish.store.catalog import Catalog, user_models, user_voices
    from fishvoiced.text import english

    choice = Catalog(user_models(), user_voices(), None).find(voice)
    if choice is None or choice.model.config.frontend != "english":
        return None
    frontend = english.load(choice.model.asset(english.LEXICON_FILE))
    return Phones(frontend.symbols, frontend.words)
