"""Our engines against upstream's own code, and against each other: the ground truth of everything else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fishvoiced.backends.fish.config import CodecConfig, ModelConfig
from fishvoiced.backends.fish.engine.base import Engine
from fishvoiced.backends.fish.engine.onnx_engine import OnnxEngine
from fishvoiced.backends.fish.engine.torch_engine import TorchEngine
from fishvoiced.backends.fish.engine.upstream_engine import UpstreamEngine
from fishvoiced.backends.fish.network import checkpoint as checkpoints
from fishvoiced.backends.fish.prompt import build_prompt
from fishvoiced.backends.fish.store.models import DECODER, SLOW, ConvertedModel
from fishvoiced.backends.fish.store.reference_audio import read_reference
from fishvoiced.backends.fish.types import Prompt, Reference, SamplingOptions
from fishvoiced.backends.onnx_sessions import Runtime, Session
from tests import oracle
from tools.random_checkpoint import TINY, TINY_CODEC, TINY_DUAL_AR, make

DATA = Path(__file__).resolve().parents[3] / "data"
GREEDY = SamplingOptions(temperature=0.8, top_p=0.0, repetition_penalty=1.1)
VARIANTS = {
    "s1": TINY,
    "tied": replace(TINY, dual_ar=replace(TINY_DUAL_AR, tie_word_embeddings=True)),
    "same-width": replace(TINY, dual_ar=replace(TINY_DUAL_AR, fast_dim=64, fast_head_dim=16, fast_n_head=4)),
    "no-qk-norm": replace(TINY, dual_ar=replace(TINY_DUAL_AR, attention_qk_norm=False)),
    "fast-qk-norm": replace(TINY, dual_ar=replace(TINY_DUAL_AR, fast_attention_qk_norm=True)),
    "unscaled": replace(TINY, dual_ar=replace(TINY_DUAL_AR, scale_codebook_embeddings=False)),
    "biased": replace(TINY, dual_ar=replace(TINY_DUAL_AR, attention_qkv_bias=True, attention_o_bias=True)),
}


@pytest.fixture(scope="module", params=list(VARIANTS))
def variant(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp(request.param) / "checkpoint", VARIANTS[request.param], seed=3)


def prompt(engine: Engine, text: str = "Hello, world.", reference_frames: int = 0) -> Prompt:
    books, size = engine.config.dual_ar.num_codebooks, engine.config.codec.codebook_size
    codes = np.random.default_rng(5).integers(0, size, (books, reference_frames))
    references = [Reference(codes, "A reference.")] if reference_frames else []
    return build_prompt(engine.tokenizer, books, text, references)


def greedy(engine: Engine, columns: Prompt, frames: int) -> Any:
    return np.concatenate(list(engine.generate(columns, GREEDY, 0, frames)), axis=1)


# -- language model against upstream -----------------------------------------------------------------------


def test_slow_and_fast_logits_equal_upstream(variant: Path) -> None:
    loaded = checkpoints.load(variant)
    ours, theirs = loaded.dual_ar, oracle.dual_ar(variant)
    columns = torch.from_numpy(prompt(TorchEngine(variant), reference_frames=9).columns[None])
    with torch.inference_mode():
        expected = theirs.forward_generate(columns, torch.arange(columns.shape[2]), None, None)
        hidden, _ = ours.slow(columns)
        logits = ours.head(hidden[0, -1])
        full = expected.logits[0, -1]
        begin = ours.semantic_begin
        wanted = torch.cat([full[begin : begin + ours.semantic_count], full[ours.end_token : ours.end_token + 1]])
        assert wanted.std() > 0.05
        torch.testing.assert_close(logits, wanted, atol=1e-3, rtol=0)

        codes = torch.randint(0, 48, (1, 4), generator=torch.Generator().manual_seed(1))
        fast = ours.fast_logits(hidden[:, -1], codes)
        theirs.forward_generate_fast(expected.hidden_states, torch.tensor([0]))
        for k in range(3):
            step = theirs.forward_generate_fast(theirs.fast_embeddings(codes[:, k]), torch.tensor([k + 1]))
            torch.testing.assert_close(fast[0, k], step[0, 0], atol=1e-3, rtol=0)


@pytest.mark.parametrize("reference_frames", [0, 12])
def test_greedy_codes_equal_upstream_for_100_frames(variant: Path, reference_frames: int) -> None:
    ours, theirs = TorchEngine(variant), UpstreamEngine(variant)
    columns = prompt(ours, reference_frames=reference_frames)
    expected = greedy(theirs, columns, 100)
    assert expected.shape[1] > 20, "the random model ended too early to compare anything"
    assert len(np.unique(expected)) > 8, "the random model says the same thing all the time"
    np.testing.assert_array_equal(greedy(ours, columns, 100), expected)


def test_head_cut_chooses_as_the_full_head_with_the_same_mask(tiny_checkpoint: Path) -> None:
    model = checkpoints.load(tiny_checkpoint).dual_ar
    with torch.inference_mode():
        hidden = torch.randn(50, model.config.dim, generator=torch.Generator().manual_seed(2))
        full = torch.nn.functional.linear(model.norm(hidden), model.output.weight)
        allowed = torch.full((model.config.vocab_size,), -torch.inf)
        allowed[model.semantic_begin : model.semantic_begin + model.semantic_count] = 0
        allowed[model.end_token] = 0
        token = (full + allowed).argmax(-1)
        cut = model.head(hidden).argmax(-1)
    assert torch.equal(torch.where(cut == model.semantic_count, model.end_token, cut + model.semantic_begin), token)


# -- codec against upstream --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def codecs() -> tuple[Any, checkpoints.Codec]:
    """Upstream's codec with lively random weights, and ours loaded from its state."""
    torch.manual_seed(7)
    config = replace(TINY_CODEC, transformer_layers=2)
    theirs = oracle.codec(config)
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            if "gamma" in name or "alpha" in name:
                parameter.uniform_(0.2, 1.5)
            elif "bias" in name:
                parameter.normal_(0, 0.01)
            elif name.endswith(("original0", "weight_g")):
                parameter.uniform_(0.9, 1.4)  # rows of norm 1 neither kill nor blow up a signal
            elif name.endswith(("original1", "weight_v")):
                parameter.normal_(0, 0.2)
    ours = checkpoints.Codec(config).eval()
    ours.load_state_dict(checkpoints.codec_from_upstream(theirs.state_dict(), config))
    return theirs, ours


