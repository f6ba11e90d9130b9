"""A request that goes on with less work, at a segment's border, in the order of its ways; and says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from fishvoice.protocol import Synthesize
from fishvoiced.errors import EngineError
from fishvoiced.synthesis.base import Chunk, Lightened, Renderer, SegmentFailure, Step, Traits
from fishvoiced.voices.base import LighterWay, LoadedModel
from fishvoiced.voices.registry import VoiceRegistry
from tests.voices.test_registry import RATE, Toy, ToyBackend, ToyModel, ask

HEAVY = Toy(Traits(RATE, 0.1, 40))
LIGHT = Toy(Traits(2 * RATE, None, 40))


@dataclass
class Smaller(ToyModel):
    """A model with a smaller one beside it, which is in memory when the test says so."""

    loaded: bool = True
    broken: bool = False
    asked: int = 0

    def ready(self) -> bool:
        self.asked += 1
        if self.broken:
            raise EngineError("it does not load")
        return self.loaded

    def lighter(self, request: Synthesize, renderer: Renderer) -> LighterWay | None:
        return LighterWay("small", "small speaks on", self.ready, lambda: HEAVY, lambda: 0.6)


@dataclass
class SmallerBackend(ToyBackend):
    made_model: Smaller = field(default_factory=lambda: Smaller("heavy-model", HEAVY))

    def load(self, voice: str) -> LoadedModel:
        return self.made_model


def heavy(*, loaded: bool = True, broken: bool = False) -> SmallerBackend:
    return SmallerBackend(
        "heavy", ("ann",), HEAVY, made_model=Smaller("heavy-model", HEAVY, loaded=loaded, broken=broken)
    )


def spoken(backends: Sequence[ToyBackend], lighten_at: Sequence[int], **options: object) -> list[Step]:
    """All steps, with `lighten` called in the middle of those segments."""
    utterance = VoiceRegistry(backends).open(ask("ann", **options))
    steps: list[Step] = []
    wanted = set(lighten_at)
    for step in utterance.steps:
        steps.append(step)
        if isinstance(step, Chunk) and step.segment in wanted:
            wanted.discard(step.segment)
            utterance.lighten()
    return steps


def changes(steps: Sequence[Step]) -> list[tuple[int, str]]:
    """(segments ended before, what speaks from there on)."""
    found, ended = [], 0
    for step in steps:
        ended += isinstance(step, Chunk) and step.ends_segment
        if isinstance(step, Lightened):
            found.append((ended, step.model))
    return found


def test_the_segment_in_hand_is_finished_and_the_next_one_costs_less() -> None:
    steps = spoken([heavy()], [0])
    assert changes(steps) == [(1, "small")]
    assert not any(isinstance(step, SegmentFailure) for step in steps)
    assert sum(len(step.samples) for step in steps if isinstance(step, Chunk)) >= 3 * RATE


def test_the_same_voice_comes_first_and_the_allowed_other_one_only_after_it() -> None:
    backends = [heavy(), ToyBackend("light", ("ben",), LIGHT)]
    assert changes(spoken(backends, [0, 1], fallback_voice="ben")) == [(1, "small"), (2, "light-model")]
    assert changes(spoken(backends, [0, 1])) == [(1, "small")]


def test_another_voice_speaks_on_at_the_rate_that_was_announced() -> None:
    backends = [ToyBackend("heavy", ("ann",), HEAVY), ToyBackend("light", ("ben",), LIGHT)]
    plain, lighter = (spoken(backends, at, fallback_voice="ben") for at in ([], [0]))
    change = next(step for step in lighter if isinstance(step, Lightened))
    assert change.message == "'ben' speaks on, because the machine is too hot for 'ann'"
    lengths = [sum(len(s.samples) for s in steps if isinstance(s, Chunk)) for steps in (plain, lighter)]
    # Ben's segments have half as many seconds: as many samples at twice the rate.
    assert lengths[0] - lengths[1] == pytest.approx(RATE, abs=RATE / 10)


def test_what_is_still_being_loaded_is_not_waited_for() -> None:
    backend = heavy(loaded=False)
    utterance = VoiceRegistry([backend]).open(ask("ann"))
    assert utterance.lighten()
    assert backend.made_model.asked == 1, "loading begins at once"
    assert changes(list(utterance.steps)) == []


def test_a_way_that_cannot_be_gone_is_left_out() -> None:
    backends = [heavy(broken=True), ToyBackend("light", ("ben",), LIGHT)]
    assert changes(spoken(backends, [0], fallback_voice="ben")) == [(1, "light-model")]
    assert changes(spoken([heavy(broken=True)], [0])) == []
    assert not VoiceRegistry([heavy(broken=True)]).open(ask("ann")).lighten()


def test_where_nothing_is_lighter_nothing_changes() -> None:
    light = ToyBackend("light", ("ann",), replace(LIGHT))
    utterance = VoiceRegistry([light]).open(ask("ann", fallback_voice="ann"))
    assert not utterance.lighten()
    imitating = VoiceRegistry([heavy(), ToyBackend("light", ("ben",), LIGHT)]).open(
        ask("ann", fallback_voice="ben", payload=b"a recording", reference_text="words")
    )
    assert imitating.lighten(), "its own voice may, in fewer bits"
    assert changes(list(imitating.steps)) == [(0, "small")]


def test_how_fast_a_model_is_is_not_learned_from_what_another_one_spoke() -> None:
    backend = heavy()
    spoken([backend], [0])
    assert backend.made_model.observed == []
    spoken([backend], [])
    assert len(backend.made_model.observed) == 1
    assert np.isfinite(backend.made_model.observed[0])
