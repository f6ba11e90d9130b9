"""Any language but English: words stay as they are written, numbers become words where Unicode has the rules."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal

from fishvoiced.text.numerals import MAX_DIGITS, in_words, languages
from fishvoiced.text.spoken.words import Fixed, Reading, Word

# Languages that write 1,234.5; all others of the table write 1.234,5 (or 1 234,5).
_POINT = frozenset(
    ["en", "zh", "ja", "ko", "th", "hi", "he", "bn", "ta", "te", "ml", "mr", "gu", "kn", "pa", "ur", "ms", "fil", "my",
     "si"]
)  # fmt: skip
_NUMBER = re.compile(
    r"(?<![\w.,])(?P<minus>[-−])?(?P<number>\d{1,64}(?:[.,\u00a0\u202f']\d{1,20}){0,6})(?![\w]|[.,]\d)"
)
_TOKEN = re.compile(r"[^\s,.?!;:…—。！？，、؟،।]+|[,.?!;:…—。！？，、؟،।]")
_MARKS = {";": ",", ":": ",", "…": ".", "—": ",", "。": ".", "！": "!", "？": "?", "，": ",", "、": ",", "؟": "?",
          "،": ",", "।": "."}  # fmt: skip
_YEARS = range(1100, 2100)


def read(text: str, fixed: Iterable[Fixed] = (), *, language: str) -> Reading:
    """``text`` as it is spoken, as far as that is known without the language's own rules."""
    words: list[Word] = []
    at = 0
    for part in fixed:
        words += _plain(text, at, part.start, language)
        said = part.alias if part.alias is not None else text[part.start : part.end]
        words.append(Word(part.start, part.end, " ".join(said.split()) or "-", part.phones))
        at = part.end
    words += _plain(text, at, len(text), language)
    tidy: list[Word] = []
    for word in words:
        if not (word.is_pause and (not tidy or tidy[-1].is_pause)):
            tidy.append(word)
    return Reading(tuple(tidy))


def numbers_in_words(text: str, language: str) -> str:
    """``text`` with its plain numbers written out in ``language``; unchanged where there are no rules for it."""
    return "".join(piece if said is None else said for piece, said, _ in _pieces(text, language))


def _plain(text: str, start: int, end: int, language: str) -> Iterator[Word]:
    at = start
    for piece, said, _ in _pieces(text[start:end], language):
        if said is not None:
            yield Word(at, at + len(piece), said)
        else:
            for match in _TOKEN.finditer(piece):
                token = _MARKS.get(match[0], match[0])
                yield Word(at + match.start(), at + match.end(), token if len(token) == 1 else token.lower())
        at += len(piece)


def _pieces(text: str, language: str) -> Iterator[tuple[str, str | None, int]]:
    """(piece, its words or None, place) one after the other."""
    code = language.replace("_", "-").split("-")[0].lower()
    at = 0
    if code in languages():
        for match in _NUMBER.finditer(text):
            said = _in_words(match, code)
            if said is None:
                continue
            if match.start() > at:
                yield text[at : match.start()], None, at
            yield match[0], said, match.start()
            at = match.end()
    if at < len(text):
        yield text[at:], None, at


def _in_words(match: re.Match[str], language: str) -> str | None:
    decimal, groups = (".", ",") if language in _POINT else (",", ".")
    written = re.sub(rf"(?<=\d)[{groups}\u00a0\u202f'](?=\d{{3}}(?!\d))", "", match["number"])
    whole, point, decimals = written.partition(decimal)
    if not (whole.isdecimal() and whole.isascii() and (not point or decimals.isdecimal())) or len(whole) > MAX_DIGITS:
        return None
    if len(whole) > 1 and whole[0] == "0" and not point:
        said = " ".join(in_words(int(digit), language) for digit in whole)
    elif point:
        said = in_words(Decimal(f"{whole}.{decimals}"), language)
    else:
        is_year = whole == match["number"] and int(whole) in _YEARS
        said = in_words(int(whole), language, "year" if is_year else "cardinal")
    return f"− {said}" if match["minus"] else said
