"""A request's text to chunks of sound, for every kind of voice.

A generator of steps. Between any two steps of work it hands control back (None when there is no sound yet), so that
its caller may stop, pause or slow it down there; closing the generator is how a request is cancelled.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import chain

import numpy as np

from fishvoiced.errors import DaemonError, NothingToSay, VoiceUnavailable
from fishvoiced.synthesis.assembler import Assembler
from fishvoiced.synthesis.base import (
    Chunk,
    Renderer,
    Rendering,
    SegmentFailure,
    SideBySide,
    Step,
    TimedSamples,
    Traits,
)
from fishvoiced.synthesis.coming import Coming, Lead, Part
from fishvoiced.synthesis.join import pause_after
from fishvoiced.synthesis.prosody import Sound
from fishvoiced.text.lines import FindWords, Line, lines
from fishvoiced.text.markup import read
from fishvoiced.text.spans import Pause, Script

AT_ONCE = 4  # lines that are looked at before the first step


def synthesize(
    renderer: Renderer,
    text: str | Script,
    speed: float = 1.0,
    pitch: float = 1.0,
    volume: float = 1.0,
    *,
    own_words: FindWords | None = None,
    to_file: bool = False,
) -> Generator[Step, None, None]:
    """Speak ``text`` (without markup if it is a ``str``) at ``speed``, ``pitch`` and ``volume`` times the voice's own;
    ``to_file``: nobody listens meanwhile.

    A segment in which the voice can pronounce nothing is a failure among others; if there was nothing else, the
    steps end with NothingToSay.

    Raises at once NothingToSay if there is nothing to say for any voice, BadRequest if a factor is out of range.
    """
    script = read(text, "plain") if isinstance(text, str) else text
    traits = renderer.traits
    sound = Sound(speed, pitch, volume)
    assembler = Assembler(traits, script.source, sound, to_file=to_file)
    found = lines(script, traits.max_segment_characters, traits.language, known=traits.known_words, own_words=own_words)
    coming = Coming(_checked(part if _is_for(part, traits) else None for part in found))
    return _speak(renderer, assembler, coming, Lead(listens=not to_file))


def _is_for(part: Part | None, traits: Traits) -> bool:
    """A line of nothing but emoji is none for a voice that reads for itself."""
    return part is None or isinstance(part, Pause) or traits.reads == "spoken" or part.is_speakable


def _checked(found: Iterator[Part | None]) -> Iterator[Part | None]:
    """The same parts; raises NothingToSay if there is none: at once, or in the steps if that takes long to find out."""
    looked: list[Part | None] = []
    for part in found:
        looked.append(part)
        if part is not None or len(looked) == AT_ONCE:
            return chain(looked, found)
    raise _nothing()


def _nothing() -> NothingToSay:
    return NothingToSay("there is nothing to speak in this text: it has no letters and no digits")


def _speak(renderer: Renderer, assembler: Assembler, coming: Coming, lead: Lead) -> Generator[Step, None, None]:
    rate = renderer.traits.sample_rate
    try:
        for step in _parts(renderer, assembler, coming, lead):
            if isinstance(step, Chunk):
                lead.made(len(step.samples) / rate)
            yield step
    finally:
        if isinstance(renderer, SideBySide):
            renderer.close()


def _parts(renderer: Renderer, assembler: Assembler, coming: Coming, lead: Lead) -> Generator[Step, None, None]:
    yield from renderer.prepare()
    index = -1
    heard, unspoken = False, None
    previous: Part | None = None
    part = yield from coming.next()
    if part is None:
        raise _nothing()
    while part is not None:
        following = yield from coming.first()
        if isinstance(part, Pause):
            yield from assembler.pause(part, max(index, 0))
        else:
            index += 1
            assembler.begin(index, part, isinstance(previous, Pause), isinstance(following, Pause))
            try:
                for step in _rendered(renderer, index, part, coming, lead):
                    yield assembler.chunk(step) if isinstance(step, np.ndarray | TimedSamples) else step
            except DaemonError as error:
                if isinstance(error, VoiceUnavailable) and not (heard or assembler.is_heard):
                    raise  # the other segments would fail alike, each after its own time limit
                unspoken = error if isinstance(error, NothingToSay) else unspoken
                yield SegmentFailure(index, part.start, part.end, str(error))
            heard = heard or assembler.is_heard
            yield _ended(assembler, part, following)
        previous = part
        part = yield from coming.next()
    if unspoken is not None and not heard:
        raise unspoken


def _rendered(renderer: Renderer, index: int, line: Line, coming: Coming, lead: Lead) -> Rendering:
    """The sound of segment ``index``. Those behind it are worked on beside it while the lead is safe."""
    others = renderer.traits.streams - 1
    with closing(renderer.render(index, line)) as steps:
        for step in steps:
            yield step
            if isinstance(renderer, SideBySide):
                lines = coming.lines(others) if lead.is_safe else ()
                renderer.beside({index + 1 + i: line for i, line in enumerate(lines)})


def _ended(assembler: Assembler, line: Line, following: Part | None) -> Chunk:
    """The end of ``line``, with the pause that fits what follows; a pause of the writer's stands for itself."""
    if not isinstance(following, Line):
        return assembler.end(0.0, last=True)
    seconds = pause_after(line.text, line.gap or "") if assembler.is_heard else 0.0
    return assembler.end(seconds, last=following.style.prosody != line.style.prosody)
