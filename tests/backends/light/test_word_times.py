"""Captions of the light voice: every written word, in order, within the sound, and when it is heard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from fishvoice.protocol import Synthesize, WordTime
from fishvoiced.backends.light.backend import LightBackend, LightModel
from fishvoiced.backends.light.hibari import SAMPLE_RATE
from fishvoiced.synthesis.audio import Samples
from fishvoiced.synthesis.base import Chunk, Renderer, Rendering, TimedSamples
from fishvoiced.synthesis.pipeline import synthesize
from fishvoiced.text.lines import Line

PLAIN = "The harbour was quiet that evening, and nobody had seen the boats. Then a lamp came on."
MOST_SECONDS = 0.06  # of error, on average
UNSEEN = (
    "My brother repairs old bicycles in a shed behind the station.",
    "After lunch, the children painted the fence a bright shade of green.",
    "Nobody noticed the letter until the following Tuesday morning.",
    "If the train is late, take a taxi from the southern entrance.",
    "The museum keeps its oldest coins in a narrow glass cabinet.",
    "We counted forty swans on the river before it began to snow.",
    "Her answer surprised everyone who had come to the meeting.",
    "Put the flour in a large bowl, then add the butter and the sugar.",
    "Several tourists asked the guard where the garden was.",
    "It takes about six minutes to walk from here to the harbour.",
    "The engine made a strange noise and stopped on the hill.",
    "They sold the farm, packed their things, and moved to the coast.",
)
"""Sentences that the estimate of how long words take was not fitted to."""


@pytest.fixture(scope="module")
def model() -> LightModel:
    return LightBackend().load("heart")


def spoken(model: LightModel, text: str, speed: float = 1.0) -> tuple[Samples, list[WordTime]]:
    renderer = model.renderer(Synthesize(id="1", text=text, voice="heart", seed=3))
    chunks = [step for step in synthesize(renderer, text, speed) if isinstance(step, Chunk)]
    return np.concatenate([c.samples for c in chunks]), [word for c in chunks for word in c.words]


def exact(model: LightModel, text: str) -> list[float]:
    """The network's own times of the words of a text of one segment."""
    renderer = model.renderer(Synthesize(id="1", text=text, voice="heart", seed=3))
    return [at for step in renderer.render(0, Line.of(text)) if isinstance(step, TimedSamples) for _, at in step.words]


@pytest.mark.parametrize("speed", [1.0, 1.5])
def test_times_are_the_voices_own(model: LightModel, speed: float) -> None:
    text = PLAIN.partition(". ")[0] + "."
    _, words = spoken(model, text, speed)
    errors = [abs(word.seconds - at / speed) for word, at in zip(words, exact(model, text), strict=True)]
    assert sum(errors) / len(errors) <= MOST_SECONDS


@pytest.mark.parametrize("text", [PLAIN, "On 3 May, Dr. Lee paid $20 for 14 apples at 9:30; was that too much?"])
def test_every_word_once_in_order_within_the_sound(model: LightModel, text: str) -> None:
    sound, words = spoken(model, text)
    written = [text[word.text_start : word.text_end] for word in words]
    assert " ".join(written).replace(",", "").startswith(text.split()[0])
    assert [word.text_start for word in words] == sorted({word.text_start for word in words})
    assert all(said.strip() == said != "" for said in written)
    times = [word.seconds for word in words]
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] < len(sound) / SAMPLE_RATE


@pytest.mark.parametrize("speed", [1.0, 1.5])
def test_after_a_pause_the_word_is_heard_when_it_is_said_to_be(model: LightModel, speed: float) -> None:
    """The sound itself is asked: where it begins again after the longest silence."""
    text = "Nobody had seen the boats. Then a lamp came on."
    sound, words = spoken(model, text, speed)
    told = next(word.seconds for word in words if text[word.text_start : word.text_end] == "Then")
    loud = np.flatnonzero(np.abs(sound) > 0.02)
    gaps = np.diff(loud)
    begins = loud[int(np.argmax(gaps)) + 1] / SAMPLE_RATE
    assert abs(told - begins) <= 0.1


class WithoutTimes:
    """The light voice as one that works in frames, and does not tell when it says which word."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self.traits = replace(renderer.traits, step_seconds=0.05)

    def prepare(self) -> Iterator[None]:
        return self._renderer.prepare()

    def render(self, index: int, line: Line) -> Rendering:
        for step in self._renderer.render(index, line):
            yield step.samples if isinstance(step, TimedSamples) else step


def test_estimates_for_other_voices_are_near_the_light_voices_own_times(model: LightModel) -> None:
    errors = []
    for text in UNSEEN:
        renderer = WithoutTimes(model.renderer(Synthesize(id="1", text=text, voice="heart", seed=3)))
        steps = synthesize(renderer, text, to_file=True)
        words = [word for step in steps if isinstance(step, Chunk) for word in step.words]
        errors += [abs(word.seconds - at) for word, at in zip(words, exact(model, text), strict=True)]
    assert sum(errors) / len(errors) <= MOST_SECONDS
