"""Learning a byte-pair vocabulary: ranks as ``tokenizer.tiktoken`` has them (Sennrich et al. 2016, on bytes)."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

WORD = re.compile(r" ?[A-Za-z]+")
"""Where a token may not reach beyond: what the tokenizer's own pattern makes of English words."""


def single_bytes() -> dict[bytes, int]:
    """The vocabulary before anything is learned."""
    return {bytes([value]): value for value in range(256)}


def learn(text: str, merges: int) -> dict[bytes, int]:
    """Single bytes, then the ``merges`` most frequent pairs, each time joined before the next is counted."""
    words = Counter(WORD.findall(text))
    spelled = [[bytes([value]) for value in word.encode()] for word in words]
    counts = list(words.values())
    pairs: Counter[tuple[bytes, bytes]] = Counter()
    places: defaultdict[tuple[bytes, bytes], set[int]] = defaultdict(set)

    def count(word: int, sign: int) -> None:
        for pair in zip(spelled[word], spelled[word][1:], strict=False):
            pairs[pair] += sign * counts[word]
            places[pair].add(word)

    for word in range(len(spelled)):
        count(word, 1)
    ranks = single_bytes()
    for _ in range(merges):
        pair = max(pairs, key=lambda pair: (pairs[pair], pair))
        ranks[b"".join(pair)] = len(ranks)
        for word in places.pop(pair):
            count(word, -1)
            spelled[word] = joined(spelled[word], pair)
            count(word, 1)
        pairs = +pairs  # without those that are no more
    return ranks


def joined(parts: list[bytes], pair: tuple[bytes, bytes]) -> list[bytes]:
    """``parts`` with every such pair of neighbors as one."""
    result: list[bytes] = []
    for part in parts:
        if result and (result[-1], part) == pair:
            result[-1] += part
        else:
            result.append(part)
    return result
