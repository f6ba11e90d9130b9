"""Letters beyond A to Z: accents taken off, letters without a decomposition respelled, other scripts named."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# Latin letters that Unicode does not decompose, as English spells them.
RESPELLED = {
    "ł": "l", "ø": "o", "đ": "d", "ð": "th", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h", "ŧ": "t", "ŋ": "ng",
    "ß": "ss", "ĸ": "k", "ə": "uh", "ƒ": "f", "ʻ": "'", "ʼ": "'",
}  # fmt: skip
_NAMED_LETTER = re.compile(r"LATIN (?:SMALL|CAPITAL)(?: LETTER)? (?:LETTER )?([A-Z]{1,2})(?: WITH .*)?")
_SCRIPT = re.compile(r"[A-Z]+")
_NOISE = re.compile(r"\b(?:sign|symbol|letter|small|capital|unified|syllabics)\b ?|-(?=\d)")
# First words of Unicode names that are no script's name in English.
_SCRIPTS = {"CJK": "Chinese", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean"}
_CHINESE = re.compile("CJK (?:UNIFIED|COMPATIBILITY) IDEOGRAPH")


@lru_cache(maxsize=4096)
def plain_letter(letter: str) -> str:
    """``letter`` in a to z ("é" → "e", "Ø" → "o"), or "" for a letter of another script; marks go."""
    lower = letter.lower()
    if (len(lower) == 1 and "a" <= lower <= "z") or lower == "'":
        return lower
    if lower in RESPELLED:
        return RESPELLED[lower]
    parts = unicodedata.normalize("NFKD", lower)
    if parts != lower:
        return "".join(plain_letter(part) for part in parts)
    named = _NAMED_LETTER.fullmatch(unicodedata.name(letter, ""))
    return named[1].lower() if named else ""


def plain(word: str) -> str:
    """``word`` in a to z and apostrophes."""
    return word.lower() if word.isascii() else "".join(map(plain_letter, word))


@lru_cache(maxsize=4096)
def is_latin(letter: str) -> bool:
    """Whether an English reader can take ``letter`` for one of his own (combining marks: yes)."""
    return bool(plain_letter(letter)) or unicodedata.category(letter)[0] == "M"


def script_of(letter: str) -> str:
    """The script's name, as in "Cyrillic"."""
    name = _SCRIPT.match(unicodedata.name(letter, ""))
    if name is None:
        return "unknown"
    return _SCRIPTS.get(name[0], name[0].capitalize())


@lru_cache(maxsize=1024)
def name_of(character: str) -> str:
    """The spoken name of any character, from Unicode: "omega", "cyrillic zhe", "infinity"; never ""."""
    name = unicodedata.name(character, "")
    if not name:
        return f"character {ord(character):x}"
    if _CHINESE.match(name):
        return "chinese character"
    if name.startswith("GREEK"):
        name = name.removeprefix("GREEK ")
    if name.startswith("LATIN"):
        name = name.removeprefix("LATIN ")
    if name.startswith("SUBSCRIPT "):
        return "sub " + name[-1]
    words = _NOISE.sub("", name.lower().replace("lamda", "lambda")).replace("-", " ").split()
    return " ".join(words) or name.lower()
