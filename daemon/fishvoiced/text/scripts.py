"""Which scripts a text is written in, and which ones the voices of a language read. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

LATIN = "LATIN"
MARK = "INHERITED"
KANA = ("HIRAGANA", "KATAKANA")
_FIRST_SIGN = 0xE000  # of the private ones, which no pattern takes for something else
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


def language_of(script: str) -> str | None:
    """A language that is written so, by its code."""
    return next((language for language, scripts in _SCRIPTS.items() if script == scripts[0]), None)


def runs(text: str, readable: frozenset[str] | None) -> list[Run]:
    """``text`` cut where words of other scripts than ``readable`` begin and end.

    Single letters of another script among words that can be read stay with them: they have names. Kana make the
    Chinese characters beside them Japanese.
    """
    if readable is None or text.isascii():
        return [Run(text, None)] if text else []
    scripts = {character: script_of(character) for character in set(text)}
    foreign = sorted({script for script in scripts.values() if script and script not in readable and script != MARK})
    signs = {script: chr(_FIRST_SIGN + number) for number, script in enumerate(foreign)}
    others = "".join(signs.values())
    if not others:
        return [Run(text, None)]
    # One sign for each letter says its script, so that patterns can go through the text: ten times as fast as a loop.
    known = signs | {None: " ", MARK: "'"}
    coded = text.translate({ord(character): known.get(script, "r") for character, script in scripts.items()})
    word = re.compile(f"[{others}]'*[{others}]")
    found: list[Run] = []
    at = 0
    for stretch in re.finditer(f"[{others}][{others} ']*", coded):
        if not word.search(coded, *stretch.span()):
            continue
        start, end = stretch.span()
        found += [Run(text[at:start], None)] if at < start else []
        found += _by_script(text[start:end], coded[start:end], signs)
        at = end
    return [*found, *([Run(text[at:], None)] if at < len(text) else [])]


def _by_script(text: str, coded: str, signs: dict[str, str]) -> Iterator[Run]:
    """A stretch of other scripts alone; what is no letter goes with those before it."""
    kana = [signs[script] for script in KANA if signs.get(script, "r") in coded]
    japanese = {ord(signs[script]): kana[0] for script in ("CJK", *KANA) if kana and script in signs}
    coded = coded.translate(japanese)
    names = {sign: script for script, sign in signs.items()}
    for run in re.finditer("|".join(f"{sign}[{sign} ']*" for sign in names), coded):
        yield Run(text[run.start() : run.end()], names[run[0][0]])


@lru_cache(maxsize=8192)
def script_of(character: str) -> str | None:
    """A letter's script; MARK for combining marks, which belong to what they stand on; None for everything else."""
    category = unicodedata.category(character)[0]
    if category == "M":
        return MARK
    name = unicodedata.name(character, "") if category == "L" else ""
    return name.split(" ")[0].split("-")[0] or None
