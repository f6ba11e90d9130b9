"""The reference engine: the package ``fish-speech`` 0.1.0 (Apache-2.0) itself, to compare with.

It generates codes with upstream's own model and sampling; sound is made by our codec, since importing upstream's
drags in torchaudio. Slow by nature: its K/V cache always spans the whole context.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fishvoiced.backends.fish.engine.base import Alone
from fishvoiced.backends.fish.engine.torch_engine import TorchDecoder
from fishvoiced.backends.fish.network import checkpoint as checkpoints
from fishvoiced.backends.fish.types import Codes, Prompt, SamplingOptions
from fishvoiced.errors import MissingExtra
from fishvoiced.synthesis.audio import Samples
from fishvoiced.voices.base import Streams


class UpstreamEngine:
    """See :class:`fishvoiced.backends.fish.engine.base.Engine`. A seed gives other codes than ours: torch draws."""

    name = "fish-speech"
    streams = 1

    def __init__(self, checkpoint: Path, dtype: torch.dtype = torch.float32) -> None:
        try:
            from fish_speech.models.text2semantic import inference
            from fish_speech.models.text2semantic.llama import BaseTransformer
        except ImportError as error:
            raise MissingExtra("fish-speech", f"the reference engine ({error.name} is missing)") from error
        loaded = checkpoints.load(checkpoint)
        self.config = loaded.config
        self.tokenizer = loaded.tokenizer
        self.precision = str(dtype).removeprefix("torch.")
        self._codec = loaded.codec
        self._decode_one = inference.decode_one_token_ar
        self._model = BaseTransformer.from_pretrained(str(checkpoint), load_weights=True).to(dtype).eval()
        self._model.setup_caches(1, self._model.config.max_seq_len, dtype=dtype)
        self._only_speech()

    def _only_speech(self) -> None:
        """Forbid the tokens that are no speech, as our cut head does: a random model would choose them."""
        forbidden = torch.ones(self.config.dual_ar.vocab_size, dtype=torch.bool)
        begin = self.tokenizer.semantic_begin
        forbidden[begin : begin + self.tokenizer.semantic_count] = False
        forbidden[self.tokenizer.end_token] = False
        original = self._model.forward_generate

        def masked(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            result.logits = result.logits.masked_fill(forbidden, -torch.inf)
            return result

        self._model.forward_generate = masked

    def usage(self) -> Streams:
        return Streams()

    def generate(self, prompt: Prompt, sampling: SamplingOptions, seed: int, max_frames: int) -> Alone:
        return Alone(self._frames(prompt, sampling, seed, max_frames))

    @torch.inference_mode()
    def _frames(
        self, prompt: Prompt, sampling: SamplingOptions, seed: int, max_frames: int
    ) -> Generator[Codes, None, None]:
        """Upstream's ``generate`` and ``decode_n_tokens``, as a generator."""
        torch.manual_seed(seed)
        options = {
            name: torch.tensor(value, dtype=torch.bfloat16)
            for name, value in (
                ("temperature", sampling.temperature),
                ("top_p", sampling.top_p),
                ("repetition_penalty", sampling.repetition_penalty),
            )
        }
        columns = prompt.columns
        rows = self.config.dual_ar.num_codebooks + 1
        max_frames = min(max_frames, self.config.dual_ar.max_seq_len - columns.shape[1])
        previous = torch.zeros(rows, max_frames + 16, dtype=torch.int)
        column = torch.from_numpy(columns.astype(np.int32))[None]
        position = torch.arange(columns.shape[1])
        window = None
        for i in range(max_frames):
            column = self._decode_one(
                self._model, column, position, **options, audio_masks=None, audio_parts=None, previous_tokens=window
            ).clone()
            column = column.view(1, rows, -1)
            if column[0, 0, 0] == self.tokenizer.end_token:
                return
            yield column[0, 1:].numpy().astype(np.int64)
            if i > 0:
                previous[:, i - 1] = column[0, :, 0]
            window = previous[:, max(0, i - 16) : max(0, i - 16) + 16]
            position = torch.tensor([columns.shape[1] + i], dtype=torch.int)

    def decoder(self) -> TorchDecoder:
        return TorchDecoder(self._codec, torch.device("cpu"))

    @torch.inference_mode()
    def encode(self, audio: Samples) -> Codes:
        return self._codec.encode(torch.from_numpy(audio)[None, None])[0].numpy()

    def close(self) -> None:
        del self._model, self._codec