def test_codec_decodes_as_upstream(codecs: tuple[Any, checkpoints.Codec]) -> None:
    theirs, ours = codecs
    codes = torch.randint(0, 48, (1, 4, 40), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected, _ = theirs.decode(codes, torch.tensor([40]))
        assert expected.abs().max() > 0.01
        torch.testing.assert_close(ours.decode(codes), expected, atol=1e-3, rtol=0)


def test_codec_encodes_a_recording_as_upstream(codecs: tuple[Any, checkpoints.Codec]) -> None:
    theirs, ours = codecs
    audio = torch.from_numpy(recording(ours.config))[None, None]
    with torch.inference_mode():
        expected, _ = theirs.encode(audio)
        assert len(expected.unique()) > 10
        assert torch.equal(ours.encode(audio), expected)


def test_codec_goes_back_to_upstreams_layout(codecs: tuple[Any, checkpoints.Codec]) -> None:
    _, ours = codecs
    state = checkpoints.codec_to_upstream(ours)
    result = oracle.codec(ours.config).load_state_dict(state, strict=False)
    assert not result.unexpected_keys
    assert all("freqs" in key or "mask" in key for key in result.missing_keys)
    again = checkpoints.codec_from_upstream(state, ours.config)
    for key, value in ours.state_dict().items():
        torch.testing.assert_close(again[key], value, atol=1e-6, rtol=1e-5)


def recording(config: CodecConfig) -> Any:
    """Three seconds of speech at the codec's rate, no whole number of frames."""
    return read_reference((DATA / "slt.wav").read_bytes(), config.sample_rate)[: 3 * config.sample_rate - 123]


# -- ONNX against torch ------------------------------------------------------------------------------------


def test_onnx_logits_equal_torch(tiny_model: ConvertedModel, torch_engine: TorchEngine, tiny_checkpoint: Path) -> None:
    model = checkpoints.load(tiny_checkpoint).dual_ar
    columns = prompt(torch_engine, reference_frames=9).columns[None]
    slow = Session(tiny_model.graph(SLOW, "fp32"), Runtime(threads=1))
    sizes = model.config.slow
    shape = (1, sizes.n_local_heads, 64, sizes.head_dim)
    past = {name: np.zeros(shape, np.float32) for name in slow.inputs if name.startswith("past")}
    logits, hidden = slow.run({"columns": columns, "total": np.array([columns.shape[2]], np.int32), **past})[:2]
    with torch.inference_mode():
        expected, _ = model.slow(torch.from_numpy(columns))
        np.testing.assert_allclose(logits, model.head(expected[:, -1]), atol=1e-3)
        np.testing.assert_allclose(hidden, model.fast_project_in(expected[:, -1:]), atol=1e-3)


@pytest.mark.parametrize("reference_frames", [0, 12])
def test_onnx_and_torch_generate_the_same_codes(
    onnx_engine: OnnxEngine, torch_engine: TorchEngine, reference_frames: int
) -> None:
    columns = prompt(torch_engine, reference_frames=reference_frames)
    np.testing.assert_array_equal(greedy(onnx_engine, columns, 100), greedy(torch_engine, columns, 100))
    sampling = SamplingOptions(temperature=0.9, top_p=0.95, repetition_penalty=1.2)
    ours = np.concatenate(list(onnx_engine.generate(columns, sampling, 11, 60)), axis=1)
    theirs = np.concatenate(list(torch_engine.generate(columns, sampling, 11, 60)), axis=1)
    np.testing.assert_array_equal(ours, theirs)


def test_onnx_codec_equals_torch(onnx_engine: OnnxEngine, torch_engine: TorchEngine) -> None:
    codes = np.random.default_rng(1).integers(0, 48, (4, 50))
    expected = torch_engine.decoder().decode(codes)
    assert np.abs(expected).max() > 0.01
    np.testing.assert_allclose(onnx_engine.decoder().decode(codes), expected, atol=1e-3)
    audio = recording(onnx_engine.config.codec)
    np.testing.assert_array_equal(onnx_engine.encode(audio), torch_engine.encode(audio))


# -- properties of every engine ----------------------------------------------------------------------------


@settings(max_examples=12, deadline=None)
@given(blocks=st.lists(st.integers(1, 9), min_size=1, max_size=8), seed=st.integers(0, 99))
def test_decoding_in_blocks_equals_decoding_at_once(
    onnx_engine: OnnxEngine, torch_engine: TorchEngine, blocks: list[int], seed: int
) -> None:
    codes = np.random.default_rng(seed).integers(0, 48, (4, sum(blocks)))
    for engine in (onnx_engine, torch_engine):
        whole = engine.decoder().decode(codes)
        decoder, parts, at = engine.decoder(), [], 0
        for frames in blocks:
            parts.append(decoder.decode(codes[:, at : at + frames]))
            at += frames
        np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-4)


