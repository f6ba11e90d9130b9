"""``fishvoice pronounce``: how a text would be read, stage by stage, without speaking it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence
from functools import cache

from fishvoice import paths
from fishvoice.errors import InvalidRequest
from fishvoiced import config
from fishvoiced.daemon import installed_speaker
from fishvoiced.errors import VoiceUnavailable
from fishvoiced.synthesis.join import pause_after
from fishvoiced.text.lines import Line
from fishvoiced.text.markup.read import MARKUPS
from fishvoiced.text.own_words.file import OwnWords, WordsFile
from fishvoiced.text.passages import is_english
from fishvoiced.text.phones import from_misaki, to_misaki
from fishvoiced.text.pronounce import Shown, as_text, pronounce
from fishvoiced.text.spans import Script
from fishvoiced.voices.by_voice import cast


def main(argv: Sequence[str]) -> int:
    """Print segments, spoken words, phones where the voice has them, language, and pauses."""
    parser = argparse.ArgumentParser(
        prog="fishvoice pronounce",
        description="Show how a text is read. If it is read wrongly, add a word (fishvoice words add), or report it.",
    )
    parser.add_argument("text", nargs="+", help="the text, or - for standard input")
    parser.add_argument("--json", action="store_true", help="as JSON, with the place of every word")
    parser.add_argument("--markup", choices=MARKUPS, default="auto", help="how the text is marked up; default auto")
    parser.add_argument("--language", help="as in en or de-CH; default the voice's own, or en")
    parser.add_argument("--voice", help="also this voice's phones and the words that hold for it alone")
    options = parser.parse_args(argv)
    settings = config.load(paths.config_file(), os.environ, {})
    voice = _shown(options.voice) if options.voice is not None else Shown()
    language = options.language or voice.language or "en"
    main_voice = options.voice or settings.voice or "the request's voice"

    def with_voices(script: Script) -> tuple[Script, Sequence[str]]:
        return cast(script, main_voice, lambda: installed_speaker(settings).voices(), settings.languages)

    words = OwnWords(WordsFile(paths.words_file()), language, options.voice)
    tree = pronounce(
        _text(options.text),
        options.markup,
        language=language,
        voice=voice,
        cast=with_voices,
        voices=cache(_shown),
        pause_after=pause_after,
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


def _shown(voice: str) -> Shown:
    """What can be shown of the voice; nothing of one that is not here or of a server."""
    return _light(voice) or _fish(voice) or _piper(voice) or Shown()


def _light(voice: str) -> Shown | None:
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

    def phones(line: Line) -> str:
        said = tokens(line.spoken(to_misaki))
        read = map(from_misaki, reader.phonemes(said))
        return _joined((token.is_mark, phones) for token, phones in zip(said, read, strict=True))

    return Shown(phones, reader, language=facts.language)


def _fish(voice: str) -> Shown | None:
    from fishvoiced.backends.fish.store.catalog import Catalog, user_models, user_voices
    from fishvoiced.backends.fish.warm_up import load_frontend
    from fishvoiced.text.english import EnglishFrontend

    catalog = Catalog(user_models(), user_voices(), None)
    choice = catalog.find(voice)
    if choice is None:
        return None
    language = next((info.language for info in catalog.infos() if info.name == voice), None)
    frontend = load_frontend(choice)
    if not isinstance(frontend, EnglishFrontend):
        return Shown(reads_itself=True, language=language)
    return Shown(lambda line: frontend.ipa(line.reading.words), frontend.words, language=language)


def _piper(voice: str) -> Shown | None:
    from fishvoiced.backends.piper.store import PiperStore

    files = PiperStore().find(voice)
    if files is None:
        return None
    try:
        from fishvoiced.backends.piper.library import phonemizer
    except ImportError:  # the extra is not installed: then its phones are not known here
        return Shown(reads_itself=True, language=files.language)
    phones = phonemizer(files.config)
    if is_english(files.language):
        return Shown(lambda line: phones(line.spoken(str)), language=files.language)
    return Shown(lambda line: phones(line.written_with_phones), reads_itself=True, language=files.language)


def _joined(words: Iterable[tuple[bool, str]]) -> str:
    """Words parted by blanks, marks behind their word."""
    out = ""
    for is_mark, said in words:
        out += said if is_mark or not out else f" {said}"
    return out
