"""A loaded checkpoint → four ONNX graphs: slow AR, fast AR, codec decoder, codec encoder.

Each graph is the torch module of this folder, traced by ``torch.onnx.export``. State is explicit: the slow AR's
K/V buffers and the decoder's left contexts are inputs and outputs, named ``past.N`` and ``present.N``.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import onnx_ir
import onnxscript.optimizer
import torch
from torch import Tensor, nn

from fishvoiced.fish.convert.fusion import fuse_sums_with_norms
from fishvoiced.fish.engine.sampling_state import WINDOW
from fishvoiced.fish.network.checkpoint import Checkpoint
from fishvoiced.fish.network.codec import Stream
from fishvoiced.fish.network.layers import KVCache, KVScales
from fishvoiced.fish.network.sampling import Sampling
from fishvoiced.fish.store.models import DECODER, ENCODER, FAST, SLOW

OPSET = 21
MAX_DECODE_FRAMES = 1024
MAX_REFERENCE_FRAMES = 4096


class SlowGraph(nn.Module):
    """columns [1, 1 + num_codebooks, S], total int32 [1], K/V → logits [1, V], hidden [1, 1, fast_dim], K/V.

    Only the last column's logits are computed, and only for the tokens that speech needs.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.model = checkpoint.dual_ar
        self.head = nn.Parameter(self.model.head_weight().detach().clone(), requires_grad=False)
        self.scales: Sequence[KVScales | None] = checkpoint.kv_scales or [None] * len(self.model.layers)

    def forward(self, columns: Tensor, total: Tensor, past: list[Tensor]) -> tuple[Tensor, ...]:
        layers = zip(past[0::2], past[1::2], self.scales, strict=True)
        caches = [KVCache(key, value, total, scales=scales) for key, value, scales in layers]
        hidden, present = self.model.slow(columns, caches)
        last = hidden[:, -1:]
        logits = nn.functional.linear(self.model.norm(last[:, 0]), self.head)
        return (logits, self.model.fast_project_in(last), *(t for c in present for t in (c.key, c.value)))


class FastGraph(nn.Module):
    """One frame: see ``DualAR.frame``."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.model = checkpoint.dual_ar

    def forward(
        self,
        logits: Tensor,
        hidden: Tensor,
        history: Tensor,
        uniforms: Tensor,
        temperature: Tensor,
        top_p: Tensor,
        repetition_penalty: Tensor,
    ) -> Tensor:
        return self.model.frame(logits, hidden, history, Sampling(uniforms, temperature, top_p, repetition_penalty))


class DecoderGraph(nn.Module):
    """codes [1, num_codebooks, T], position int64 [1], contexts → audio [1, T x frame_samples], contexts."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.codec = checkpoint.codec

    def forward(self, codes: Tensor, position: Tensor, past: list[Tensor]) -> tuple[Tensor, ...]:
        stream = Stream(past, position)
        return (self.codec.decode(codes, stream)[:, 0], *stream.present)


class EncoderGraph(nn.Module):
    """audio [1, 1, N], N a multiple of frame_samples → codes [1, num_codebooks, N / frame_samples]."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.codec = checkpoint.codec

    def forward(self, audio: Tensor) -> Tensor:
        return self.codec.encode(audio)


def trace(graph: str, checkpoint: Checkpoint) -> onnx_ir.Model:
    """The graph of that name (see ``store``)."""
    return {SLOW: _slow, FAST: _fast, DECODER: _decoder, ENCODER: _encoder}[graph](checkpoint)


def _slow(checkpoint: Checkpoint) -> onnx_ir.Model:
    config = checkpoint.config.dual_ar
    slow = config.slow
    kind = torch.float32 if checkpoint.kv_scales is None else torch.int8
    past = [torch.zeros(1, slow.n_local_heads, 64, slow.head_dim, dtype=kind) for _ in range(2 * slow.n_layer)]
    columns = torch.zeros(1, config.num_codebooks + 1, 5, dtype=torch.int64)
    return _trace(
        SlowGraph(checkpoint),
        (columns, torch.tensor([5], dtype=torch.int32), past),
        inputs=["columns", "total", *_numbered("past", past)],
        outputs=["logits", "hidden", *_numbered("present", past)],
        dynamic=({2: _dim("columns", slow.max_seq_len)}, None, [{2: _dim("capacity", slow.max_seq_len)}] * len(past)),
    )


def _fast(checkpoint: Checkpoint) -> onnx_ir.Model:
    config = checkpoint.config.dual_ar
    example = (
        torch.randn(1, checkpoint.dual_ar.semantic_count + 1),
        torch.randn(1, 1, config.fast.dim),
        torch.zeros(config.num_codebooks + 1, WINDOW, dtype=torch.int64),
        torch.rand(config.num_codebooks),
        *(torch.tensor([1.0]) for _ in range(3)),  # one tensor given thrice would become one input
    )
    names = ["logits", "hidden", "history", "uniforms", "temperature", "top_p", "repetition_penalty"]
    return _trace(FastGraph(checkpoint), example, names, ["column"], None)


def _decoder(checkpoint: Checkpoint) -> onnx_ir.Model:
    state = checkpoint.codec.initial_state()
    codes = torch.zeros(1, checkpoint.config.codec.num_codebooks, 3, dtype=torch.int64)
    return _trace(
        DecoderGraph(checkpoint),
        (codes, torch.tensor([0]), state),
        inputs=["codes", "position", *_numbered("past", state)],
        outputs=["audio", *_numbered("present", state)],
        dynamic=({2: _dim("frames", MAX_DECODE_FRAMES)}, None, [None] * len(state)),
    )


def _encoder(checkpoint: Checkpoint) -> onnx_ir.Model:
    frame = checkpoint.config.codec.frame_samples
    frames = _dim("frames", MAX_REFERENCE_FRAMES)
    return _trace(
        EncoderGraph(checkpoint), (torch.randn(1, 1, 3 * frame),), ["audio"], ["codes"], ({2: frame * frames},)
    )


def _dim(name: str, largest: int) -> Any:
    return torch.export.Dim(name, min=1, max=largest)


def _numbered(name: str, values: list[Tensor]) -> list[str]:
    return [f"{name}.{i}" for i in range(len(values))]


def _trace(
    module: nn.Module, example: tuple[Any, ...], inputs: list[str], outputs: list[str], dynamic: Any
) -> onnx_ir.Model:
    with torch.no_grad(), _quiet():
        program = torch.onnx.export(
            module.eval(),
            example,
            dynamo=True,
            input_names=inputs,
            output_names=outputs,
            dynamic_shapes=dynamic,
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    # The exporter folds a weight's transposition only where the weight is used once.
    onnxscript.optimizer.fold_constants(program.model, input_size_limit=1 << 31, output_size_limit=1 << 31)
    fuse_sums_with_norms(program.model)
    return program.model


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter talks at length of things that do not concern us (torchvision, axis names)."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [log.level for log in loggers]
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        for log in loggers:
            log.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for log, level in zip(loggers, levels, strict=True):
                log.setLevel(level)
