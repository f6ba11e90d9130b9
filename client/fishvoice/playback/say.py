"""Speaking aloud: pieces of text in, one unbroken stretch of sound out of a sink."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Unpack

from fishvoice.client import Client
from fishvoice.connection.waiting import get
from fishvoice.errors import NOTHING_TO_SPEAK, PlaybackError, RequestFailed
from fishvoice.playback.loudspeaker import Sink, loudspeaker
from fishvoice.playback.sentences import split
from fishvoice.playback.sound_files import StandardOutput, WavFile
from fishvoice.protocol import AudioStart, FinishReason, Metrics, SegmentError, Waiting
from fishvoice.request import SpeechOptions
from fishvoice.speech import Chunk, Speech

AHEAD = 2  # requests under way: the one being heard, and the next, so that there is no gap between them


@dataclass
class Report:
    """What has been spoken so far, over all requests. Seconds as this side saw them."""

    begun: float = field(default_factory=time.monotonic)
    start: AudioStart | None = None
    finish_reason: FinishReason = "complete"
    requests: int = 0
    audio_seconds: float = 0.0
    first_audio_seconds: float | None = None
    underruns: int = 0
    throttled: str | None = None
    waiting: Waiting | None = None
    notices: list[str] = field(default_factory=list)
    """Of the requests since their beginning, each once."""
    metrics: Metrics | None = None
    segment_errors: list[SegmentError] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.begun


def say(
    text: str,
    *,
    out: str | os.PathLike[str] | None = None,
    client: Client | None = None,
    **options: Unpack[SpeechOptions],
) -> Report:
    """Speak ``text``: aloud, or into the file ``out`` (``-``: raw PCM to standard output). Returns when heard.

    Raises FishvoiceError's children: DaemonUnavailable, RequestFailed, PlaybackError, InvalidRequest.
    """
    sink = sink_for(out)
    if client is not None:
        return speak(client, split(text) if text.strip() else [text], sink, options)
    with Client() as own:
        return speak(own, split(text) if text.strip() else [text], sink, options)


def sink_for(out: str | os.PathLike[str] | None) -> Sink:
    """None: the loudspeaker; ``-``: standard output; else a file in the format that its suffix names.

    Raises InvalidRequest for a suffix that names none.
    """
    if out is None:
        return loudspeaker()
    if out == "-":
        return StandardOutput()
    from fishvoice.encoding.formats import format_of  # late: who speaks aloud needs nothing of it

    name = format_of(os.fspath(out))
    if name == "wav":
        return WavFile(out)
    from fishvoice.playback.encoded_file import EncodedFile

    return EncodedFile(out, name)


def speak(
    client: Client,
    pieces: Iterable[str],
    sink: Sink,
    options: SpeechOptions,
    observe: Callable[[Report], None] = lambda report: None,
) -> Report:
    """Speak ``pieces`` as they come, one request each, always one request ahead of what is heard.

    ``observe`` is called whenever there is something new. However this is left, the sink is closed; left by an
    exception, it falls silent at once and the daemon's work is cancelled.
    """
    report = Report()
    silent: RequestFailed | None = None
    try:
        for speech in _ahead(client, pieces, options):
            report.requests += 1
            speech.on_waiting = lambda told: observe(_waits(report, told))
            try:
                for chunk in speech:
                    _play(chunk, speech, sink, report)
                    observe(report)
            except RequestFailed as error:
                if error.code != NOTHING_TO_SPEAK:
                    raise
                silent = error  # a line of dashes, say: the others are spoken all the same
                continue
            _conclude(speech, report)
            observe(report)
            if report.finish_reason != "complete":
                break
        if silent is not None and report.start is None:
            raise silent
        if report.start is not None and report.finish_reason != "cancelled":
            sink.finish()
    finally:
        sink.stop()
        report.underruns = sink.underruns
    return report


def _play(chunk: Chunk, speech: Speech, sink: Sink, report: Report) -> None:
    if report.start is None:
        report.start = speech.start
        report.first_audio_seconds = report.seconds
        sink.open(chunk.sample_rate)
    elif report.start.sample_rate != chunk.sample_rate:
        raise PlaybackError(f"the voice changed to {chunk.sample_rate} Hz in the middle of speech: say it again")
    sink.write(chunk.pcm)
    report.audio_seconds += chunk.seconds
    speech.tell_underruns(sink.underruns - report.underruns)
    report.underruns = sink.underruns
    report.throttled, report.waiting = chunk.throttled, None
    _note(speech, report)


def _waits(report: Report, told: Waiting) -> Report:
    report.waiting = told
    return report


def _note(speech: Speech, report: Report) -> None:
    report.notices += [notice for notice in speech.notices if notice not in report.notices]


def _conclude(speech: Speech, report: Report) -> None:
    _note(speech, report)
    report.metrics = speech.metrics
    report.finish_reason = speech.finish_reason or "cancelled"
    if speech.metrics is not None:
        report.segment_errors += speech.metrics.segment_errors


def _ahead(client: Client, pieces: Iterable[str], options: SpeechOptions) -> Iterator[Speech]:
    """A Speech per piece. A thread of its own waits for the pieces, while this side plays."""
    speeches: queue.SimpleQueue[Speech | Exception | None] = queue.SimpleQueue()
    slots = threading.Semaphore(AHEAD)
    over = threading.Event()

    def ask() -> None:
        try:
            for piece in _when_free(pieces, slots):
                if over.is_set():
                    return
                speeches.put(client.synthesize(piece, **options))
            speeches.put(None)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised where the caller hears of it
            speeches.put(error)

    threading.Thread(target=ask, name="fishvoice-ahead", daemon=True).start()
    asked: list[Speech] = []
    try:
        while (speech := get(speeches)) is not None:
            if isinstance(speech, Exception):
                raise speech
            asked.append(speech)
            yield speech
            slots.release()
    finally:
        over.set()
        slots.release()
        while not speeches.empty():
            late = speeches.get()
            if isinstance(late, Speech):
                asked.append(late)
        for speech in asked:
            speech.cancel()


def _when_free(pieces: Iterable[str], slots: threading.Semaphore) -> Iterator[str]:
    """``pieces``, each asked for only when there is room for its request: what comes meanwhile makes it longer."""
    source = iter(pieces)
    while True:
        slots.acquire()
        piece = next(source, None)
        if piece is None:
            return
        yield piece
