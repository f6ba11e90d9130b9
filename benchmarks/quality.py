"""What rounding the weights costs the starter voice: codes that change, and words that are no longer understood.

``python -m benchmarks.quality`` converts the shipped checkpoint to every precision and prints, beside float32,

- how many frames have the same likeliest semantic code, and how many codes of all codebooks are the same, when
  every precision is told the same past (teacher-forced: what float32 has said, sampled as shipped);
- the word error rate of Whisper listening to the same sentences with the same seeds, sampled as shipped;
- how far the int8 decoder's sound of these sentences is from the float32 decoder's, in log-mel magnitudes.

Exit status 1 if one of them misses its bar.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fishvoiced.backends.fish import frontends
from fishvoiced.backends.fish.engine.group import shape_of
from fishvoiced.backends.fish.engine.onnx_engine import OnnxDecoder, OnnxEngine
from fishvoiced.backends.fish.engine.sampling_state import SamplingState
from fishvoiced.backends.fish.prompt import build_prompt
from fishvoiced.backends.fish.store.catalog import STARTER_FOLDER
from fishvoiced.backends.fish.store.models import DECODER, FAST, SLOW, ConvertedModel, ModelStore
from fishvoiced.backends.fish.types import Codes, Prompt, SamplingOptions
from fishvoiced.backends.onnx_sessions import Runtime, Session
from fishvoiced.text.english import LEXICON_FILE

LEAST_AGREEMENT = 0.90
"""Of int8's semantic codes with float32's."""
MOST_WORD_ERRORS = 0.01
"""By which int4 may be worse than float32, absolute."""
MOST_DISTANCE = 0.15
"""Of the int8 decoder's sound: mean absolute difference of natural-log mel magnitudes."""
PRECISIONS = ("fp32", "int8", "int4")
TEXT = """
The weather is nice today, and we are going for a walk. Please open the window before you leave the house. She bought
three apples and a bottle of milk. The train leaves at seven in the morning. He wrote a long letter to his brother.
There are many people waiting outside the door. The children played in the garden until it was dark. I would like a
cup of coffee with sugar. The sunlight reached the top of the wall. They lived in a small town near the sea. My sister
has a new job in the city. We can meet again at the end of the week. The old man walked slowly down the road. You have
two new messages in your inbox. The file could not be saved to the disk. Press the button to start the computer. It
was a cold day, and the streets were empty. The doctor told him to stay in bed. Nobody knows where the key to this
room is. The company sold more cars than last year. Turn left at the corner and cross the bridge. His father works in
a large hospital. The water in the lake is clear and deep. She opened the book and began to read. There is nothing
left to eat in the kitchen. The meeting will begin in about ten minutes. A small bird was sitting on the branch. The
red house stands on top of the hill. He asked me a question, but I did not answer. The music was so loud that we could
not talk. Most of the students passed the test. The ship sailed across the ocean in nine days. Take this paper to the
office on the second floor. They found an old map under the table. Her voice was soft, but everyone could hear it. The
dog ran after the ball and brought it back.
"""
SENTENCES = tuple(re.findall(r"\S[^.]*\.", TEXT.replace("\n", " ")))


@dataclass(frozen=True)
class Figures:
    """``semantic``, ``codes``: shares that equal float32's. ``word_errors``: per word, None where nobody listened;
    ``uncertainty``: the standard error of its difference from float32's, over sentences and seeds."""

    precision: str
    semantic: float
    codes: float
    word_errors: float | None = None
    uncertainty: float | None = None


def convert(cache: Path) -> ConvertedModel:
    """The starter voice in every precision."""
    from fishvoiced.backends.fish.convert.importer import import_checkpoint

    pairs = [*((precision, "fp32") for precision in PRECISIONS), ("fp32", "int8")]
    return [import_checkpoint(STARTER_FOLDER, ModelStore(cache), *pair) for pair in pairs][-1]


