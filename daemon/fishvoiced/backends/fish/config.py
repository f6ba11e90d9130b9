"""The sizes of a Fish checkpoint: language model (``config.json``), codec and extras (``fishvoice.json``).

No torch here: the daemon reads these without it.

Sources: openaudio-s1-mini's ``config.json`` and the codec configuration of fish-speech 0.1.0
(``modded_dac_vq``, Apache-2.0). A checkpoint folder of upstream holds no codec configuration, so S1's is
the default; a folder whose codec differs says so in ``fishvoice.json``.
"""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fishvoiced.backends.untrusted import UntrustedFolder, is_plain_name
from fishvoiced.errors import CheckpointError

CONFIG_FILE = "config.json"
FORMAT_FILE = "fishvoice.json"


@dataclass(frozen=True)
class TransformerConfig:
    """One stack of pre-norm, grouped-query, rotary transformer blocks."""

    n_layer: int
    dim: int
    n_head: int
    n_local_heads: int
    head_dim: int
    intermediate_size: int
    rope_base: float
    norm_eps: float
    max_seq_len: int
    qkv_bias: bool = False
    o_bias: bool = False
    qk_norm: bool = False


@dataclass(frozen=True)
class DualARConfig:
    """Upstream's ``config.json`` of ``model_type`` "dual_ar"; absent ``fast_*`` sizes follow the slow ones."""

    vocab_size: int
    n_layer: int
    n_head: int
    dim: int
    codebook_size: int
    num_codebooks: int
    n_local_heads: int = -1
    head_dim: int | None = 64
    intermediate_size: int | None = None
    rope_base: float = 10000.0
    norm_eps: float = 1e-5
    max_seq_len: int = 2048
    tie_word_embeddings: bool = True
    attention_qkv_bias: bool = False
    attention_o_bias: bool = False
    attention_qk_norm: bool = False
    scale_codebook_embeddings: bool = False
    n_fast_layer: int = 4
    fast_dim: int | None = None
    fast_n_head: int | None = None
    fast_n_local_heads: int | None = None
    fast_head_dim: int | None = None
    fast_intermediate_size: int | None = None
    fast_attention_qkv_bias: bool | None = None
    fast_attention_qk_norm: bool | None = None
    fast_attention_o_bias: bool | None = None

    @property
    def slow(self) -> TransformerConfig:
        return TransformerConfig(
            n_layer=self.n_layer,
            dim=self.dim,
            n_head=self.n_head,
            n_local_heads=self.n_head if self.n_local_heads == -1 else self.n_local_heads,
            head_dim=self.head_dim or self.dim // self.n_head,
            intermediate_size=self.intermediate_size or _default_intermediate(self.dim),
            rope_base=self.rope_base,
            norm_eps=self.norm_eps,
            max_seq_len=self.max_seq_len,
            qkv_bias=self.attention_qkv_bias,
            o_bias=self.attention_o_bias,
            qk_norm=self.attention_qk_norm,
        )

    @property
    def fast(self) -> TransformerConfig:
        slow = self.slow

        def either(value: bool | None, otherwise: bool) -> bool:
            return otherwise if value is None else value

        return TransformerConfig(
            n_layer=self.n_fast_layer,
            dim=self.fast_dim or slow.dim,
            n_head=self.fast_n_head or slow.n_head,
            n_local_heads=self.fast_n_local_heads or slow.n_local_heads,
            head_dim=self.fast_head_dim or slow.head_dim,
            intermediate_size=self.fast_intermediate_size or slow.intermediate_size,
            rope_base=self.rope_base,
            norm_eps=self.norm_eps,
            max_seq_len=self.num_codebooks,
            qkv_bias=either(self.fast_attention_qkv_bias, slow.qkv_bias),
            o_bias=either(self.fast_attention_o_bias, slow.o_bias),
            qk_norm=either(self.fast_attention_qk_norm, slow.qk_norm),
        )

    @property
    def residual_codebook_size(self) -> int:
        """How many logits the residual codebooks choose among: upstream cuts them at 1,024."""
        return min(self.codebook_size, 1024)


@dataclass(frozen=True)
class CodecConfig:
    """The causal DAC-style codec; the defaults are openaudio-s1-mini's."""

    sample_rate: int = 44100
    encoder_dim: int = 64
    encoder_rates: tuple[int, ...] = (2, 4, 8, 8)
    encoder_transformer_layers: tuple[int, ...] = (0, 0, 0, 4)
    encoder_window: int = 512
    decoder_dim: int = 1536
    decoder_rates: tuple[int, ...] = (8, 8, 4, 2)
    latent_dim: int = 1024
    num_codebooks: int = 10
    semantic_codebook_size: int = 4096
    codebook_size: int = 1024
    codebook_dim: int = 8
    downsample: tuple[int, ...] = (2, 2)
    transformer_layers: int = 8
    transformer_heads: int = 16
    transformer_head_dim: int = 64
    transformer_intermediate_size: int = 3072
    transformer_window: int = 128
    rope_base: float = 10000.0
    norm_eps: float = 1e-5
    max_positions: int = 4096
    encoder_max_positions: int = 16384
    has_encoder: bool = True

    @property
    def frame_samples(self) -> int:
        """Samples per frame of codes (2,048 for S1)."""
        return math.prod(self.decoder_rates) * math.prod(self.downsample)

    @property
    def frame_rate(self) -> float:
        """Frames per second (21.53 for S1)."""
        return self.sample_rate / self.frame_samples

    @property
    def transformer(self) -> TransformerConfig:
        """The window-limited transformer on either side of the quantizer."""
        return TransformerConfig(
            n_layer=self.transformer_layers,
            dim=self.latent_dim,
            n_head=self.transformer_heads,
            n_local_heads=self.transformer_heads,
            head_dim=self.transformer_head_dim,
            intermediate_size=self.transformer_intermediate_size,
            rope_base=self.rope_base,
            norm_eps=self.norm_eps,
            max_seq_len=self.max_positions,
        )

    def encoder_transformer(self, dim: int, n_layer: int) -> TransformerConfig:
        """The transformer inside an encoder block of width ``dim`` (upstream: heads of 64, MLP of 3 x dim)."""
        return TransformerConfig(
            n_layer=n_layer,
            dim=dim,
            n_head=dim // 64,
            n_local_heads=dim // 64,
            head_dim=64,
            intermediate_size=dim * 3,
            rope_base=self.rope_base,
            norm_eps=self.norm_eps,
            max_seq_len=self.encoder_max_positions,
        )


