"""The user's own words: how names and terms are said, in ``words.toml``; read again whenever the file changes.

Patterns are run by ``regex``, which can be stopped: a slow one is left out, and told, instead of holding up speech.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence

import msgspec
import regex

from fishvoiced.errors import DaemonError
from fishvoiced.text import phones
from fishvoiced.text.spoken.words import Fixed

MAX_PATTERN_CHARACTERS = 500
MAX_WORDS = 20_000
PATTERN_SECONDS = 0.05
"""All that one pattern may take for one text."""


class BadWords(DaemonError):
    """The file of the user's words makes no sense; the message names the file and the entry."""

    code = "bad_config"


class OwnWord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One entry. Exactly one of ``spoken`` (other words, read in its place) and ``phones`` (phonetic alphabet).

    ``pattern``: ``written`` is a regular expression, ``spoken`` may use its groups (``\\1``). ``case``: capitals
    matter. ``language`` ("en") and ``voice`` limit where it holds.
    """

    written: str
    spoken: str | None = None
    phones: str | None = None
    pattern: bool = False
    case: bool = False
    language: str | None = None
    voice: str | None = None

    def holds_for(self, language: str, voice: str | None) -> bool:
        same_language = self.language is None or self.language.split("-")[0] == language.split("-")[0]
        return same_language and self.voice in (None, voice)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    word: tuple[OwnWord, ...] = ()


def check(word: OwnWord) -> None:
    """Raises BadWords or UnknownPhone for an entry that cannot be used."""
    if not word.written.strip():
        raise BadWords("a word needs something written")
    if (word.spoken is None) == (word.phones is None):
        raise BadWords(f"{word.written!r} needs either what is spoken or its phones")
    if word.phones is not None:
        phones.check(word.phones)
    if word.pattern:
        if len(word.written) > MAX_PATTERN_CHARACTERS:
            raise BadWords(f"the pattern {word.written[:40]!r}… is longer than {MAX_PATTERN_CHARACTERS} characters")
        try:
            regex.compile(word.written)
        except regex.error as error:
            raise BadWords(f"the pattern {word.written!r} is no regular expression: {error}") from error


def parse(text: str, origin: str) -> tuple[OwnWord, ...]:
    """The entries of a ``words.toml``. Raises BadWords."""
    try:
        words = msgspec.convert(tomllib.loads(text), _File).word
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise BadWords(f"{origin}: {error}") from error
    if len(words) > MAX_WORDS:
        raise BadWords(f"{origin}: {len(words)} words; the limit is {MAX_WORDS}")
    for number, word in enumerate(words, 1):
        try:
            check(word)
        except DaemonError as error:
            raise BadWords(f"{origin}: entry {number}: {error}") from error
    return words


class WordList:
    """The words that hold for one language and voice, ready to be found."""

    def __init__(self, words: Sequence[OwnWord]) -> None:
        plain = [word for word in words if not word.pattern]
        self._exact = {word.written: word for word in plain if word.case}
        self._folded = {word.written.casefold(): word for word in plain if not word.case}
        names = sorted({word.written for word in plain}, key=len, reverse=True)
        self._names = regex.compile(r"(?<!\w)(?:\L<names>)(?!\w)", regex.IGNORECASE, names=names) if names else None
        self._patterns = [
            (regex.compile(word.written, 0 if word.case else regex.IGNORECASE), word) for word in words if word.pattern
        ]

    def find(self, text: str) -> tuple[list[Fixed], list[str]]:
        """How parts of ``text`` are said, in order and without overlaps, and notices about what went wrong."""
        notices: list[str] = []
        found = [*self._whole_words(text), *self._by_pattern(text, notices)]
        found.sort(key=lambda part: (part.start, -part.end))
        kept: list[Fixed] = []
        for part in found:
            if not kept or part.start >= kept[-1].end:
                kept.append(part)
        return kept, notices

    def _whole_words(self, text: str) -> Iterator[Fixed]:
        for match in self._names.finditer(text) if self._names else ():
            word = self._exact.get(match[0]) or self._folded.get(match[0].casefold())
            if word is not None:
                yield Fixed(match.start(), match.end(), word.spoken, word.phones)

    def _by_pattern(self, text: str, notices: list[str]) -> Iterator[Fixed]:
        for pattern, word in self._patterns:
            try:
                for match in pattern.finditer(text, timeout=PATTERN_SECONDS):
                    if match.end() > match.start():
                        spoken = match.expand(word.spoken) if word.spoken is not None else None
                        yield Fixed(match.start(), match.end(), spoken, word.phones)
            except TimeoutError:
                notices.append(f"your pattern {word.written!r} takes too long and is left out")
