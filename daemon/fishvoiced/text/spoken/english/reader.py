"""Written English → spoken words, from left to right. The second stage for English.

At every place the first rule that matches and does not decline decides. All patterns are bounded, so that the time
is linear in the text whatever it holds.
"""

from __future__ import annotations

import re
from collections.abc import Container, Generator, Iterable, Iterator, Sequence
from typing import TypeAlias

from fishvoiced.text.spoken import emoji
from fishvoiced.text.spoken.english import abbreviations, acronyms, letterwise, signs, word
from fishvoiced.text.spoken.english.numbers import calendar, codes, currencies, exponents, quantities, units
from fishvoiced.text.spoken.english.numbers.cardinals import cardinal
from fishvoiced.text.spoken.english.rules import Rules
from fishvoiced.text.spoken.english.say_as import read_as
from fishvoiced.text.spoken.english.symbols import LONE, OPERATORS
from fishvoiced.text.spoken.letters import name_of, script_of
from fishvoiced.text.spoken.words import PAUSE_MARKS, Fixed, Reading, Unread, Word

Found: TypeAlias = Word | Unread
Scanning: TypeAlias = Generator[Found, None, int]
"""Yields what is found, and returns the place behind it."""

_DIGITS = Rules(
    (
        *codes.RULES,
        *calendar.RULES,
        (codes.PHONE, codes.read_phone),
        (codes.GROUPS, codes.read_groups),
        (currencies.BEHIND, currencies.read),
        (codes.VERSION, codes.read_version),
        (codes.HASH, codes.read_hash),
        *quantities.RULES,
    )
)
_LETTERS = Rules(letterwise.RULES)
_SIGNS = Rules(signs.RULES)
_WITH_LETTERS = Rules(((quantities.MAGNITUDE, quantities.read_magnitude), (codes.MIXED, codes.read_mixed)))
_SPACE = re.compile(r"\s+")
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n")
_INVISIBLE = frozenset("\u00ad\u200b\u200c\u200d\u2060\ufeff")
_SPECIAL_NEXT = frozenset(".:/#+&@-\\_$0123456789€£")
_SPOKEN = re.compile(r"[,.?!]|[^\s,.?!]+(?: [^\s,.?!]+)*")
_PUNCTUATED = re.compile("[,.?!]")
_PLAIN_WORD = re.compile(r"[a-z]{2,40}(?:['’][a-z]{1,8})?(?![^\s,;!?)\]\"”])")
_BASE = re.compile(r"[^\W_]{1,12}\Z")
_NAME_DIGITS = re.compile(r"\d+")


def read(text: str, fixed: Iterable[Fixed] = (), *, known: Container[str] = frozenset()) -> Reading:
    """``text`` as it is spoken. ``known``: words that the voice can pronounce, however they are spelled."""
    fixed = tuple(fixed)
    alone = None if fixed else _alone(text)
    found = [alone] if alone else _Scan(text, known).all(fixed)
    return _tidied(found)


def _alone(text: str) -> Word | None:
    """A single character is somebody's keystroke or cursor: by name, whatever it is."""
    lone = text.strip() or text[:1]
    if len(lone) != 1 or emoji.BEGINNING.match(lone):
        return None
    name = signs.alone(lone)
    at = text.index(lone)
    return Word(at, at + 1, name) if name else None


def _tidied(found: Iterable[Found]) -> Reading:
    words: list[Word] = []
    unread: list[Unread] = []
    paused = True
    for item in found:
        if isinstance(item, Unread):
            unread.append(item)
        elif item.spoken and not (item.is_pause and paused):
            paused = item.is_pause
            words.append(item)
    return Reading(tuple(words), tuple(unread))


