"""Checkpoints with random weights in upstream's format, of any size: for tests and benchmarks.

``python -m tools.random_checkpoint FOLDER [--s1-mini]``
"""

from __future__ import annotations

import argparse
import base64
import json
from dataclasses import replace
from pathlib import Path
from pydoc_data.topics import topics

import torch
from torch import nn

from fishvoiced.backends.fish import config as known
from fishvoiced.backends.fish.config import CodecConfig, DualARConfig, ModelConfig, SamplingDefaults
from fishvoiced.backends.fish.network.checkpoint import CODEC_FILE, new_dual_ar, save_weights
from fishvoiced.backends.fish.network.codec import Codec, Snake
from fishvoiced.backends.fish.tokenizer import IM_END, INTERLEAVE, SPECIAL_FILE, TOKENIZER_FILE, Tokenizer
from tools import byte_pairs

TINY_CODEC = CodecConfig(
    sample_rate=16000,
    encoder_dim=16,
    encoder_rates=(8, 10),
    encoder_transformer_layers=(0, 1),
    encoder_window=512,  # upstream has it as a constant
    decoder_dim=32,
    decoder_rates=(10, 8),
    latent_dim=64,
    num_codebooks=4,
    semantic_codebook_size=64,
    codebook_size=48,
    codebook_dim=8,
    transformer_layers=1,
    transformer_heads=2,
    transformer_head_dim=32,
    transformer_intermediate_size=96,
    transformer_window=6,
    max_positions=2048,
    encoder_max_positions=4096,
)
TINY_DUAL_AR = DualARConfig(
    vocab_size=400,
    n_layer=2,
    n_head=4,
    n_local_heads=2,
    head_dim=16,
    dim=64,
    intermediate_size=96,
    rope_base=1e6,
    norm_eps=1e-6,
    max_seq_len=2304,
    tie_word_embeddings=False,
    attention_qk_norm=True,
    codebook_size=64,
    num_codebooks=4,
    scale_codebook_embeddings=True,
    n_fast_layer=2,
    fast_dim=48,
    fast_n_head=4,
    fast_n_local_heads=2,
    fast_head_dim=16,
    fast_intermediate_size=64,
    fast_attention_qk_norm=False,
)
TINY = ModelConfig(
    name="tiny", dual_ar=TINY_DUAL_AR, codec=TINY_CODEC, sampling=SamplingDefaults(), description="random weights"
)
S1_MINI = replace(known.S1_MINI, name="s1-mini-random", description="random weights in the real sizes", license=None)

MASKS = {"quantizer.pre_module": 4096, "quantizer.post_module": 4096, "encoder.block.4.block.5": 16384}
"""Modules of the released codec that store a mask, and its columns."""
S1_MERGES = 4000
"""Byte pairs of its tokenizer, learned in seconds: upstream's has some 100,000 and needs still fewer columns."""


def make(
    folder: Path, config: ModelConfig = TINY, seed: int = 0, dtype: torch.dtype = torch.float32, merges: int = 0
) -> Path:
    """Write a checkpoint whose signals neither die out nor explode on their way through the layers.

    ``merges``: byte pairs that its tokenizer knows besides the single bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_tokenizer(folder, config, merges)
    torch.manual_seed(seed)
    dual_ar = new_dual_ar(config, Tokenizer.load(folder))
    for module in dual_ar.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            std = 0.5 if isinstance(module, nn.Embedding) else module.weight.shape[1] ** -0.5
            nn.init.normal_(module.weight, std=std)
    with torch.no_grad():  # a model that knows no ends: an end is never the best choice
        (dual_ar.embeddings if config.dual_ar.tie_word_embeddings else dual_ar.output).weight[dual_ar.end_token] = 0
    codec = Codec(config.codec)
    for module in codec.modules():
        if isinstance(module, Snake):
            nn.init.uniform_(module.alpha, 0.3, 1.5)
        elif isinstance(module, nn.Conv1d):
            nn.init.normal_(module.weight, std=0.8 * module.weight[0].numel() ** -0.5)
            if module.bias is not None:
                nn.init.normal_(module.bias, std=0.02)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.5 * module.weight.shape[1] ** -0.5)
    save_weights(folder, replace(config, name=folder.name), dual_ar, codec, dtype)
    return folder


def as_released(folder: Path) -> None:
    """Bring the codec to the release's size, 1.87 GB: float32, and the three masks that nobody needs."""
    file = folder / CODEC_FILE
    state = {name: weight.float() for name, weight in torch.load(file, weights_only=True).items()}
    for module, columns in MASKS.items():
        state[f"{module}.causal_mask"] = torch.ones(columns, columns, dtype=torch.bool).tril()
    torch.save(state, file)


def write_tokenizer(folder: Path, config: ModelConfig, merges: int = 0) -> None:
    """256 single bytes and ``merges`` pairs, then the special tokens in upstream's order of ids.

    The pairs are learned from the one English text that every Python has with it, its help on the language.
    """
    ranks = byte_pairs.learn("\n".join(topics.values()), merges)
    lines = "".join(f"{base64.b64encode(token).decode()} {rank}\n" for token, rank in ranks.items())
    (folder / TOKENIZER_FILE).write_text(lines, encoding="ascii")
    names = ["<|pad|>", IM_END, INTERLEAVE]
    names += [f"<|semantic:{i}|>" for i in range(config.codec.semantic_codebook_size)]
    special = {name: len(ranks) + i for i, name in enumerate(names)}
    (folder / SPECIAL_FILE).write_text(json.dumps(special), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--s1-mini", action="store_true", help="openaudio-s1-mini's real sizes (3.6 GB)")
    options = parser.parse_args()
    if options.s1_mini:
        make(options.folder, S1_MINI, dtype=torch.bfloat16, merges=S1_MERGES)
        as_released(options.folder)
    else:
        make(options.folder)
    print(f"wrote {options.folder}")


if __name__ == "__main__":
    main()
