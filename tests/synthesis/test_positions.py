"""Where words are reported to be heard: at their place in the request's text, through every stage and kind of voice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fishvoiced.synthesis.base import Chunk, Rendering, TimedSamples, Traits
from fishvoiced.synthesis.pipeline import synthesize
from fishvoiced.synthesis.said import said
from fishvoiced.text.lines import Line
from fishvoiced.text.markup import read
from fishvoiced.text.markup.read import MARKUPS, Markup

RATE = 8000
WORD_SECONDS = 0.1
PLAIN = ("apple", "pear", "plum", "kiwi", "fig")
_PLAIN = re.compile(rf"\b(?:{'|'.join(PLAIN)})\b")
# What becomes more words, fewer, or none; and what only shapes them.
BETWEEN = (
    " ", ", ", ". ", "\n\n", " 1,234.50 ", " $5 ", " Dr. Jones ", " 12/25/2024 ", " 3f2a9c1 ", " != ", " 👍 ",
    " [pause:1s] ", " <break time='1s'/> ", " <prosody rate='150%'>", "</prosody> ", " **", "** ", " [",
    " <sub alias='three whole words'>x</sub> ", "](https://example.com/a) ", " &amp; ", " <mark name='m'/>",
    " AAAAAAAAAAAAAAAA ", " ½ ", " — ", "\n- ", " <voice name='ann'>", "</voice> ", " \u200b", " é ", " e\u0301 ",
)  # fmt: skip


@dataclass
class Voice:
    """Every word that it is given lasts a tenth of a second; ``timed``: it knows, and tells."""

    traits: Traits
    timed: bool

    def prepare(self) -> Iterator[None]:
        return iter(())

    def render(self, index: int, line: Line) -> Rendering:
        words = re.findall(r"[^\s,.?!]+", said(line, self.traits))
        sound = np.full(round(len(words) * WORD_SECONDS * RATE), 0.5, np.float32)
        if not self.timed:
            yield from np.array_split(sound, 3)
            return
        yield TimedSamples(sound, tuple((word, number * WORD_SECONDS) for number, word in enumerate(words)))


@given(
    st.lists(st.tuples(st.sampled_from(PLAIN), st.sampled_from(BETWEEN)), min_size=1, max_size=14),
    st.sampled_from(MARKUPS),
    st.sampled_from(["spoken", "written", "numbered"]),
    st.booleans(),
    st.sampled_from([30, 200]),
)
@settings(max_examples=400, deadline=None)
def test_every_word_is_told_once_in_order_and_at_its_place(
    parts: list[tuple[str, str]], markup: Markup, reads: str, timed: bool, longest: int
) -> None:
    text = "".join(word + between for word, between in parts)
    voice = Voice(Traits(RATE, None, longest, reads=reads), timed)  # type: ignore[arg-type]
    chunks = [step for step in synthesize(voice, read(text, markup)) if isinstance(step, Chunk)]
    told = [word for chunk in chunks for word in chunk.words]
    found = [plain for word in told for plain in _PLAIN.findall(text[word.text_start : word.text_end])]
    assert found == [word for word, _ in parts]
    assert [word.text_start for word in told] == sorted(word.text_start for word in told)
    assert [word.seconds for word in told] == sorted(word.seconds for word in told)
    assert not told or told[-1].seconds <= sum(len(chunk.samples) for chunk in chunks) / RATE + 0.01
    at = 0
    for chunk in chunks:
        assert 0 <= chunk.text_start <= chunk.text_end <= len(text)
        assert at <= chunk.text_start or "AAAA" in text  # a run that is named may be said in two segments
        at = chunk.text_start


@pytest.mark.parametrize("markup", ["auto", "ssml"])
def test_a_voice_that_knows_its_times_tells_them_through_numbers_and_markup(markup: Markup) -> None:
    """Three words are said for "$5.20" and "x": what comes behind them is not told too early."""
    text = "<speak>apple $5 <sub alias='one two three'>x</sub> pear<break time='1s'/>plum</speak>"
    voice = Voice(Traits(RATE, None, reads="spoken"), timed=True)
    chunks = [step for step in synthesize(voice, read(text, markup)) if isinstance(step, Chunk)]
    times = {text[word.text_start : word.text_end]: word.seconds for chunk in chunks for word in chunk.words}
    assert times["apple"] == pytest.approx(0.0, abs=0.01)
    assert times["pear"] == pytest.approx(0.6, abs=0.01)
    assert times["plum"] == pytest.approx(1.7, abs=0.05)