def test_a_seed_decides_everything(engine: Engine) -> None:
    columns = prompt(engine)
    sampling = SamplingOptions(temperature=1.0, top_p=1.0, repetition_penalty=1.1)
    runs = [np.concatenate(list(engine.generate(columns, sampling, seed, 40)), axis=1) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


def test_generations_taking_turns_do_not_disturb_each_other(engine: Engine) -> None:
    columns = [prompt(engine, "The first one."), prompt(engine, "Quite another text.")]
    alone = [greedy(engine, c, 30) for c in columns]
    turns = [engine.generate(c, GREEDY, 0, 30) for c in columns]
    frames: list[list[Any]] = [[], []]
    for _ in range(30):
        for i, generation in enumerate(turns):
            frames[i].append(next(generation))
    for i in range(2):
        np.testing.assert_array_equal(np.concatenate(frames[i], axis=1), alone[i])


def test_top_p_0_is_greedy_whatever_the_seed(engine: Engine) -> None:
    columns = prompt(engine)
    runs = [np.concatenate(list(engine.generate(columns, GREEDY, seed, 40)), axis=1) for seed in (1, 2)]
    np.testing.assert_array_equal(runs[0], runs[1])


@pytest.mark.parametrize("changed", ["temperature", "top_p", "repetition_penalty"])
def test_each_sampling_option_has_its_own_effect(engine: Engine, changed: str) -> None:
    columns = prompt(engine)
    plain = SamplingOptions(temperature=1.0, top_p=0.9, repetition_penalty=1.0)
    other = replace(plain, **{changed: {"temperature": 0.05, "top_p": 0.05, "repetition_penalty": 1.9}[changed]})
    runs = [np.concatenate(list(engine.generate(columns, o, 4, 40)), axis=1) for o in (plain, other)]
    assert runs[0].shape != runs[1].shape or not np.array_equal(*runs)


def test_a_fresh_decoder_starts_from_silence(onnx_engine: OnnxEngine, tiny_model: ConvertedModel) -> None:
    codes = np.random.default_rng(3).integers(0, 48, (4, 7))
    first = onnx_engine.decoder()
    first.decode(codes)
    np.testing.assert_array_equal(onnx_engine.decoder().decode(codes), onnx_engine.decoder().decode(codes))
    assert not np.allclose(first.decode(codes), onnx_engine.decoder().decode(codes), atol=1e-4)
    assert tiny_model.graph(DECODER, "fp32").exists()


def test_variants_are_the_ones_asked_for() -> None:
    sizes: dict[str, ModelConfig] = VARIANTS
    assert sizes["tied"].dual_ar.tie_word_embeddings
    assert sizes["s1"].dual_ar.fast.dim != sizes["s1"].dual_ar.slow.dim
    assert sizes["same-width"].dual_ar.fast.dim == sizes["same-width"].dual_ar.slow.dim
    assert not sizes["no-qk-norm"].dual_ar.slow.qk_norm
