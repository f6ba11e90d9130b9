"""The registry and the pipeline over toy kinds of voices: frames, whole sentences, sound from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from fishvoice.protocol import Synthesize, VoiceInfo
from fishvoiced.errors import BadReference, BadRequest, EngineError, UnknownVoice
from fishvoiced.synthesis.base import Chunk, Renderer, Rendering, SegmentFailure, Traits, Waiting
from fishvoiced.text.lines import Line
from fishvoiced.voices.base import LighterWay, LoadedModel, Streams
from fishvoiced.voices.registry import VoiceRegistry
from fishvoiced.voices.speed import Speed

RATE = 8000
TEXT = "The first sentence is here. The second one comes after it. And this is the last."


@dataclass
class Toy:
    """A renderer; a segment is one second of its number + 1 as level, in the manner of its kind."""

    traits: Traits
    failing: int | None = None

    def prepare(self) -> Iterator[None]:
        yield None

    def render(self, index: int, line: Line) -> Rendering:
        if index == self.failing:
            raise EngineError("no")
        second = np.full(RATE, (index + 1) / 10, np.float32)
        if not self.traits.on_this_cpu:
            yield Waiting(0.01)
            yield from np.split(second, 4)
        elif self.traits.step_seconds is None:
            yield second
        else:
            for frame in np.split(second, 10):
                yield None
                yield frame


@dataclass
class ToyModel:
    name: str
    made: Toy
    engine: str = "toy"
    precision: str = "fp32"
    notice: str | None = None
    streams: Streams = field(default_factory=Streams)
    observed: list[float] = field(default_factory=list)
    prepared: list[str] = field(default_factory=list)
    closed: int = 0

    def speed(self) -> Speed | None:
        return None

    def prepare(self, voice: str) -> None:
        self.prepared.append(voice)

    def renderer(self, request: Synthesize) -> Toy:
        return self.made

    def lighter(self, request: Synthesize, renderer: Renderer) -> LighterWay | None:
        return None

    def observe(self, rtf: float) -> None:
        self.observed.append(rtf)

    def close(self) -> None:
        self.closed += 1


@dataclass
class ToyBackend:
    kind: str
    names: tuple[str, ...]
    made: Toy
    loads: list[ToyModel] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def default_voice(self) -> str | None:
        return self.names[0] if self.names else None

    def voices(self) -> Sequence[VoiceInfo]:
        return [VoiceInfo(name, model=f"{self.kind}-model", sample_rate=RATE) for name in self.names]

    def model_of(self, voice: str) -> str | None:
        return f"{self.kind}-model" if voice in self.names else None

    def load(self, voice: str) -> LoadedModel:
        self.loads.append(ToyModel(f"{self.kind}-model", self.made))
        return self.loads[-1]

    def busy(self, models: Sequence[LoadedModel]) -> None:
        self.told.append("busy")

    def idle(self, models: Sequence[LoadedModel]) -> None:
        self.told.append("idle")


FRAMES = Toy(Traits(RATE, 0.1, 40))
SENTENCES = Toy(Traits(RATE, None, 40))
ELSEWHERE = Toy(Traits(RATE, None, 40, on_this_cpu=False))


def backends() -> tuple[ToyBackend, ToyBackend, ToyBackend]:
    return (
        ToyBackend("frames", ("ann", "ben"), FRAMES),
        ToyBackend("sentences", ("cat",), SENTENCES),
        ToyBackend("elsewhere", ("ann", "dan"), ELSEWHERE),
    )


def ask(voice: str | None = None, text: str = TEXT, **fields: object) -> Synthesize:
    return Synthesize(id="1", text=text, voice=voice, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(("voice", "frames"), [("ann", 30), ("cat", 0), ("dan", 0)])
def test_every_kind_is_segmented_joined_and_placed_by_the_same_pipeline(voice: str, frames: int) -> None:
    utterance = VoiceRegistry(backends()).open(ask(voice))
    chunks = [step for step in utterance.steps if isinstance(step, Chunk)]
    sound = np.concatenate([chunk.samples for chunk in chunks])
    assert sum(chunk.frames for chunk in chunks) == frames
    assert [chunk.segment for chunk in chunks if chunk.ends_segment] == [0, 1, 2]
    assert len(sound) >= 3 * RATE, "three segments, with pauses between them"
    assert len(sound) < 3.5 * RATE
    assert chunks[-1].text_end == len(TEXT)
    assert utterance.on_this_cpu == (voice != "dan")


def test_waiting_reaches_the_caller() -> None:
    steps = list(VoiceRegistry(backends()).open(ask("dan")).steps)
    assert sum(isinstance(step, Waiting) for step in steps) == 3


def test_a_failing_segment_costs_that_segment_in_every_kind() -> None:
    for traits in (FRAMES.traits, SENTENCES.traits, ELSEWHERE.traits):
        steps = list(VoiceRegistry([ToyBackend("toy", ("ann",), Toy(traits, failing=1))]).open(ask("ann")).steps)
        assert [step.segment for step in steps if isinstance(step, SegmentFailure)] == [1]
        seconds = [0.0, 0.0, 0.0]
        for step in steps:
            if isinstance(step, Chunk):
                seconds[step.segment] += len(step.samples) / RATE
        assert seconds == [pytest.approx(1.1, abs=0.1), pytest.approx(0.1, abs=0.1), pytest.approx(1.0, abs=0.1)]


def test_speed_is_left_to_a_kind_that_changes_it_itself() -> None:
    def seconds(traits: Traits) -> float:
        steps = VoiceRegistry([ToyBackend("toy", ("ann",), Toy(traits))]).open(ask("ann", speed=2.0)).steps
        return sum(len(step.samples) for step in steps if isinstance(step, Chunk)) / RATE

    assert seconds(Traits(RATE, None, 40)) == pytest.approx(1.6, abs=0.2)
    assert seconds(Traits(RATE, None, 40, changes_speed=True)) == pytest.approx(3.2, abs=0.3)


def test_the_first_backend_has_the_default_and_the_names() -> None:
    registry = VoiceRegistry(backends())
    infos = registry.voices()
    assert [(info.name, info.model, info.default) for info in infos] == [
        ("ann", "frames-model", True),
        ("ben", "frames-model", False),
        ("cat", "sentences-model", False),
        ("dan", "elsewhere-model", False),
    ]
    assert registry.open(ask()).voice == "ann"
    assert VoiceRegistry(backends(), "dan").open(ask()).voice == "dan"


def test_an_unknown_voice_is_told_with_the_known_ones() -> None:
    with pytest.raises(UnknownVoice, match="ann, ben, cat, dan"):
        VoiceRegistry(backends()).open(ask("eve"))
    with pytest.raises(UnknownVoice, match="there is no voice"):
        VoiceRegistry([ToyBackend("none", (), FRAMES)]).load(None)


def test_voices_of_one_model_share_it_and_unloading_closes_it() -> None:
    first, *others = backends()
    registry = VoiceRegistry([first, *others])
    registry.load("ann")
    registry.load("ben")
    assert len(first.loads) == 1
    assert first.loads[0].prepared == ["ann", "ben"]
    assert [loaded.model for loaded in registry.loaded()] == ["frames-model"]
    registry.unload("frames-model")
    registry.unload("frames-model")
    assert first.loads[0].closed == 1
    assert list(registry.loaded()) == []


def test_a_model_in_memory_outlives_its_folder_and_is_still_listed() -> None:
    backend = ToyBackend("frames", ("ann",), FRAMES)
    registry = VoiceRegistry([backend])
    before = len(list(registry.open(ask("ann")).steps))
    assert [info.name for info in registry.voices()] == ["ann"]
    backend.names = ()  # as in an upgrade, which takes the old package's files away
    assert len(list(registry.open(ask("ann")).steps)) == before
    assert [info.name for info in registry.voices()] == ["ann"]
    registry.unload("frames-model")
    with pytest.raises(UnknownVoice):
        registry.open(ask("ann"))


def test_the_real_time_factor_is_observed_of_what_was_spoken_to_its_end_only() -> None:
    first, *others = backends()
    registry = VoiceRegistry([first, *others])
    broken_off = registry.open(ask("ann")).steps
    next(broken_off)
    broken_off.close()
    assert first.loads[0].observed == []
    list(registry.open(ask("ann")).steps)
    assert len(first.loads[0].observed) == 1


def test_every_backend_hears_when_speaking_begins_and_ends() -> None:
    made = backends()
    registry = VoiceRegistry(made)
    steps = registry.open(ask("cat")).steps
    next(steps)
    assert [backend.told[-1] for backend in made] == ["busy"] * 3
    steps.close()
    assert [backend.told[-1] for backend in made] == ["idle"] * 3


def test_what_cannot_be_spoken_is_refused_before_anything_is_loaded() -> None:
    first, *others = backends()
    registry = VoiceRegistry([first, *others])
    with pytest.raises(BadRequest, match="nothing to speak"):
        registry.open(ask(text="?!"))
    with pytest.raises(BadReference, match="without its recording"):
        registry.open(ask(reference_text="hello"))
    assert first.loads == []
