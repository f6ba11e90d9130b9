"""An ordered list of rules: the first whose pattern matches, and whose reader does not decline, decides."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import TypeAlias

Reader: TypeAlias = Callable[[re.Match[str]], str | None]
"""A match in its text → the words for it ("" for silence), or None to decline."""
Rule: TypeAlias = tuple[re.Pattern[str], Reader]

_NAME = re.compile(r"\(\?P<\w+>")
_REFERENCE = re.compile(r"\(\?P=\w+\)|\\1")


class Rules:
    """All patterns are bounded, so that trying them takes the same time whatever the text is."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(rules)
        # One pattern that tells the first rule that may match: most places need no more than to know that none does.
        loose = [_loose(pattern) for pattern, _ in self._rules]
        self._any = re.compile("|".join(f"({part})" for part in loose))
        groups = (re.compile(part).groups + 1 for part in loose)
        self._rule_at = {1 + before: rule for rule, before in enumerate(accumulate(groups, initial=0))}

    def first(self, text: str, at: int, end: int) -> tuple[int, str] | None:
        """(the place behind it, the words) of what begins at ``at``; None if no rule reads it."""
        found = self._any.match(text, at, end)
        if found is None:
            return None
        assert found.lastindex is not None  # every part is a group
        for pattern, reader in self._rules[self._rule_at[found.lastindex] :]:
            match = pattern.match(text, at, end)
            if match is not None:
                words = reader(match)
                if words is not None:
                    return match.end(), words
        return None


def _loose(pattern: re.Pattern[str]) -> str:
    """A pattern without names and references that matches wherever ``pattern`` does."""
    part = _REFERENCE.sub(".", _NAME.sub("(?:", pattern.pattern))
    return f"(?i:{part})" if pattern.flags & re.IGNORECASE else part
