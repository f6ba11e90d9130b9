"""Short everyday words, which in capitals are emphasized words and no acronyms: NOT, RED, STOP."""

from __future__ import annotations

from pathlib import Path

COMMON = frozenset(Path(__file__).with_name("common_words.txt").read_text(encoding="ascii").split())