@dataclass(frozen=True)
class SamplingDefaults:
    """What a request that names no sampling gets; upstream's own defaults."""

    temperature: float = 0.8
    top_p: float = 0.8
    repetition_penalty: float = 1.1


@dataclass(frozen=True)
class ModelConfig:
    """All that a checkpoint says about itself besides its weights."""

    name: str
    dual_ar: DualARConfig
    codec: CodecConfig = field(default_factory=CodecConfig)
    sampling: SamplingDefaults = field(default_factory=SamplingDefaults)
    frontend: str | None = None
    """Name of the pronunciation front end the model was trained with; None: it reads plain text."""
    assets: tuple[str, ...] = ()
    """Files of the checkpoint folder that the front end reads at run time."""
    license: str | None = None
    description: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(data: object, folder: UntrustedFolder, file: str) -> ModelConfig:
        """Inverse of :meth:`to_json` (the form kept beside converted graphs). Raises the folder's error."""
        return _checked(folder.convert(data, ModelConfig, file), folder, file)

    @staticmethod
    def from_checkpoint(path: Path, name: str | None = None, license: str | None = None) -> ModelConfig:  # noqa: A002
        """Read ``config.json`` and, when present, ``fishvoice.json``; ``name`` and ``license`` where they are known.

        Raises CheckpointError when the folder is no dual_ar checkpoint, or its sizes contradict each other.
        """
        folder = UntrustedFolder(path, CheckpointError)
        if not (path / CONFIG_FILE).exists():
            raise CheckpointError(f"{path / CONFIG_FILE} is missing: is {path} a Fish checkpoint folder?")
        data = folder.json(CONFIG_FILE, dict[str, Any])
        if data.get("model_type") != "dual_ar":
            raise CheckpointError(
                f"{path / CONFIG_FILE} says model_type {str(data.get('model_type'))!r:.100}; only 'dual_ar' "
                "checkpoints (openaudio-s1-mini's format) can be used"
            )
        extras = folder.json(FORMAT_FILE, dict[str, Any]) if (path / FORMAT_FILE).exists() else {}
        given = {"license": license} if license else {}
        name = name or extras.get("name") or re.sub(r"[^\w.+@-]+", "-", path.resolve().name)
        merged = {**extras, **given, "name": name, "dual_ar": data}
        config = _checked(folder.convert(merged, ModelConfig, f"{CONFIG_FILE} or {FORMAT_FILE}"), folder, FORMAT_FILE)
        if config.dual_ar.num_codebooks != config.codec.num_codebooks:
            raise CheckpointError(
                f"{path}: the language model has {config.dual_ar.num_codebooks} codebooks but the codec "
                f"{config.codec.num_codebooks}; give the codec's sizes in {FORMAT_FILE}"
            )
        return config


S1_MINI = ModelConfig(
    name="s1-mini",
    dual_ar=DualARConfig(
        vocab_size=155776,
        n_layer=28,
        n_head=16,
        n_local_heads=8,
        head_dim=128,
        dim=1024,
        intermediate_size=3072,
        rope_base=1e6,
        norm_eps=1e-6,
        max_seq_len=8192,
        tie_word_embeddings=False,
        attention_qk_norm=True,
        codebook_size=4096,
        num_codebooks=10,
        scale_codebook_embeddings=True,
        n_fast_layer=4,
        fast_dim=1024,
        fast_n_head=16,
        fast_n_local_heads=8,
        fast_head_dim=64,
        fast_intermediate_size=3072,
        fast_attention_qk_norm=False,
    ),
    license="CC-BY-NC-SA-4.0",
)
"""openaudio-s1-mini, before anything of it is on this machine."""


def _checked(config: ModelConfig, folder: UntrustedFolder, file: str) -> ModelConfig:
    for section in (config, config.dual_ar, config.codec, config.sampling):
        folder.check(section, file)
    for name in (config.name, *config.assets):
        if not is_plain_name(name):
            raise folder.refusal(f"has a {file} with the name {name!r:.100}: use letters, digits, '.', '-' and '_'")
    if config.codec.frame_samples > config.codec.sample_rate:
        raise folder.refusal(f"has a {file} in which a frame is longer than a second")
    return config


def _default_intermediate(dim: int) -> int:
    """Upstream's rule when no size is given: two thirds of 4 x dim, rounded up to 256."""
    return -(-int(2 * 4 * dim / 3) // 256) * 256
