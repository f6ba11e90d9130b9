"""Numbers in words, for some eighty languages. The only door to ``unicode_rbnf`` (the spell-out rules of Unicode CLDR).

Pure Python and data; a language's rules are read when it is first used (4 ms) and results are remembered.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cache, lru_cache
from typing import Literal, TypeAlias

from unicode_rbnf import FormatPurpose, RbnfEngine

Kind: TypeAlias = Literal["cardinal", "ordinal", "year"]

MAX_DIGITS = 15
"""Longer numbers are read digit by digit: CLDR ends at 10^18, and nobody follows a longer one."""

_PURPOSES = {"cardinal": FormatPurpose.CARDINAL, "ordinal": FormatPurpose.ORDINAL, "year": FormatPurpose.YEAR}


@lru_cache(maxsize=1)
def languages() -> frozenset[str]:
    """ISO 639 codes of the languages whose numbers can be written in words."""
    return frozenset(RbnfEngine.get_supported_languages())


@lru_cache(maxsize=8192)
def in_words(number: int | Decimal, language: str, kind: Kind = "cardinal") -> str:
    """``number`` as ``language`` writes it. Raises ValueError for a language or a number without rules."""
    if language not in languages():
        raise ValueError(f"there are no rules for numbers in {language!r}")
    if len(str(abs(int(number)))) > MAX_DIGITS:
        raise ValueError(f"{number} has more than {MAX_DIGITS} digits")
    return _engine(language).format_number(number, _PURPOSES[kind]).text.replace("\u00ad", "")


@cache
def _engine(language: str) -> RbnfEngine:
    return RbnfEngine.for_language(language)
