"""A book spoken segment by segment into a folder, where an interrupted run finds what it has done."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fishvoice.adapters.shared.outcome import why_unspoken
from fishvoice.books.book import Chapter
from fishvoice.client import Client
from fishvoice.encoding.compressed import decoded
from fishvoice.encoding.formats import encoded
from fishvoice.errors import PlaybackError, RequestFailed
from fishvoice.files import write_whole
from fishvoice.playback.sentences import split
from fishvoice.request import SpeechOptions
from fishvoice.speech import Speech

SEGMENT_CHARACTERS = 1500  # a minute and a half of sound: what an interruption costs at most
AHEAD = 3  # segments under way: an engine that speaks several at once has them at hand


@dataclass(frozen=True)
class Segment:
    """``file`` is named by place, words and options: it is there exactly if this very sound has been made."""

    chapter: int
    text: str
    file: Path


def plan(chapters: Sequence[Chapter], folder: Path, options: SpeechOptions) -> list[Segment]:
    """All segments of all chapters, a chapter's title first unless its text begins with it."""
    found: list[Segment] = []
    for number, chapter in enumerate(chapters):
        for text in split(_with_title(chapter), SEGMENT_CHARACTERS):
            key = hashlib.sha256(json.dumps([text, options], sort_keys=True).encode()).hexdigest()[:16]
            found.append(Segment(number, text, folder / f"{len(found):05}-{key}.flac"))
    return found


def speak(
    client: Client, segments: Sequence[Segment], options: SpeechOptions, observe: Callable[[int, float], None]
) -> None:
    """Make the files that are not there yet. ``observe`` is told of each: characters and seconds of sound.

    Raises RequestFailed, DaemonUnavailable, PlaybackError.
    """
    options = {**options, "to_file": True}
    under_way: deque[tuple[Segment, Speech]] = deque()
    missing = iter([segment for segment in segments if not segment.file.exists()])
    try:
        while True:
            while len(under_way) < AHEAD and (segment := next(missing, None)) is not None:
                under_way.append((segment, client.synthesize(segment.text, **options)))
            if not under_way:
                return
            segment, speech = under_way[0]
            observe(len(segment.text), _make(segment, speech))
            under_way.popleft()
    finally:
        for _, speech in under_way:
            speech.cancel()


def sound(segments: Sequence[Segment]) -> Iterator[tuple[Segment, int, bytes]]:
    """(segment, sample rate, s16le) of what has been made, in order. Nothing was to be spoken: no sound."""
    for segment in segments:
        rate, pcm = decoded(segment.file)
        yield segment, rate, pcm


def _make(segment: Segment, speech: Speech) -> float:
    pcm = bytearray()
    for chunk in speech:
        pcm += chunk.pcm
    if speech.finish_reason != "complete":
        raise why_unspoken(speech)
    if not pcm:
        raise RequestFailed("bad_request", f"nothing could be spoken of: {segment.text[:60]}")
    rate = speech.start.sample_rate
    try:
        write_whole(segment.file, encoded("flac", rate, bytes(pcm)), 0o644)
    except OSError as error:
        raise PlaybackError(f"cannot write {segment.file}: {error.strerror}") from error
    return len(pcm) / 2 / rate


def _with_title(chapter: Chapter) -> str:
    title = chapter.title.strip()
    if not title or chapter.text.lower().startswith(title.lower()):
        return chapter.text
    return f"{title}\n\n{chapter.text}"
