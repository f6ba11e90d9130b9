"""The prompt's layout: equal to upstream's, closed to special tokens in the text, split for the K/V cache."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fishvoiced.backends.fish.prompt import build_prompt
from fishvoiced.backends.fish.tokenizer import Tokenizer
from fishvoiced.backends.fish.types import Reference
from fishvoiced.errors import BadReference

CODEBOOKS = 3
SEMANTIC = 16
MARKERS = ["<|end_of_text|>", "<|im_end|>", "<|interleave|>", "<|speaker:0|>"]
PAIRS = ["he", "ll", "hell", "o<", "<|", "|>", " w", "o "]  # a few merges, some across the edges of parts


def save_tokenizer(folder: Path, markers: list[str]) -> Path:
    vocabulary = [bytes([i]) for i in range(256)] + [pair.encode() for pair in PAIRS]
    lines = [f"{base64.b64encode(token).decode()} {rank}" for rank, token in enumerate(vocabulary)]
    (folder / "tokenizer.tiktoken").write_text("\n".join(lines))
    special = [*markers, *(f"<|semantic:{i}|>" for i in range(SEMANTIC))]
    ids = {token: len(vocabulary) + i for i, token in enumerate(special)}
    (folder / "special_tokens.json").write_text(json.dumps(ids))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tokenizer(tmp_path_factory.mktemp("tokenizer"), MARKERS)


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Tokenizer:
    return Tokenizer.load(folder)


def reference(text: str, frames: int, seed: int = 0) -> Reference:
    codes = np.random.default_rng(seed).integers(0, SEMANTIC, (CODEBOOKS, frames))
    return Reference(codes=codes, text=text)


def upstream(folder: Path, text: str, references: list[Reference]) -> np.ndarray:
    """The same prompt made by upstream's own code, in the steps of its ``generate_long``."""
    import torch
    from fish_speech.content_sequence import ContentSequence, TextPart, VQPart
    from fish_speech.tokenizer import FishTokenizer

    sequence = ContentSequence(modality="interleave")
    for r in references:
        sequence.append([TextPart(text=r.text), VQPart(codes=torch.from_numpy(r.codes))], add_end=True, speaker=0)
    sequence.append([TextPart(text=text)], add_end=False, speaker=0)
    values, _, _ = sequence.encode_for_inference(FishTokenizer.from_pretrained(str(folder)), num_codebooks=CODEBOOKS)
    return np.asarray(values)


TEXT = st.text(st.sampled_from("hello w<|>é你🙂.\n"), max_size=20)
REFERENCES = st.lists(st.builds(reference, TEXT, st.integers(1, 8), st.integers(0, 99)), max_size=3)


@pytest.mark.parametrize("markers", [MARKERS, [m for m in MARKERS if "speaker" not in m]], ids=["special", "spelled"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(text=TEXT, references=REFERENCES)
def test_equals_upstream(tmp_path: Path, markers: list[str], text: str, references: list[Reference]) -> None:
    """Also with a tokenizer to which the speaker's marker is ordinary text."""
    folder = save_tokenizer(tmp_path, markers)
    prompt = build_prompt(Tokenizer.load(folder), CODEBOOKS, text, references)
    assert prompt.columns.dtype == np.int64
    np.testing.assert_array_equal(prompt.columns, upstream(folder, text, references))


def test_layout(tokenizer: Tokenizer) -> None:
    ref = Reference(codes=np.array([[5, 6], [7, 8], [9, 10]]), text="h")
    columns = build_prompt(tokenizer, CODEBOOKS, "w", [ref]).columns
    end, interleave, speaker = (tokenizer.marker(m)[0] for m in MARKERS[1:])
    semantic = tokenizer.semantic_begin
    assert columns.tolist() == [
        [interleave, speaker, ord("h"), semantic + 5, semantic + 6, end, speaker, ord("w")],
        [0, 0, 0, 5, 6, 0, 0, 0],
        [0, 0, 0, 7, 8, 0, 0, 0],
        [0, 0, 0, 9, 10, 0, 0, 0],
    ]


@given(text=TEXT, other=TEXT, references=REFERENCES)
def test_prefix_depends_on_the_references_only(
    tokenizer: Tokenizer, text: str, other: str, references: list[Reference]
) -> None:
    a, b = (build_prompt(tokenizer, CODEBOOKS, t, references) for t in (text, other))
    assert a.prefix_length == b.prefix_length
    np.testing.assert_array_equal(a.columns[:, : a.prefix_length], b.columns[:, : b.prefix_length])
    assert a.columns.shape[1] - a.prefix_length == len(tokenizer.encode(text))


@pytest.mark.parametrize("name", [*MARKERS, "<|semantic:3|>"])
def test_names_of_special_tokens_are_ordinary_text(tokenizer: Tokenizer, name: str) -> None:
    ref = Reference(codes=np.zeros((CODEBOOKS, 1), dtype=np.int64), text=name)
    row = build_prompt(tokenizer, CODEBOOKS, f"say {name}", [ref]).columns[0]
    plain = build_prompt(tokenizer, CODEBOOKS, "say ", [Reference(ref.codes, "")]).columns[0]
    special = row >= tokenizer.semantic_begin - len(MARKERS)
    np.testing.assert_array_equal(row[special], plain[plain >= tokenizer.semantic_begin - len(MARKERS)])


@pytest.mark.parametrize(
    "codes",
    [
        np.zeros((CODEBOOKS + 1, 4), dtype=np.int64),
        np.zeros(4, dtype=np.int64),
        np.full((CODEBOOKS, 2), SEMANTIC),
        np.full((CODEBOOKS, 2), -1),
    ],
)
def test_codes_of_another_model_are_refused(tokenizer: Tokenizer, codes: np.ndarray) -> None:
    with pytest.raises(BadReference, match="encode the recording again"):
        build_prompt(tokenizer, CODEBOOKS, "hello", [Reference(codes=codes, text="hello")])
