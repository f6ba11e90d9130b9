"""``words.toml``: reading it again when it changes, and changing it for the user without touching what he wrote."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

from fishvoice.files import write_whole
from fishvoiced.text.own_words.entries import BadWords, OwnWord, WordList, check, parse
from fishvoiced.text.spans import Style
from fishvoiced.text.spoken.words import Fixed

_BLOCK = re.compile(r"^[ \t]*\[\[[ \t]*word[ \t]*\]\][^\n]*$", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class WordsFile:
    """The file at ``path``, which need not exist. Cheap to ask: one look at the file's time for every request."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._words: tuple[OwnWord, ...] = ()
        self._problem: str | None = None
        self._lists = lru_cache(maxsize=32)(self._select)

    def words_for(self, language: str, voice: str | None) -> tuple[WordList, str | None]:
        """The words that hold, and what is wrong with the file: then those of before go on holding."""
        self._refresh()
        return self._lists(language, voice), self._problem

    def _select(self, language: str, voice: str | None) -> WordList:
        return WordList([word for word in self._words if word.holds_for(language, voice)])

    def _refresh(self) -> None:
        try:
            status = self._path.stat()
            now: tuple[int, int] | None = (status.st_mtime_ns, status.st_size)
        except OSError:
            now = None
        if now == self._seen:
            return
        self._seen = now
        try:
            self._words, self._problem = (load(self._path) if now else ()), None
        except BadWords as error:
            self._problem = f"your words are as they were before the last change: {error}"
        self._lists.cache_clear()


class OwnWords:
    """The user's words for one request of a voice; ``notices``: what is wrong with them."""

    def __init__(self, file: WordsFile | None, language: str, voice: str | None) -> None:
        self._file, self._language, self._voice = file, language, voice
        self.notices: dict[str, None] = {}

    def __call__(self, text: str, style: Style) -> Sequence[Fixed]:
        if self._file is None:
            return ()
        words, problem = self._file.words_for(style.language or self._language, style.voice or self._voice)
        found, slow = words.find(text)
        self.notices.update(dict.fromkeys([problem, *slow] if problem else slow))
        return found


def load(path: Path) -> tuple[OwnWord, ...]:
    """The entries; none if there is no file. Raises BadWords."""
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise BadWords(f"{path} cannot be read: {error}") from error


def add(path: Path, word: OwnWord) -> bool:
    """Append ``word``; one written alike, for the same language and voice, is replaced. True if one was.

    Raises BadWords and UnknownPhone.
    """
    check(word)
    for value in (word.written, word.spoken, word.phones, word.language, word.voice):
        if value is not None and _CONTROL.search(value):
            raise BadWords("a word cannot have line breaks or control characters")
    load(path)  # a file that cannot be read is not to be added to
    kept, removed = _without(path, lambda other: _same(other, word))
    text = kept.rstrip("\n")
    _write(path, (text + "\n\n" if text else "") + _entry(word))
    return removed > 0


def remove(path: Path, written: str, *, language: str | None = None, voice: str | None = None) -> int:
    """Take out every entry for ``written`` (of that language and voice, if given); how many there were."""

    def is_meant(word: OwnWord) -> bool:
        return (
            word.written.casefold() == written.casefold()
            and language in (None, word.language)
            and voice in (None, word.voice)
        )

    load(path)
    kept, removed = _without(path, is_meant)
    if removed:
        _write(path, kept)
    return removed


def _same(one: OwnWord, other: OwnWord) -> bool:
    exact = one.case or one.pattern
    written = (one.written, other.written) if exact else (one.written.casefold(), other.written.casefold())
    limits = [(word.language, word.voice, word.pattern) for word in (one, other)]
    return written[0] == written[1] and limits[0] == limits[1]


def _without(path: Path, is_meant: Callable[[OwnWord], bool]) -> tuple[str, int]:
    """The file's text without the entries that ``is_meant``, comments and order kept; and how many went."""

    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return "", 0
    starts = [match.start() for match in _BLOCK.finditer(text)]
    if not starts:
        return text, 0
    blocks = [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]
    kept = [block for block in blocks if not any(map(is_meant, parse(block, str(path))))]
    return text[: starts[0]] + "".join(kept), len(blocks) - len(kept)


def _entry(word: OwnWord) -> str:
    lines = ["[[word]]"]
    for name in ("written", "spoken", "phones", "language", "voice"):
        value = getattr(word, name)
        if value is not None:
            lines.append(f"{name} = {json.dumps(value, ensure_ascii=False)}")
    lines += [f"{name} = true" for name in ("pattern", "case") if getattr(word, name)]
    return "\n".join(lines) + "\n"


def _write(path: Path, text: str) -> None:
    """All or nothing: a daemon that reads at this moment sees the old file or the new one."""
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise BadWords(f"{path} cannot be written: {error}") from error
