"""Unicode text as the model should meet it: one spelling per character, no emoji, no invisible characters.

Takes the place of upstream's ``clean_text`` (fish-speech 0.1.0: plain apostrophes, no emoji, no doubled commas)
and does for all of Unicode what that does for its most common part. Punctuation that was in the training text
stays as it was written: “ ” « » … 。 ！ ？
"""

from __future__ import annotations

import re
from functools import lru_cache
from unicodedata import category, decomposition
from unicodedata import normalize as to_form

APOSTROPHES = frozenset("‘’‛ʼʹ´")
HYPHENS = frozenset("\u2010\u2011")
# Of category So (symbol, other) only these are read aloud; the rest are emoji, dingbats and box drawings.
SPOKEN_OBJECTS = frozenset("°©®™✓")
# Marks that are said even without a letter beside them, as are currency signs.
SPOKEN_MARKS = frozenset("%&@+§") | SPOKEN_OBJECTS
JOINERS = frozenset("\u200c\u200d")  # invisible, but they spell words in Persian and in Indic scripts
MAX_COMBINING = 4  # marks on one letter; more are decoration, and quadratic to put in order

_INVISIBLE = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Me"})
_VARIANT_SELECTORS = re.compile("[\u034f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
# Compatibility characters that are letters and digits in disguise (𝐇, ﬁ, ５, ①, ㎏). Not so superscripts and
# fractions, which mean something else than their digits, nor single Hangul letters, which would change shape.
_DISGUISES = re.compile("<(?:font|wide|narrow|compat|square|circle|initial|medial|final|isolated)>")
_HANGUL_LETTERS = re.compile("[\u3130-\u318f\uffa0-\uffdc]")

_SIMPLE = re.compile(r"[A-Za-z0-9]+(?: [A-Za-z0-9]+)*[.,?!]?")  # nothing to do, as in most lines
_ASCII_WORD = re.compile("[A-Za-z0-9]")
_SPACE_BEFORE_STOP = re.compile(r" +(?=[,.]+(?: |$))")
_EMPHASIS = re.compile(r"[!?]{2,}|[！？]{2,}")
_REPEATED_STOP = re.compile(r"([,;，。、；：…¡¿।؟،])\1+")
_LONG_ELLIPSIS = re.compile(r"\.{3,}")
_LONG_RUN = re.compile(r"([^\w\s.]|_)\1{2,}")


def normalize(text: str) -> str:
    """``text`` in NFC, letters without disguise, cleaned and on one line; "" if nothing is left.

    Applied twice it changes nothing more. Takes any ``str``, lone surrogates included, in linear time.
    """
    if _SIMPLE.fullmatch(text):
        return text
    text = to_form("NFC", _with_few_marks("".join(map(_plain, text))))
    text = _SPACE_BEFORE_STOP.sub("", " ".join(text.split()))
    text = _EMPHASIS.sub(_emphasis, text)
    text = _REPEATED_STOP.sub(r"\1", text)
    text = _LONG_ELLIPSIS.sub("...", text)
    return _LONG_RUN.sub(r"\1", text)


def speakable(text: str) -> bool:
    """Whether there is anything to say: a letter, a digit, a currency sign, or a mark such as %."""
    if _ASCII_WORD.search(text):
        return True  # nearly always; saves the long way
    return _speakable(text)


@lru_cache(maxsize=256)
def _speakable(text: str) -> bool:
    return any(category(c)[0] in "LN" or category(c) == "Sc" or c in SPOKEN_MARKS for c in normalize(text))


def may_be_spoken(text: str) -> bool:
    """Whether some voice could say something for ``text``: more than punctuation, or a single sign to be named."""
    return len(text.strip()) == 1 or any(category(character)[0] not in "PZC" for character in text)


@lru_cache(maxsize=4096)
def _plain(character: str) -> str:
    """What one character becomes, without regard to its neighbors."""
    if character.isspace():
        return " "
    composed = to_form("NFC", character)
    if composed != character:
        return "".join(map(_plain, composed))
    kind = category(character)
    if character in JOINERS or character in SPOKEN_OBJECTS:
        return character
    if character in APOSTROPHES:
        return "'"
    if character in HYPHENS:
        return "-"
    if kind in _INVISIBLE or _VARIANT_SELECTORS.match(character) or (kind == "Sk" and not character.isascii()):
        return ""
    letter = kind[0] in "LN" or kind == "So"
    if letter and _DISGUISES.match(decomposition(character)) and not _HANGUL_LETTERS.match(character):
        return "".join(map(_plain, to_form("NFKC", character)))
    return " " if kind == "So" else character


def _with_few_marks(text: str) -> str:
    """Drop combining marks beyond MAX_COMBINING, and joiners that stand at no place inside a word."""
    if text.isascii():
        return text
    kept: list[str] = []
    after_letter, marks, joiner = False, 0, ""
    for character in text:
        if character in JOINERS:
            joiner = joiner or (character if after_letter else "")
            continue
        kind = category(character)[0]
        marks = marks + 1 if kind == "M" else 0
        if marks > MAX_COMBINING:
            continue
        if joiner and kind in "LM":
            kept.append(joiner)
        joiner = ""
        kept.append(character)
        after_letter = kind == "L" or (kind == "M" and after_letter)
    return "".join(kept)


def _emphasis(run: re.Match[str]) -> str:
    """“!!!” → “!”, “?!?!” → “?!”."""
    marks = sorted(set(run[0]), reverse=True)  # ? sorts after !, and ？ after ！
    return "".join(marks)
