"""How a text would be spoken, stage by stage, for people who want to see why something is read as it is."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from fishvoiced.text.lines import FindWords, Line, lines
from fishvoiced.text.markup import Markup, read
from fishvoiced.text.spans import PLAIN_STYLE, Pause, Script, Style
from fishvoiced.text.spoken.words import Word


@dataclass(frozen=True)
class Shown:
    """What is shown of a voice: how it says a line, in the International Phonetic Alphabet (None: that is not known
    here), the words that it knows, whether it reads for itself, so that it is given the writer's text, and its language
    (None: the text's)."""

    phones: Callable[[Line], str] | None = None
    known: Container[str] = frozenset()
    reads_itself: bool = False
    language: str | None = None


Cast: TypeAlias = Callable[[Script], tuple[Script, Sequence[str]]]
"""The same script with every style's voice one that is here, or None, and notices."""


def pronounce(
    text: str,
    markup: Markup = "auto",
    *,
    language: str = "en",
    max_characters: int = 200,
    voice: Shown | None = None,
    cast: Cast | None = None,
    voices: Callable[[str], Shown] = lambda _: Shown(),
    pause_after: Callable[[str, str], float] | None = None,
    own_words: FindWords | None = None,
    code_blocks: str = "read",
) -> dict[str, Any]:
    """A tree for JSON: ``segments`` in order, ``notices``. Offsets count characters of ``text``.

    ``voice`` speaks but where ``cast`` gives a part to one of ``voices``. ``pause_after``: seconds between a segment
    and the next one, from its text and what parts the two.
    """
    voice = voice or Shown()
    script = read(text, markup, code_blocks="skip" if code_blocks == "skip" else "read")
    notices = list(script.notices)
    if cast is not None:
        script, told = cast(script)
        notices += told
    segments: list[dict[str, Any]] = []
    for part in lines(script, max_characters, language, known=voice.known, own_words=own_words):
        if part is None:
            continue
        if isinstance(part, Pause):
            segments.append({"pause": part.seconds, "start": part.start, "end": part.end})
        else:
            speaks = voices(part.style.voice) if part.style.voice else voice
            if speaks is not voice:
                part = part.for_voice(speaks.language or part.language, speaks.known)
            segments.append(_segment(part, speaks))
            if pause_after is not None and part.gap is not None:
                segments[-1]["pause_after"] = pause_after(part.text, part.gap)
    return {"segments": segments, "notices": notices}


def _segment(line: Line, voice: Shown) -> dict[str, Any]:
    reading = line.reading
    tree: dict[str, Any] = {
        "text": line.text,
        "start": line.start,
        "end": line.end,
        "language": line.language,
        "written": line.written,
        "spoken": reading.line,
        "words": [_word(word) for word in reading.words],
    }
    if voice.reads_itself:
        tree["given"] = "written"
    if voice.phones is not None:
        tree["phones"] = voice.phones(line)
    if line.style is not PLAIN_STYLE and line.style != PLAIN_STYLE:
        tree["style"] = _style(line.style)
    if line.marks:
        tree["marks"] = [{"name": name, "at": at} for at, name in line.marks]
    if reading.unread:
        tree["unread"] = [{"start": part.start, "end": part.end, "script": part.script} for part in reading.unread]
    return tree


def _word(word: Word) -> dict[str, Any]:
    fixed = {} if word.phones is None else {"phones": word.phones}
    return {"spoken": word.spoken, "start": word.start, "end": word.end, **fixed}


def _style(style: Style) -> dict[str, Any]:
    sound = style.prosody
    tree = {"rate": sound.rate, "pitch": sound.pitch, "volume": sound.volume, "voice": style.voice}
    usual = {"rate": 1.0, "pitch": 0.0, "volume": 1.0, "voice": None}
    return {name: value for name, value in tree.items() if value != usual[name]}


def as_text(tree: dict[str, Any]) -> str:
    """The same for a person, a line per segment."""
    out: list[str] = []
    for segment in tree["segments"]:
        if "pause" in segment:
            out.append(f"(pause of {segment['pause']:g} s)")
            continue
        out.append(" ".join(segment["text"].split()))
        said = segment["written"] if segment.get("given") == "written" else segment["spoken"]
        out.append(f"  {segment['language']} → {said or '(nothing to say)'}")
        if segment.get("phones"):
            out.append(f"  /{segment['phones']}/")
        if segment.get("pause_after"):
            out.append(f"  (then {segment['pause_after']:g} s)")
        out += [f"  ! {part['script']} cannot be read in {segment['language']!r}" for part in segment.get("unread", ())]
    return "\n".join([*out, *(f"! {notice}" for notice in tree["notices"])])
