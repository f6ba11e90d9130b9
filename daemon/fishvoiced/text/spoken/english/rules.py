"""An ordered list of rules: the first whose pattern matches, and whose reader does not decline, decides."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
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
        # One pattern that matches wherever any does (and sometimes where none does): most places need no more.
        loose = (_REFERENCE.sub(".", _NAME.sub("(?:", pattern.pattern)) for pattern, _ in self._rules)
        ignoring = "(?i:{})", "(?:{})"
        self._any = re.compile(
            "|".join(
                ignoring[0 if pattern.flags & re.IGNORECASE else 1].format(part)
                for (pattern, _), part in zip(self._rules, loose, strict=True)
            )
        )

    def first(self, text: str, at: int, end: int) -> tuple[int, str] | None:
        """(the place behind it, the words) of what begins at ``at``; None if no rule reads it."""
        if self._any.match(text, at, end) is None:
            return None
        for pattern, reader in self._rules:
            match = pattern.match(text, at, end)
            if match is not None:
                words = reader(match)
                if words is not None:
                    return match.end(), words
        return None