def prompts(model: ConvertedModel, texts: Sequence[str]) -> list[Prompt]:
    assert model.config.frontend is not None
    frontend, tokenizer = frontends.load(model.config.frontend, model.asset(LEXICON_FILE)), model.tokenizer()
    return [build_prompt(tokenizer, model.config.dual_ar.num_codebooks, frontend(text), []) for text in texts]


def shipped_sampling(model: ConvertedModel) -> SamplingOptions:
    default = model.config.sampling
    return SamplingOptions(default.temperature, default.top_p, default.repetition_penalty)


def spoken(engine: OnnxEngine, prompt: Prompt, sampling: SamplingOptions, seed: int) -> Codes:
    """What the engine says of itself: codes [num_codebooks, frames]."""
    limit = 12 + 6 * prompt.columns.shape[1]
    return np.concatenate(list(engine.generate(prompt, sampling, seed, limit)), axis=1)


class Forced:
    """A language model that is told its own past: which codes does it find likeliest?"""

    def __init__(self, slow: Path, fast: Path, semantic_begin: int) -> None:
        self._slow, self._fast = Session(slow, Runtime()), Session(fast, Runtime())
        self._semantic_begin = semantic_begin

    def __call__(self, prompt: Prompt, said: Codes) -> Codes:
        """The likeliest column at each frame of ``said``: row 0 the token, [1 + num_codebooks, frames].

        Within a frame each codebook follows from the ones before it as this model chose them.
        """
        books, frames = said.shape
        total = np.array([prompt.columns.shape[1]], np.int32)
        room = prompt.columns.shape[1] + frames
        past = {
            name: np.zeros([1, shape[1], room, shape[3]], self._slow.types[name])
            for name, shape in self._slow.inputs.items()
            if name.startswith("past.")
        }
        greedy = SamplingState(books, frames, SamplingOptions(1.0, 0.0, 1.0), 0)
        drawing = {name: array.reshape(shape_of(self._fast, name, 1)) for name, array in greedy.inputs.items()}
        columns, chosen = prompt.columns[None], []
        for frame in range(frames):
            logits, hidden, *present = self._slow.run({"columns": columns, "total": total, **past})
            past = dict(zip(past, present, strict=True))
            greedy.next_frame()
            chosen.append(self._fast.run({"logits": logits, "hidden": hidden, **drawing})[0][0, :, 0])
            column = said[:, frame]
            columns = np.concatenate([column[:1] + self._semantic_begin, column]).reshape(1, -1, 1)
            total = total + np.int32(1)
        return np.stack(chosen, axis=1)


def agreement(reference: Sequence[Codes], other: Sequence[Codes]) -> tuple[float, float]:
    """The shares of equal semantic codes and of equal codes in all codebooks, over all frames."""
    equal = np.concatenate([a == b for a, b in zip(reference, other, strict=True)], axis=1)
    return float(equal[0].mean()), float(equal[1:].mean())


def errors_heard(engine: OnnxEngine, texts: Sequence[str], seeds: int) -> NDArray[np.int64]:
    """Word errors of each sentence with each seed [sentences x seeds], and how many words it has: two rows."""
    from benchmarks.ears import Whisper, plain_words, word_errors
    from tools.starter_voice.say import EngineVoice

    voice, ear = EngineVoice(engine, STARTER_FOLDER), Whisper()
    heard = [(text, ear.heard(voice(text, seed), voice.rate)) for text in texts for seed in range(seeds)]
    pairs = [(plain_words(text), plain_words(words)) for text, words in heard]
    return np.array([[word_errors(*pair) for pair in pairs], [len(wanted) for wanted, _ in pairs]])


