"""Voices that cannot speak, texts that cannot be read, servers that are late: who speaks then, and what is told."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import repeat

import numpy as np
import pytest

from fishvoice.protocol import Synthesize, VoiceInfo
from fishvoiced.errors import DaemonError, NothingToSay, VoiceUnavailable
from fishvoiced.synthesis.base import Chunk, Notice, Rendering, SegmentFailure, Step, Traits, Waiting
from fishvoiced.text.lines import Line
from fishvoiced.voices.base import LoadedModel
from fishvoiced.voices.registry import VoiceRegistry
from tests.voices.test_registry import RATE, Toy, ToyBackend, ask

HERE = Traits(RATE, None, 400)
ELSEWHERE = Traits(RATE, None, 400, on_this_cpu=False)


@dataclass
class Scribe(Toy):
    """A renderer that writes down what it is given to say."""

    traits: Traits = HERE
    said: list[str] = field(default_factory=list)

    def render(self, index: int, line: Line) -> Rendering:
        self.said.append(line.text)
        yield np.full(RATE, 0.5, np.float32)


@dataclass
class Late(Toy):
    """Sound that never comes, or fails after a while."""

    traits: Traits = ELSEWHERE
    error: DaemonError | None = None
    first: bool = False
    closed: int = 0

    def render(self, index: int, line: Line) -> Rendering:
        try:
            if self.first:
                yield np.full(RATE, 0.1, np.float32)
            yield from repeat(Waiting(0.001), 3) if self.error else repeat(Waiting(0.001))
            if self.error:
                raise self.error
        finally:
            self.closed += 1


@dataclass
class Spoken(ToyBackend):
    """A kind whose one voice has a language."""

    language: str | None = None
    broken: str | None = None

    def voices(self) -> Sequence[VoiceInfo]:
        return [VoiceInfo(name, self.language, f"{self.kind}-model", RATE) for name in self.names]

    def load(self, voice: str) -> LoadedModel:
        if self.broken is not None:
            raise VoiceUnavailable(self.broken)
        return super().load(voice)


def english(scribe: Scribe) -> Spoken:
    return Spoken("english", ("ann",), scribe, language="en-US")


def russian(scribe: Scribe) -> Spoken:
    return Spoken("russian", ("irina",), scribe, language="ru-RU")


def seconds(steps: Sequence[Step]) -> float:
    return sum(len(step.samples) for step in steps if isinstance(step, Chunk)) / RATE


def heard(steps: Sequence[Step]) -> bool:
    return any(isinstance(step, Chunk) and np.any(step.samples) for step in steps)


# -- a voice that cannot speak ------------------------------------------------------------------------------


def test_another_default_speaks_for_a_voice_that_cannot_and_says_so() -> None:
    broken = Spoken("light", ("heart",), Toy(ELSEWHERE), broken="its package is not installed")
    registry = VoiceRegistry([broken, english(Scribe())])
    utterance = registry.open(ask())
    assert utterance.voice == "ann"
    assert utterance.notice == "voice 'heart' cannot speak (its package is not installed); 'ann' speaks instead"
    assert heard(list(utterance.steps))
    loaded = registry.load(None)
    assert (loaded.voice, loaded.notice) == ("ann", utterance.notice)
    assert [each.notice for each in registry.loaded()] == [utterance.notice]


def test_with_nobody_to_stand_in_the_reason_is_the_error() -> None:
    with pytest.raises(VoiceUnavailable, match="half a file"):
        VoiceRegistry([Spoken("light", ("heart",), Toy(ELSEWHERE), broken="half a file")]).open(ask())


# -- scripts ------------------------------------------------------------------------------------------------


def test_what_the_voice_cannot_read_is_left_out_and_told() -> None:
    scribe = Scribe()
    utterance = VoiceRegistry([english(scribe)]).open(ask(text="She said привет to everybody."))
    steps = list(utterance.steps)
    assert "Cyrillic text is left out" in (utterance.notice or "")
    assert " ".join(scribe.said).split() == ["She", "said", "to", "everybody."]
    (failure,) = [step for step in steps if isinstance(step, SegmentFailure)]
    assert "Cyrillic" in failure.message


def test_another_voice_speaks_it_if_the_user_named_one() -> None:
    scribe, other = Scribe(), Scribe(traits=Traits(2 * RATE, None, 400))
    registry = VoiceRegistry([english(scribe), russian(other)], languages={"ru": "irina"})
    utterance = registry.open(ask(text="She said привет to everybody."))
    steps = list(utterance.steps)
    assert utterance.notice is None
    assert [text.strip() for text in other.said] == ["привет"]
    assert not [step for step in steps if isinstance(step, SegmentFailure)]
    assert seconds(steps) == pytest.approx(2.5, abs=0.05)  # its second has half as many samples here


def test_nothing_that_can_be_read_is_refused_before_a_model_is_asked() -> None:
    scribe = Scribe()
    with pytest.raises(NothingToSay, match=r"Chinese text: 'ann' cannot read it; .*\[languages\] zh = "):
        VoiceRegistry([english(scribe)]).open(ask(text="你好，世界"))
    assert scribe.said == []


def test_what_the_markup_says_how_to_read_is_read() -> None:
    scribe = Scribe()
    text = "<speak>She said <sub alias='nee how'>你好</sub> in the café.</speak>"
    utterance = VoiceRegistry([english(scribe)]).open(ask(text=text, markup="ssml"))
    assert not [step for step in list(utterance.steps) if isinstance(step, SegmentFailure)]
    assert utterance.notice is None
    assert scribe.said == ["She said 你好 in the café."]


def test_a_voice_of_all_languages_gets_everything() -> None:
    scribe = Scribe()
    list(VoiceRegistry([Spoken("fish", ("ann",), scribe)]).open(ask(text="你好 hello привет")).steps)
    assert scribe.said == ["你好 hello привет"]


def test_a_single_letter_of_another_script_stays_with_its_sentence() -> None:
    scribe = Scribe()
    utterance = VoiceRegistry([english(scribe)]).open(ask(text="The letter π is here."))
    list(utterance.steps)
    assert scribe.said == ["The letter π is here."]
    assert utterance.notice is None


@dataclass
class Silent(Scribe):
    def render(self, index: int, line: Line) -> Rendering:
        if "mute" in line.text:
            raise NothingToSay("nothing to pronounce")
        yield from super().render(index, line)


def test_a_segment_without_a_reading_costs_that_segment_only() -> None:
    text = "The first sentence is here.\n\nmute mute mute mute mute.\n\nAnd this is the last one."
    steps = list(VoiceRegistry([english(Silent())]).open(ask(text=text)).steps)
    assert [step.segment for step in steps if isinstance(step, SegmentFailure)] == [1]
    assert heard(steps)


def test_a_request_without_any_reading_is_an_error() -> None:
    utterance = VoiceRegistry([english(Silent())]).open(ask(text="mute"))
    with pytest.raises(NothingToSay):
        list(utterance.steps)


# -- sound from elsewhere -----------------------------------------------------------------------------------


def remote(renderer: Late) -> tuple[VoiceRegistry, Scribe]:
    local = Scribe(traits=Traits(2 * RATE, None, 400))
    return VoiceRegistry([Spoken("local", ("ann",), local), Spoken("remote", ("big",), renderer)]), local


def asked(**fields: object) -> Synthesize:
    return ask("big", "Two words here.\n\nAnd the rest of it.", fallback_voice="ann", **fields)


def test_a_server_that_is_late_is_left_for_the_fallback_voice() -> None:
    late = Late()
    registry, local = remote(late)
    began = time.monotonic()
    steps = list(registry.open(asked(first_audio_within=0.05)).steps)
    assert time.monotonic() - began < 5
    assert late.closed == 1
    assert local.said == ["Two words here.", "And the rest of it."]
    assert seconds(steps) == pytest.approx(1.3, abs=0.1)  # at the rate that was announced
    assert [step.message for step in steps if isinstance(step, Notice)] == [
        "'ann' speaks instead of the voice asked for: it did not answer in time"
    ]


def test_a_server_that_fails_is_left_with_its_reason() -> None:
    registry, local = remote(Late(error=VoiceUnavailable("host: HTTP 500")))
    steps = list(registry.open(asked()).steps)
    assert len(local.said) == 2
    assert "host: HTTP 500" in next(step.message for step in steps if isinstance(step, Notice))


def test_a_segment_that_broke_off_is_not_begun_again() -> None:
    registry, local = remote(Late(error=VoiceUnavailable("host: HTTP 500"), first=True))
    steps = list(registry.open(asked(first_audio_within=0.05)).steps)
    assert local.said == []
    assert [step.segment for step in steps if isinstance(step, SegmentFailure)] == [0, 1]


def test_without_a_fallback_the_first_refusal_is_the_requests_error() -> None:
    late = Late(error=VoiceUnavailable("host: HTTP 401"))
    registry, _ = remote(late)
    with pytest.raises(VoiceUnavailable, match="401"):
        list(registry.open(ask("big", "One is here.\n\nTwo is here.")).steps)
    assert late.closed == 1  # the second segment was not tried


def test_closing_closes_what_is_under_way_elsewhere() -> None:
    late = Late()
    registry, _ = remote(late)
    steps = registry.open(asked(first_audio_within=60)).steps
    assert isinstance([next(steps) for _ in range(3)][-1], Waiting)
    steps.close()
    assert late.closed == 1
