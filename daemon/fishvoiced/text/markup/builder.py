"""Collects spans while a reader of markup goes through a source, and keeps the limits on what it may ask for."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from fishvoiced.text.markup.values import seconds
from fishvoiced.text.spans import PLAIN_STYLE, Mark, Pause, Prosody, Script, Span, Text

MAX_PAUSE_SECONDS = 30.0
MAX_TOTAL_PAUSE_SECONDS = 600.0
MAX_DEPTH = 32
"""Elements within elements; deeper ones have no effect on how their text sounds."""
MAX_MARKS = 10_000

_COMMAND = re.compile(
    r"\[pause:\s?(?P<pause>[\d.]{1,9}\s?m?s)\]|\[\[(?P<word>[^\[\]|\n]{1,120})\|(?P<phones>[^\[\]|\n]{1,120})\]\]"
)


@dataclass(frozen=True, slots=True)
class Hints:
    """How the text of an element is to be read; see :class:`fishvoiced.text.spans.Text`."""

    alias: str | None = None
    phones: str | None = None
    say_as: str | None = None
    code: bool = False


class Builder:
    """``style`` and ``hints`` apply to what is added next."""

    def __init__(self, source: str) -> None:
        self.style = PLAIN_STYLE
        self.hints = Hints()
        self._source = source
        self._spans: list[Span] = []
        self._notices: dict[str, None] = {}
        self._paused = 0.0
        self._marks = 0

    def script(self) -> Script:
        return Script(self._source, tuple(self._spans), tuple(self._notices))

    def source_text(self, start: int, end: int) -> str:
        return self._source[start:end]

    def notice(self, message: str) -> None:
        self._notices[message] = None

    def text(self, text: str, start: int, end: int) -> None:
        """``text`` for ``source[start:end]``; the commands in it, where it is the source itself, are carried out."""
        verbatim = len(text) == end - start
        if not (verbatim and "[" in text and self.hints == Hints()):
            self._add(text, start, end)
            return
        done = 0
        for command in _COMMAND.finditer(text):
            if command["pause"] and seconds(command["pause"]) is None:
                continue
            self._add(text[done : command.start()], start + done, start + command.start())
            done = command.end()
            if command["pause"]:
                self.pause(seconds(command["pause"]) or 0.0, start + command.start(), start + done)
            else:
                at = start + command.start("word")
                self.hints = Hints(phones=command["phones"].strip().strip("/"))
                self._add(command["word"], at, at + len(command["word"]))
                self.hints = Hints()
        self._add(text[done:], start + done, end)

    def announce(self, text: str, at: int) -> None:
        """What we say ourselves of the source, in English."""
        self._spans.append(Text(text, at, at, self.style, announcement=True))

    def _add(self, text: str, start: int, end: int) -> None:
        if not text:
            return
        hints = self.hints
        new = Text(text, start, end, self.style, hints.alias, hints.phones, hints.say_as, hints.code)
        last = self._spans[-1] if self._spans else None
        if isinstance(last, Text) and _continues(last, new):
            self._spans[-1] = last._replace(text=last.text + text, end=end)
        else:
            self._spans.append(new)

    def boundary(self, at: int, text: str = "\n\n") -> None:
        """A break that the markup implies: the end of a paragraph, of a table's cell."""
        if self._spans and not (isinstance(self._spans[-1], Text) and self._spans[-1].text.endswith(text)):
            self._spans.append(Text(text, at, at, self.style))

    def pause(self, wanted: float, start: int, end: int) -> None:
        length = min(wanted, MAX_PAUSE_SECONDS, MAX_TOTAL_PAUSE_SECONDS - self._paused)
        if length < wanted:
            self.notice(
                f"a pause was shortened: one is at most {MAX_PAUSE_SECONDS:g} s, "
                f"all together {MAX_TOTAL_PAUSE_SECONDS:g} s"
            )
        if length > 0:
            self._paused += length
            self._spans.append(Pause(length, start, end))

    def mark(self, name: str, at: int) -> None:
        self._marks += 1
        if self._marks <= MAX_MARKS:
            self._spans.append(Mark(name, at))
        else:
            self.notice(f"only the first {MAX_MARKS} marks are reported")

    def change(self, prosody: Prosody) -> None:
        """What is added next sounds so, on top of what it sounds like already."""
        now = self.style.prosody
        both = Prosody(now.rate * prosody.rate, now.pitch + prosody.pitch, now.volume * prosody.volume)
        self.style = replace(self.style, prosody=both.within_limits())


def _continues(last: Text, new: Text) -> bool:
    verbatim = len(last.text) == last.end - last.start and len(new.text) == new.end - new.start
    if not verbatim or last.end != new.start or last.is_fixed or new.is_fixed:
        return False
    return last.style is new.style or last.style == new.style