def decoder_distance(model: ConvertedModel, said: Sequence[Codes]) -> float:
    """Of the int8 decoder's sound of ``said`` from the float32 decoder's: see ``MOST_DISTANCE``."""
    import torch

    from tools.starter_voice.mel import log_mel

    def magnitudes(codec: str) -> list[torch.Tensor]:
        session = Session(model.graph(DECODER, codec), Runtime())
        decoders = (OnnxDecoder(session, model.config.codec.frame_samples) for _ in said)
        rate = model.config.codec.sample_rate
        return [log_mel(torch.from_numpy(decoder.decode(c)), rate) for decoder, c in zip(decoders, said, strict=True)]

    differences = torch.cat([a - b for a, b in zip(magnitudes("fp32"), magnitudes("int8"), strict=True)])
    return float(differences.abs().mean()) * math.log(10)


def measure(model: ConvertedModel, said: Sequence[Codes], texts: Sequence[str], seeds: int) -> list[Figures]:
    """Of every precision, float32 first; ``said`` is what float32 says of ``texts``. ``seeds`` 0: nobody listens."""
    begin = model.tokenizer().semantic_begin
    read = prompts(model, texts)
    found, exact, heard = [], [], np.zeros((2, 0), np.int64)
    for precision in PRECISIONS:
        engine = OnnxEngine(model, precision, "fp32", Runtime())
        forced = Forced(model.graph(SLOW, precision), model.graph(FAST, precision), begin)
        chosen = [forced(*each) for each in zip(read, said, strict=True)]
        exact = exact or chosen
        rate = spread = None
        if seeds:
            errors = errors_heard(engine, texts, seeds)
            heard = heard if heard.size else errors
            words, differences = errors[1].sum(), errors[0] - heard[0]
            rate, spread = float(errors[0].sum() / words), float(differences.std() * len(differences) ** 0.5 / words)
        found.append(Figures(precision, *agreement(exact, chosen), rate, spread))
        print(row(found[-1]), flush=True)
    return found


def row(figures: Figures) -> str:
    heard = "" if figures.word_errors is None else f"{figures.word_errors:11.1%} (± {figures.uncertainty:.1%})"
    return f"{figures.precision:9}  {figures.semantic:8.1%}  {figures.codes:9.1%}  {heard}"


def misses(found: Sequence[Figures], distance: float) -> list[str]:
    """The bars that are not reached, in words."""
    by_name = {figures.precision: figures for figures in found}
    said = []
    if distance > MOST_DISTANCE:
        said.append(f"the int8 decoder's sound is {distance:.2f} from float32's, in log-mel magnitudes")
    if by_name["int8"].semantic < LEAST_AGREEMENT:
        said.append(f"int8 agrees with float32 in less than {LEAST_AGREEMENT:.0%} of all frames")
    exact, rounded = by_name["fp32"].word_errors, by_name["int4"].word_errors
    if exact is not None and rounded is not None and rounded > exact + MOST_WORD_ERRORS:
        said.append(f"int4 has {rounded - exact:.1%} more word errors than float32")
    return said


def main() -> int:
    parser = argparse.ArgumentParser(description="What rounding the weights costs the starter voice.")
    parser.add_argument("--converted", type=Path, help="where converted graphs are kept and found again")
    parser.add_argument("--sentences", type=int, default=len(SENTENCES))
    parser.add_argument("--seeds", type=int, default=3, help="per sentence to listen to; 0: compare codes only")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fvq") as fresh:
        model = convert(options.converted or Path(fresh))
        texts = SENTENCES[: options.sentences]
        engine = OnnxEngine(model, "fp32", "fp32", Runtime())
        said = [spoken(engine, prompt, shipped_sampling(model), 0) for prompt in prompts(model, texts)]
        distance = decoder_distance(model, said)
        print(f"int8 decoder: log-mel distance {distance:.3f}")
        print("precision  semantic  all codes  word errors", flush=True)
        found = measure(model, said, texts, options.seeds)
    missed = misses(found, distance)
    figures = {"decoder_distance": distance, "figures": [asdict(f) for f in found], "missed": missed}
    print(json.dumps(figures, indent=2))
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
