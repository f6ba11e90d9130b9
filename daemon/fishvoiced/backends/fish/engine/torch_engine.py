"""The fallback engine: the network definition itself, run by PyTorch on cpu, mps or cuda.

Used when ONNX Runtime is missing or a graph cannot be made or loaded. Same arithmetic, same rooms, slower.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import numpy as np
import torch

from fishvoiced.backends.fish.engine.base import Alone
from fishvoiced.backends.fish.engine.sampling_state import SamplingState
from fishvoiced.backends.fish.network import checkpoint as checkpoints
from fishvoiced.backends.fish.network.codec import Codec, Stream
from fishvoiced.backends.fish.network.layers import KVCache
from fishvoiced.backends.fish.network.sampling import Sampling
from fishvoiced.backends.fish.store.models import ABOUT, ConvertedModel
from fishvoiced.backends.fish.store.weight_list import read_weights
from fishvoiced.backends.fish.types import Codes, Prompt, SamplingOptions
from fishvoiced.errors import BadReference, BadRequest, EngineError
from fishvoiced.synthesis.audio import Samples
from fishvoiced.voices.base import Streams


class TorchEngine:
    """A checkpoint (its folder, or loaded already) in memory; see :class:`fishvoiced.backends.fish.engine.base.Engine`.

    ``device``: what PyTorch calls it, ``cpu``, ``mps`` or ``cuda``. Raises EngineError if there is none of the kind.
    """

    name = "torch"
    precision = "fp32"
    streams = 1

    def __init__(self, checkpoint: Path | checkpoints.Checkpoint, device: str = "cpu") -> None:
        loaded = checkpoints.load(checkpoint) if isinstance(checkpoint, Path) else checkpoint
        self.config = loaded.config
        self.tokenizer = loaded.tokenizer
        try:
            self._device = torch.device(device)
            self._dual_ar = loaded.dual_ar.to(self._device)
            self._codec = loaded.codec.to(self._device)
        except (RuntimeError, AssertionError) as error:
            raise EngineError(f"PyTorch cannot use device {device!r}: {error}") from error

    @staticmethod
    def of_converted(model: ConvertedModel, device: str = "cpu") -> TorchEngine:
        """With the weights of a converted model's graphs, where its checkpoint was not shipped. Raises ModelStoreError,
        CheckpointError."""
        read = read_weights(model.folder, model.folder / ABOUT)
        weights = {name: torch.from_numpy(array) for name, array in read.items()}
        return TorchEngine(
            checkpoints.from_spoken_weights(model.config, model.tokenizer(), weights, model.folder), device
        )

    def usage(self) -> Streams:
        return Streams()

    def generate(self, prompt: Prompt, sampling: SamplingOptions, seed: int, max_frames: int) -> Alone:
        return Alone(self._frames(prompt, sampling, seed, max_frames))

    def _frames(
        self, prompt: Prompt, sampling: SamplingOptions, seed: int, max_frames: int
    ) -> Generator[Codes, None, None]:
        config = self.config.dual_ar
        slow = config.slow
        length = prompt.columns.shape[1]
        if length >= config.max_seq_len:
            raise BadRequest(f"text and reference take {length} columns; this model has room for {config.max_seq_len}")
        max_frames = min(max_frames, config.max_seq_len - length)
        total = torch.zeros(1, dtype=torch.int32)
        shape = (1, slow.n_local_heads, length + max_frames, slow.head_dim)
        caches = [
            KVCache(torch.zeros(shape, device=self._device), torch.zeros(shape, device=self._device), total)
            for _ in range(slow.n_layer)
        ]
        history = SamplingState(config.num_codebooks, max_frames, sampling, seed)
        column = torch.from_numpy(prompt.columns[None].copy())
        for _ in range(max_frames):
            total += column.shape[2]
            column = self._frame(column, caches, history)
            if column[0, 0, 0] == self.tokenizer.end_token:
                return
            codes = column[0, 1:].numpy().copy()
            history.add(codes[:, 0])
            yield codes

    @torch.inference_mode()
    def _frame(self, column: torch.Tensor, caches: list[KVCache], history: SamplingState) -> torch.Tensor:
        hidden, _ = self._dual_ar.slow(column.to(self._device), caches)
        last = hidden[:, -1:]
        history.next_frame()
        given = {name: torch.from_numpy(array).to(self._device) for name, array in history.inputs.items()}
        window, given["uniforms"] = given.pop("history")[0], given["uniforms"][0]
        logits = self._dual_ar.head(last[:, 0])
        return self._dual_ar.frame(logits, self._dual_ar.fast_project_in(last), window, Sampling(**given)).cpu()

    def decoder(self) -> TorchDecoder:
        return TorchDecoder(self._codec, self._device)

    @torch.inference_mode()
    def encode(self, audio: Samples) -> Codes:
        if not self.config.codec.has_encoder:
            raise BadReference(f"the voice model {self.config.name!r} cannot imitate a recording: it has no encoder")
        codes = self._codec.encode(torch.from_numpy(np.ascontiguousarray(audio))[None, None].to(self._device))
        return codes[0].cpu().numpy()

    def close(self) -> None:
        del self._dual_ar, self._codec


class TorchDecoder:
    """The codec's decoder with its left contexts."""

    def __init__(self, codec: Codec, device: torch.device) -> None:
        self._codec = codec
        self._device = device
        self._past: list[torch.Tensor] | None = None
        self._position = 0

    @torch.inference_mode()
    def decode(self, codes: Codes) -> Samples:
        stream = Stream(self._past, torch.tensor([self._position], device=self._device))
        audio = self._codec.decode(torch.from_numpy(np.ascontiguousarray(codes))[None].to(self._device), stream)
        self._past = stream.present
        self._position += codes.shape[1]
        return audio[0, 0].cpu().numpy()
