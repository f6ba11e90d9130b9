"""What is to come of a text, and when there is time for it."""

from __future__ import annotations

from collections.abc import Generator

from fishvoiced.synthesis.coming import SAFE_SECONDS, Coming, Lead, Part
from fishvoiced.text.lines import Line, lines
from fishvoiced.text.markup.read import read
from fishvoiced.text.spans import Pause

TEXT = 'One. <break time="2s"/> Two. Three.'


def told(steps: Generator[None, None, Part | None]) -> tuple[Part | None, int]:
    """What the steps come to, and how many there are."""
    count = 0
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value, count
        count += 1


def parts() -> list[Part]:
    return list(lines(read(f"<speak>{TEXT}</speak>", "ssml"), 5))


def test_what_was_looked_at_still_comes_each_part_once() -> None:
    expected = parts()
    looked = Coming(iter(expected))
    assert told(looked.first()) == (expected[0], 0)
    assert [len(looked.lines(2)) for _ in range(3)] == [1, 2, 2], "one part at a time"
    assert [line.text for line in looked.lines(2)] == ["One.", "Two."]
    found = []
    while told(looked.first())[0] is not None:
        found.append(told(looked.next())[0])
    assert found == expected
    assert any(isinstance(part, Pause) for part in found)
    assert told(looked.next()) == (None, 0)
    assert list(looked.lines(3)) == []


def test_lines_without_anything_to_say_are_steps() -> None:
    first, second, *_ = (part for part in parts() if isinstance(part, Line))
    looked = Coming(iter([None, first, None, None, second]))
    assert told(looked.next()) == (first, 1)
    assert list(looked.lines(1)) == []
    assert told(looked.next()) == (second, 1)


def test_the_lead_is_what_the_listener_has_not_heard_yet() -> None:
    now = 100.0
    lead = Lead(listens=True, clock=lambda: now)
    assert not lead.is_safe
    lead.made(SAFE_SECONDS)
    assert lead.is_safe
    now += 0.5
    assert not lead.is_safe
    now += 60.0  # the listener heard silence: what comes now is heard from now on
    lead.made(SAFE_SECONDS / 2)
    assert not lead.is_safe
    lead.made(SAFE_SECONDS / 2)
    assert lead.is_safe


def test_where_nobody_listens_there_is_time_as_soon_as_there_is_sound() -> None:
    lead = Lead(listens=False, clock=lambda: 0.0)
    assert not lead.is_safe
    lead.made(0.0)
    assert not lead.is_safe
    lead.made(0.05)
    assert lead.is_safe