class _Scan:
    def __init__(self, text: str, known: Container[str]) -> None:
        self._text = text
        self._known = known
        self._shouting: bool | None = None
        self._emoji = {start: (end, name) for start, end, name in emoji.find(text)}

    def all(self, fixed: Sequence[Fixed]) -> Iterator[Found]:
        at = 0
        for part in fixed:
            yield from self._region(at, part.start)
            yield from self._fixed(part)
            at = part.end
        yield from self._region(at, len(self._text))

    def _fixed(self, part: Fixed) -> Iterator[Found]:
        written = self._text[part.start : part.end]
        if part.phones is not None:
            line = read(written, known=self._known).line if written.strip() else ""
            said = "".join(character for character in line if character not in PAUSE_MARKS).strip()
            yield Word(part.start, part.end, said or "word", part.phones)
        elif part.code:
            yield from self._code(part.start, part.end)
        else:
            words = read_as(written, part.say_as) if part.say_as else None
            inner = words if words is not None else part.alias if part.alias is not None else written
            for item in read(inner, known=self._known).words if words is None else _split(0, 1, inner):
                yield Word(part.start, part.end, item.spoken, item.phones)

    def _region(self, at: int, end: int) -> Iterator[Found]:
        text = self._text
        while at < end:
            character = text[at]
            if character.isspace():
                blank = _SPACE.match(text, at, end)
                assert blank is not None
                if _PARAGRAPH.search(blank[0]):
                    yield Word(at, blank.end(), ".")
                at = blank.end()
            elif character == "-" and text[at - 1 : at].isalpha() and text[at + 1 : at + 2].isalpha():
                at += 1  # "well-known"
            elif at in self._emoji and self._emoji[at][0] <= end:
                yield from self._emoji_run(at, self._emoji[at][1])
                at = self._emoji_end(at)
            elif character in _INVISIBLE:
                at += 1
            elif "a" <= character <= "z" and (plain := _PLAIN_WORD.match(text, at, end)):
                at = yield from self._word(at, plain.end(), end)
            else:
                at = yield from self._other(character, at, end)

    def _emoji_end(self, at: int) -> int:
        """Behind a run of one emoji."""
        stop, name = self._emoji[at]
        while stop in self._emoji and self._emoji[stop][1] == name:
            stop = self._emoji[stop][0]
        return stop

    def _emoji_run(self, at: int, name: str) -> Iterator[Found]:
        stop = self._emoji_end(at)
        times = len([place for place in range(at, stop) if place in self._emoji])
        said = _NAME_DIGITS.sub(lambda match: cardinal(match[0]), name)
        if "\U0001f1e6" <= self._text[at] <= "\U0001f1ff":
            said = "flag of " + said
        yield from _split(at, stop, f"{cardinal(str(times))} times {said}" if times > 1 else said)

    def _other(self, character: str, at: int, end: int) -> Scanning:
        if character.isdecimal():
            return (yield from self._digits(at, end))
        if character.isalpha():
            return (yield from self._letters(at, end))
        return (yield from self._sign(at, end))

    def _digits(self, at: int, end: int) -> Scanning:
        if not self._text[at].isascii():
            return (yield from self._foreign_digit(at))
        stop, words = _DIGITS.first(self._text, at, end) or self._measured(at, end)
        if self._text[stop : stop + 1].isalpha():  # a magnitude ("10k") or a code ("4K", "3f2a")
            other = _WITH_LETTERS.first(self._text, at, end)
            if other is not None and other[0] > stop:
                stop, words = other
        yield from _split(at, stop, words)
        return stop

    def _measured(self, at: int, end: int) -> tuple[int, str]:
        for pattern, reader in quantities.MEASURED:
            match = pattern.match(self._text, at, end)
            words = reader(match) if match else None
            if match and words is not None:
                return quantities.with_unit(match, words)
        raise AssertionError(f"no number at {at}")  # the last pattern matches any digit

    def _foreign_digit(self, at: int) -> Scanning:
        yield Word(at, at + 1, cardinal(str(int(self._text[at]))))
        return at + 1

    def _letters(self, at: int, end: int) -> Scanning:
        text = self._text
        word_end = word.find(text, at, end)
        if word_end is None and text[at] in "ⁿⁱ":
            return (yield from self._sign(at, end))
        if word_end is None:
            yield Word(at, at + 1, name_of(text[at]))
            return at + 1
        following = text[word_end : word_end + 1]
        if text[at].isupper() or following in _SPECIAL_NEXT or following.isalnum():
            found = _LETTERS.first(text, at, end)
            if found is not None:
                yield from _split(at, *found)
                return found[0]
            dotted = abbreviations.DOTTED_LETTERS.match(text, at, end)
            if dotted:
                return (yield from self._dotted(dotted, end))
        return (yield from self._word(at, word_end, end))

    def _dotted(self, match: re.Match[str], end: int) -> Scanning:
        """ "U.S." with its stops; the last one ends the sentence too where nothing or a capital follows."""
        written = match[0].lower()
        known = abbreviations.DOTTED.get(written)
        said = known if known is not None else acronyms.letters("".join(filter(str.isalpha, match[0])))
        stop = match.end()
        after = self._text[stop:end][:40]
        ends = not after.strip(" \"'”’)") or (written.rstrip(".") in ("a.m", "p.m") and re.match(r"\s+[A-Z]", after))
        yield from _split(match.start(), stop, said + (" ." if ends and written not in ("e.g.", "i.e.") else ""))
        return stop

    def _word(self, at: int, stop: int, end: int) -> Scanning:
        for item in word.read(word.Around(self._text, at, stop, end), self._known, self._is_shouting()):
            stop = max(stop, item.end)
            yield item
        return stop

    def _is_shouting(self) -> bool:
        if self._shouting is None:
            self._shouting = acronyms.is_shouting(self._text)
        return self._shouting

    def _sign(self, at: int, end: int) -> Scanning:
        text = self._text
        found = _SIGNS.first(text, at, end)
        if found is not None:
            stop, words = self._small_decimal(*found)
            yield from _split(at, stop, words)
            return stop
        if not text[at].isascii():
            return (yield from self._foreign_sign(at, end))
        said = signs.mark(text, at, end)
        if said:
            yield Word(at, at + 1, said)
        return at + 1

    def _foreign_sign(self, at: int, end: int) -> Scanning:
        text = self._text
        for pattern, reader in ((exponents.RAISED, _raised), (exponents.LOWERED, _lowered)):
            match = pattern.match(text, at, end)
            if match:
                yield from _split(at, match.end(), reader(match))
                return match.end()
        match = signs.FRACTIONS[0].match(text, at, end)
        if match:
            stop, words = quantities.with_unit(match, signs.FRACTIONS[1](match))
            yield from _split(at, stop, words)
            return stop
        said = signs.mark(text, at, end)
        if said or not text[at].isalpha():
            yield Word(at, at + 1, said)
        else:
            yield Unread(at, at + 1, script_of(text[at]))
        return at + 1

    def _small_decimal(self, stop: int, words: str) -> tuple[int, str]:
        """ ".5 kg" takes a unit."""
        unit = units.PATTERN.match(self._text, stop) if words.startswith("point") else None
        said = units.said(unit, one=False) if unit else None
        return (unit.end(), f"{words} {said}") if unit and said else (stop, words)

    def _code(self, at: int, end: int) -> Iterator[Found]:
        """Code: words as ever, every sign by its name, a line's end as a pause."""
        text = self._text
        while at < end:
            character = text[at]
            if character == "\n":
                yield Word(at, at + 1, ".")
                at += 1
            elif character.isspace():
                at += 1
            elif character.isalnum():
                at = yield from self._other(character, at, end)
            else:
                match = signs.OPERATOR.match(text, at, end)
                stop = match.end() if match else at + 1
                said = OPERATORS[match[0]] if match else LONE.get(character) or signs.other(character)
                yield Word(at, stop, said)
                at = stop


def _raised(match: re.Match[str]) -> str:
    base = _BASE.search(match.string, max(0, match.start() - 12), match.start())
    following = match.string[match.end() : match.end() + 1]
    return exponents.raised(match[0], base[0] if base else "", before_letter=following.isalpha())


def _lowered(match: re.Match[str]) -> str:
    return exponents.lowered(match[0])


def _split(start: int, end: int, said: str) -> Iterable[Word]:
    """Words and the pause marks between them, all for the same place."""
    if not _PUNCTUATED.search(said):
        return (Word(start, end, said),) if said else ()
    return [Word(start, end, part) for part in _SPOKEN.findall(said)]
