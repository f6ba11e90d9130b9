"""What markup does to sound, for any kind of voice: exact pauses, prosody, marks, what cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from fishvoiced.errors import NothingToSay
from fishvoiced.synthesis.base import Chunk, Rendering, SegmentFailure, Step, Traits
from fishvoiced.synthesis.pipeline import synthesize
from fishvoiced.synthesis.said import said
from fishvoiced.text.lines import Line
from fishvoiced.text.markup import read
from fishvoiced.text.markup.read import Markup
from tests.synthesis.silences import silences

RATE = 8000
LEVEL = 0.5


@dataclass
class Speaking:
    """Every segment is 0.1 s of silence, 0.3 s of sound, and 0.2 s of silence, as voices leave it."""

    traits: Traits
    given: list[str] = field(default_factory=list)

    def prepare(self) -> Iterator[None]:
        return iter(())

    def render(self, index: int, line: Line) -> Rendering:
        self.given.append(said(line, self.traits))
        sound = np.zeros(round(0.6 * RATE), np.float32)
        sound[round(0.1 * RATE) : round(0.4 * RATE)] = LEVEL
        yield from np.array_split(sound, 3)


def spoken(text: str, markup: Markup = "ssml", **traits: object) -> tuple[list[Step], Speaking]:
    renderer = Speaking(Traits(RATE, None, reads="spoken", **traits))  # type: ignore[arg-type]
    return list(synthesize(renderer, read(text, markup))), renderer


def sound_of(steps: list[Step]) -> np.ndarray:
    return np.concatenate([step.samples for step in steps if isinstance(step, Chunk)])


@pytest.mark.parametrize("step_seconds", [None, 0.05])
@pytest.mark.parametrize("speed", [1.0, 2.0])
def test_a_break_is_silence_of_its_length(step_seconds: float | None, speed: float) -> None:
    renderer = Speaking(Traits(RATE, step_seconds, reads="spoken"))
    script = read("One <break time='2s'/> two [pause:500ms] three.", "auto")
    pauses = silences(sound_of(list(synthesize(renderer, script, speed))), RATE)
    assert pauses == pytest.approx([2.0, 0.5], abs=0.05)


def test_a_pause_before_and_after_everything_is_kept() -> None:
    steps, _ = spoken("<speak><break time='1s'/>One<break time='700ms'/></speak>")
    sound = sound_of(steps)
    loud = np.flatnonzero(np.abs(sound) > 0.01)
    assert loud[0] / RATE == pytest.approx(1.0, abs=0.05)
    assert (len(sound) - loud[-1]) / RATE == pytest.approx(0.7, abs=0.05)


def test_prosody_changes_loudness_and_length_of_its_words_alone() -> None:
    plain, _ = spoken("One. <break time='1s'/> Two.")
    steps, _ = spoken("One. <break time='1s'/> <prosody volume='50%' rate='200%'>Two.</prosody>")
    before, after = sound_of(plain), sound_of(steps)
    assert len(after) < len(before) - 0.1 * RATE
    half = len(after) - round(0.1 * RATE)
    assert np.abs(after[: round(0.4 * RATE)]).max() == pytest.approx(LEVEL, abs=0.02)
    assert np.abs(after[half - round(0.2 * RATE) :]).max() == pytest.approx(LEVEL / 2, abs=0.05)


def test_marks_are_reported_where_their_words_begin() -> None:
    steps, _ = spoken("<speak>one <mark name='a'/>two <break time='1s'/><mark name='b'/>three<mark name='c'/></speak>")
    marks = [(mark.name, mark.seconds) for step in steps if isinstance(step, Chunk) for mark in step.marks]
    assert [name for name, _ in marks] == ["a", "b", "c"]
    (_, a), (_, b), (_, c) = marks
    assert 0 < a < 0.5
    assert b == pytest.approx(sum(silences(sound_of(steps), RATE)) + 0.4, abs=0.1)  # 0.1 s of silence before
    assert c >= b + 0.2


def test_words_are_told_with_their_places_in_the_marked_up_text() -> None:
    text = "see [the docs](https://example.com/a) **now**"
    steps, _ = spoken(text, "markdown")
    told = [word for step in steps if isinstance(step, Chunk) for word in step.words]
    assert [text[word.text_start : word.text_end] for word in told] == ["see", "the", "docs", "now"]
    assert [word.seconds for word in told] == sorted(word.seconds for word in told)


def test_what_the_voice_cannot_read_is_told_and_the_rest_is_spoken() -> None:
    steps, renderer = spoken("Hello there. <break/> Привет мир. <break/> Bye.")
    failures = [step for step in steps if isinstance(step, SegmentFailure)]
    assert ["cannot read Cyrillic script" in failure.message for failure in failures] == [True]
    assert renderer.given == ["hello there.", "bye."]


@pytest.mark.parametrize(
    ("text", "reason"),
    [("Привет, мир!", "cannot read Cyrillic"), ("-----", "nothing to speak"), ("你好，世界", "Chinese")],
)
def test_a_text_without_anything_to_say_is_refused_with_the_reason(text: str, reason: str) -> None:
    renderer = Speaking(Traits(RATE, None, reads="spoken"))
    with pytest.raises(NothingToSay, match=reason):
        list(synthesize(renderer, text))
    assert not renderer.given


@pytest.mark.parametrize(
    ("reads", "given"),
    [
        ("written", "Dr. Smith paid $5."),
        ("numbered", "Dr. Smith paid five dollars."),
        ("spoken", "doctor smith paid five dollars."),
    ],
)
def test_a_voice_gets_what_it_reads(reads: str, given: str) -> None:
    renderer = Speaking(Traits(RATE, None, reads=reads))  # type: ignore[arg-type]
    list(synthesize(renderer, read("Dr. **Smith** paid $5.", "markdown")))
    assert renderer.given == [given]


def test_a_fixed_pronunciation_reaches_the_voice_in_its_alphabet() -> None:
    for alphabet, phones in (("ipa", "ˈdeɪta"), ("misaki", "dˈAtæ")):
        _, renderer = spoken("the [[data|ˈdeɪta]] here", "auto", alphabet=alphabet)
        assert renderer.given == [f"the [data](/{phones}/) here"]
