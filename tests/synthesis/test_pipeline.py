"""Text → chunks: joined as one-shot decoding, places in the text, failures that stay in their segment."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest

from fishvoice.books.book import Chapter
from fishvoice.books.narration import plan
from fishvoiced.backends.fish.config import ModelConfig
from fishvoiced.backends.fish.engine.base import Alone, Decoder, Engine
from fishvoiced.backends.fish.engine.group import Group
from fishvoiced.backends.fish.engine.onnx_engine import OnnxEngine
from fishvoiced.backends.fish.renderer import FishRenderer, block_sizes, segment_seed
from fishvoiced.backends.fish.tokenizer import Tokenizer
from fishvoiced.backends.fish.types import Codes, Columns, Prompt, Reference, SamplingOptions
from fishvoiced.errors import BadRequest, EngineError
from fishvoiced.synthesis.audio import Samples
from fishvoiced.synthesis.base import Chunk, Rendering, SegmentFailure, Step, Traits
from fishvoiced.synthesis.join import FADE_SECONDS
from fishvoiced.synthesis.pipeline import synthesize
from fishvoiced.text.lines import Line
from fishvoiced.voices.base import Streams

SAMPLING = SamplingOptions(temperature=0.8, top_p=0.9, repetition_penalty=1.1)
MARKS = "?! " * 3000
TEXT = "The first sentence is here. Then comes another one, after it! And a last?"


@dataclass
class Recorder:
    """An engine at the door of another: notes what is generated, and fails where it is told to."""

    inner: Engine
    fail_in: tuple[int, ...] = ()
    prompts: list[Columns] = field(default_factory=list)
    codes: list[Codes] = field(default_factory=list)

    @property
    def config(self) -> ModelConfig:
        return self.inner.config

    def usage(self) -> Streams:
        return self.inner.usage()

    @property
    def tokenizer(self) -> Tokenizer:
        return self.inner.tokenizer

    name = "recorder"
    precision = "none"
    streams = 1

    def generate(self, prompt: Prompt, sampling: SamplingOptions, seed: int, max_frames: int) -> Alone:
        return Alone(self._frames(prompt, sampling, seed, max_frames))

    def _frames(
        self, prompt: Prompt, sampling: SamplingOptions, seed: int, max_frames: int
    ) -> Generator[Codes, None, None]:
        number = len(self.prompts)
        self.prompts.append(prompt.columns)
        said: list[Codes] = []
        with closing(self.inner.generate(prompt, sampling, seed, min(max_frames, 40))) as generation:
            for codes in generation:
                said.append(codes)
                yield codes
                if number in self.fail_in and len(said) == 5:
                    raise EngineError("a kernel failed")
        self.codes.append(np.concatenate(said, axis=1))

    def decoder(self) -> Decoder:
        return self.inner.decoder()

    def encode(self, audio: Samples) -> Codes:
        return self.inner.encode(audio)

    def close(self) -> None:
        raise AssertionError("not ours to close")


def renderer(engine: Engine, seed: int = 7) -> FishRenderer:
    return FishRenderer(engine, seed, SAMPLING)


def chunks_of(steps: list[Step]) -> list[Chunk]:
    return [s for s in steps if isinstance(s, Chunk)]


def test_streamed_sound_equals_decoding_each_segment_at_once(onnx_engine: OnnxEngine) -> None:
    engine = Recorder(onnx_engine)
    chunks = chunks_of(list(synthesize(renderer(engine), TEXT)))
    assert {c.segment for c in chunks} == {0, 1}
    fade = round(FADE_SECONDS * onnx_engine.config.codec.sample_rate)
    for segment, codes in enumerate(engine.codes):
        whole = onnx_engine.decoder().decode(codes)
        streamed = np.concatenate([c.samples for c in chunks if c.segment == segment])
        assert len(streamed) >= len(whole)
        np.testing.assert_allclose(streamed[fade : len(whole) - fade], whole[fade:-fade], atol=1e-4)


def test_the_first_chunk_leaves_after_the_first_frame(onnx_engine: OnnxEngine) -> None:
    first = next(synthesize(renderer(onnx_engine), TEXT))
    assert isinstance(first, Chunk)
    assert first.frames == 1
    assert len(first.samples) > 0
    assert list(islice(block_sizes(), 9)) == [1, 1, 2, 2, 4, 4, 8, 8, 8]


def test_control_comes_back_at_every_frame(onnx_engine: OnnxEngine) -> None:
    engine = Recorder(onnx_engine)
    steps = list(synthesize(renderer(engine), TEXT))
    frames = sum(codes.shape[1] for codes in engine.codes)
    assert sum(c.frames for c in chunks_of(steps)) == frames
    # Every frame is one step; each segment adds at most its last block and its end.
    assert frames <= len(steps) <= frames + 2 * len(engine.codes)


def test_dropping_the_generator_gives_the_buffers_back(onnx_engine: OnnxEngine) -> None:
    steps = synthesize(renderer(onnx_engine), TEXT)
    next(steps)
    assert not onnx_engine._groups[0].is_empty
    steps.close()
    assert all(group.is_empty for group in onnx_engine._groups)


def test_a_seed_decides_every_bit(onnx_engine: OnnxEngine) -> None:
    def sound(seed: int) -> Samples:
        return np.concatenate(
            [c.samples for c in chunks_of(list(synthesize(renderer(Recorder(onnx_engine), seed), TEXT)))]
        )

    first = sound(1)
    np.testing.assert_array_equal(first, sound(1))
    other = sound(2)
    assert len(other) != len(first) or not np.array_equal(first, other)
    assert segment_seed(1, 0) != segment_seed(1, 1) != segment_seed(2, 1)


@pytest.mark.parametrize("failing", [(0,), (1,), (0, 1)])
def test_a_failing_segment_is_told_and_the_rest_is_spoken(onnx_engine: OnnxEngine, failing: tuple[int, ...]) -> None:
    steps = list(synthesize(renderer(Recorder(onnx_engine, fail_in=failing)), TEXT))
    failures = [s for s in steps if isinstance(s, SegmentFailure)]
    assert [f.segment for f in failures] == list(failing)
    assert all(f.message == "a kernel failed" for f in failures)
    assert {c.segment for c in chunks_of(steps) if c.frames > 5} >= {0, 1} - set(failing)
    spoken = [(f.text_start, f.text_end) for f in failures]
    assert all(TEXT[start:end].strip() for start, end in spoken)


def test_places_go_through_the_text_from_beginning_to_end(onnx_engine: OnnxEngine) -> None:
    chunks = chunks_of(list(synthesize(renderer(Recorder(onnx_engine)), TEXT)))
    assert chunks[0].text_start == 0
    assert chunks[-1].text_end == len(TEXT)
    for before, after in pairwise(chunks):
        assert before.text_start <= before.text_end <= after.text_end
        assert after.text_start >= before.text_start


def test_references_and_front_end_reach_the_prompt(onnx_engine: OnnxEngine) -> None:
    plain, changed = Recorder(onnx_engine), Recorder(onnx_engine)
    list(synthesize(renderer(plain), "Hello."))
    codes = np.random.default_rng(0).integers(0, 48, (4, 10))
    list(synthesize(replace(renderer(changed), references=(Reference(codes, "Hi"),), frontend=str.upper), "Hello."))
    assert changed.prompts[0].shape[1] > plain.prompts[0].shape[1] + 10
    ends = [bytes(p[0, -6:].astype(np.uint8)).decode() for p in (plain.prompts[0], changed.prompts[0])]
    assert ends == ["Hello.", "HELLO."]


def test_speed_changes_the_length_and_nothing_else(onnx_engine: OnnxEngine) -> None:
    plain = chunks_of(list(synthesize(renderer(Recorder(onnx_engine)), TEXT)))
    fast = chunks_of(list(synthesize(renderer(Recorder(onnx_engine)), TEXT, 2.0)))
    assert sum(c.frames for c in fast) == sum(c.frames for c in plain)
    ratio = sum(len(c.samples) for c in plain) / sum(len(c.samples) for c in fast)
    assert ratio == pytest.approx(2.0, rel=0.02)


@pytest.mark.parametrize("text", ["", "   \n\t ", "?!…", "😀🎉", "\x00\x07\x1b"])
def test_nothing_to_speak_is_refused_before_any_work(onnx_engine: OnnxEngine, text: str) -> None:
    with pytest.raises(BadRequest, match="nothing to speak"):
        synthesize(renderer(onnx_engine), text)


def test_babble_is_cut_off(onnx_engine: OnnxEngine) -> None:
    frames = sum(c.frames for c in chunks_of(list(synthesize(renderer(onnx_engine), "Hi."))))
    assert frames <= (4.0 + 3 / 4) * onnx_engine.config.codec.frame_rate


@dataclass
class Silent:
    """A renderer that only counts."""

    traits: Traits
    lines: int = 0

    def prepare(self) -> Iterator[None]:
        return iter(())

    def render(self, index: int, line: Line) -> Rendering:
        self.lines += 1
        yield np.ones(8000, np.float32)


def test_lines_without_anything_to_say_are_passed_over_one_step_each() -> None:
    renderer = Silent(Traits(8000, None, 100))
    steps = list(synthesize(renderer, f"one. {MARKS} two."))
    assert sum(step is None for step in steps) > 20, "nobody waits for all of them at once"
    assert renderer.lines == 2


LONG = "The first sentence is here. Then comes another one, after it! And a third? The last one."


def test_segments_of_a_text_to_a_file_are_made_side_by_side_and_sound_the_same(onnx_engine: OnnxEngine) -> None:
    def spoken(to_file: bool) -> tuple[list[Chunk], list[int]]:
        """The sound, and how many segments were under way when each piece of it came."""
        chunks, under_way = [], []
        for step in synthesize(FishRenderer(onnx_engine, 7, SAMPLING, segment_characters=30), LONG, to_file=to_file):
            if isinstance(step, Chunk):
                chunks.append(step)
                under_way.append(sum(stream is not None for stream in onnx_engine._groups[0].streams))
        return chunks, under_way

    (heard, _), (written, under_way) = spoken(False), spoken(True)
    assert under_way[0] == 1, "the first sound comes as soon as ever"
    assert max(under_way) == 4
    assert [c.segment for c in written] == [c.segment for c in heard]
    for one, other in zip(heard, written, strict=True):
        np.testing.assert_array_equal(one.samples, other.samples)


def test_what_read_asks_of_a_book_is_made_side_by_side(onnx_engine: OnnxEngine, tmp_path: Path) -> None:
    part = plan([Chapter("One", LONG * 30)], tmp_path, {})[0]
    with closing(synthesize(FishRenderer(onnx_engine, 7, SAMPLING), part.text, to_file=True)) as steps:
        begun = [onnx_engine.usage().begun for _ in islice(steps, 30)]
    assert max(begun) == onnx_engine.streams == 4


def test_requests_whose_steps_are_taken_in_turn_share_passes(
    onnx_engine: OnnxEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes, make = [], Group.step

    def counted(group: Group) -> None:
        passes.append(group)
        make(group)

    monkeypatch.setattr(Group, "step", counted)
    requests = [synthesize(FishRenderer(onnx_engine, seed, SAMPLING), LONG) for seed in range(3)]
    frames = sum(
        step.frames
        for _ in range(40)
        for request in requests
        for step in [next(request)]
        if isinstance(step, Chunk) and step.frames
    )
    for request in requests:
        request.close()
    assert frames > 2 * len(passes)


def test_dropping_a_text_gives_back_the_segments_begun_beside_it(onnx_engine: OnnxEngine) -> None:
    steps = synthesize(FishRenderer(onnx_engine, 7, SAMPLING, segment_characters=30), LONG, to_file=True)
    for _ in range(9):
        next(steps)
    assert sum(stream is not None for stream in onnx_engine._groups[0].streams) > 1
    steps.close()
    assert onnx_engine._groups[0].is_empty
