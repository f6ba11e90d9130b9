"""Where the written words of a text stand: the spoken ones with the punctuation that is written on them. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

_JOINT = re.compile(r"[-‐‑'’/&@.,:+_]+")  # between parts of one written word, such as "well-known" or "9:30"


def written_words(
    text: str, places: Iterable[tuple[int, int]], together: Callable[[int, int], bool]
) -> list[tuple[int, int]]:
    """The places in ``text`` of all words, in order and apart. ``places``: those of what is spoken of it, in any order.

    ``together(start, end)``: whether these characters also stand together in the text with its markup; where they do
    not, punctuation is left out.
    """
    words: list[tuple[int, int]] = []
    for start, end in sorted({place for place in places if place[0] < place[1]}):
        if words and start < words[-1][1]:
            words[-1] = words[-1][0], max(words[-1][1], end)
        elif words and _JOINT.fullmatch(text, words[-1][1], start) and together(words[-1][0], end):
            words[-1] = words[-1][0], end
        else:
            words.append((start, end))
    free = 0  # up to here the text belongs to the words before
    for number, (start, end) in enumerate(words):
        limit = words[number + 1][0] if number + 1 < len(words) else len(text)
        while start > free and _is_mark(text[start - 1]) and together(start - 1, end):
            start -= 1
        while end < limit and _is_mark(text[end]) and together(start, end + 1):
            end += 1
        words[number], free = (start, end), end
    return words


def _is_mark(character: str) -> bool:
    return not character.isspace() and not character.isalnum()
