"""Which scripts a text is written in, and which ones the voices of a language read. Pure."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

LATIN = "LATIN"
# Languages written in other scripts than Latin, by ISO 639 code; scripts are the first words of Unicode's names.
_SCRIPTS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("ru", "uk", "be", "bg", "mk", "sr", "kk", "ky", "mn", "tg"), ("CYRILLIC",)),
    **dict.fromkeys(("ar", "fa", "ur", "ps", "ug"), ("ARABIC",)),
    **dict.fromkeys(("hi", "mr", "ne", "sa"), ("DEVANAGARI",)),
    **dict.fromkeys(("he", "yi"), ("HEBREW",)),
    **dict.fromkeys(("zh", "yue", "cmn"), ("CJK",)),
    "el": ("GREEK",), "ja": ("HIRAGANA", "KATAKANA", "CJK"), "ko": ("HANGUL", "CJK"), "th": ("THAI",),
    "ka": ("GEORGIAN",), "hy": ("ARMENIAN",), "am": ("ETHIOPIC",), "bn": ("BENGALI",), "ta": ("TAMIL",),
    "te": ("TELUGU",), "ml": ("MALAYALAM",), "kn": ("KANNADA",), "gu": ("GUJARATI",), "pa": ("GURMUKHI",),
    "si": ("SINHALA",), "my": ("MYANMAR",), "km": ("KHMER",), "lo": ("LAO",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of a text; ``script``: the one that makes it unreadable, None where it can be read."""

    text: str
    script: str | None


def scripts_read(language: str | None) -> frozenset[str] | None:
    """What a voice of ``language`` (BCP 47) reads; None: everything. All read Latin letters, after their fashion."""
    if language is None:
        return None
    family = language.replace("_", "-").split("-")[0].lower()
    return frozenset((LATIN, *_SCRIPTS.get(family, ())))


def runs(text: str, readable: frozenset[str] | None) -> list[Run]:
    """``text`` cut where words of other scripts than ``readable`` begin and end.

    A single letter of another script among words that can be read stays with them: it has a name.
    """
    if readable is None or text.isascii():
        return [Run(text, None)] if text else []
    found: list[tuple[int, int, str | None]] = []
    for start, end, script in _words(text):
        foreign = script if script not in readable and _letters(text[start:end]) > 1 else None
        if found and (script is None or found[-1][2] == foreign):
            found[-1] = (found[-1][0], end, found[-1][2])
        else:
            found.append((start, end, foreign))
    return [Run(text[start:end], script) for start, end, script in found]


def _words(text: str) -> list[tuple[int, int, str | None]]:
    """Stretches of letters of one script, and (script None) whatever is between them: start, end, script."""
    words: list[tuple[int, int, str | None]] = []
    for place, character in enumerate(text):
        script = script_of(character)
        if words and (script == "INHERITED" or words[-1][2] == script):
            words[-1] = (words[-1][0], place + 1, words[-1][2])
        else:
            words.append((place, place + 1, None if script == "INHERITED" else script))
    return words


def _letters(word: str) -> int:
    return sum(unicodedata.category(character)[0] == "L" for character in word)


@lru_cache(maxsize=8192)
def script_of(character: str) -> str | None:
    """A letter's script; "INHERITED" for combining marks; None for everything else."""
    category = unicodedata.category(character)[0]
    if category == "M":
        return "INHERITED"
    name = unicodedata.name(character, "") if category == "L" else ""
    return name.split(" ")[0].split("-")[0] or None
