"""What is to come of a text, and when there is time for it."""

from __future__ import annotations

from fishvoiced.synthesis.coming import SAFE_SECONDS, Coming, Lead, Part
from fishvoiced.text.lines import lines
from fishvoiced.text.markup.read import read
from fishvoiced.text.spans import Pause

TEXT = 'One. <break time="2s"/> Two. Three.'


def parts() -> list[Part]:
    return list(lines(read(f"<speak>{TEXT}</speak>", "ssml"), 5))


def test_what_was_looked_at_still_comes_each_part_once() -> None:
    expected = parts()
    looked = Coming(iter(expected))
    assert looked.first() == expected[0]
    assert [line.text for line in looked.lines(2)] == ["One.", "Two."]
    found = []
    while looked.first() is not None:
        found.append(looked.next())
    assert found == expected
    assert any(isinstance(part, Pause) for part in found)
    assert looked.next() is None
    assert list(looked.lines(3)) == []


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
