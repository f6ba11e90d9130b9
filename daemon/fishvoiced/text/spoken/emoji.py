"""Names of emoji, sequences included: flags, families, skin tones. The only door to ``emoji``.

The library is imported when the first emoji is met: its table takes 80 ms and 10 MB.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# Where an emoji may begin; what is one, the library decides.
BEGINNING = re.compile("[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u27bf\u2934-\u2b55"
                       "\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]|[0-9#*](?=\ufe0f?\u20e3)")  # fmt: skip


def find(text: str, language: str = "en") -> Iterator[tuple[int, int, str]]:
    """(start, end, name) of every emoji in ``text``. A language without names gets English ones."""
    if not BEGINNING.search(text):
        return
    import emoji

    names = language if language in emoji.LANGUAGES else "en"
    for found in emoji.emoji_list(text):
        yield found["match_start"], found["match_end"], _spoken(emoji.demojize(found["emoji"], language=names))


def _spoken(written: str) -> str:
    """ ":thumbs_up_medium-dark_skin_tone:" → "thumbs up medium dark skin tone"."""
    return " ".join(re.sub(r"[^\w'&]+|_", " ", written.strip(":").lower()).replace("&", " and ").split())
