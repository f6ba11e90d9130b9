"""Recordings that came with a request, as the one that a voice follows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from fishvoice.adapters.openai_http.errors import Refusal
from fishvoice.errors import InvalidRequest


async def one_of(recordings: Sequence[tuple[bytes, str]], param: str) -> tuple[bytes, str | None]:
    """(sound, words) of one or more ``recordings``, one after the other; a single one as it came. Raises Refusal.

    Words are None where there are none; several recordings need the words of each.
    """
    sounds = [sound for sound, _ in recordings]
    words = [text.strip() for _, text in recordings]
    if len(recordings) == 1:
        return sounds[0], words[0] or None
    if not all(words):
        raise Refusal(400, "each of several recordings needs its words", param=param)
    from fishvoice.encoding.joined import joined

    try:
        return await asyncio.to_thread(joined, sounds), " ".join(words)
    except InvalidRequest as error:
        raise Refusal(400, str(error), param=param) from error
