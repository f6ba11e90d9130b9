"""The starter voice's sizes, its tokenizer and how an utterance becomes columns."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path

from fishvoiced.backends.fish.config import DualARConfig
from fishvoiced.backends.fish.tokenizer import IM_END, INTERLEAVE, SPEAKER, SPECIAL_FILE, TOKENIZER_FILE, Tokenizer
from fishvoiced.text.misaki import FIRST_NUMBERED, NUMBERS, UNITS
from tools.starter_voice.codebooks import BOOK, BOOKS
from tools.starter_voice.source import FRAME, RATE

FRAME_SECONDS = FRAME / RATE
_INDEX = {unit: index for index, unit in enumerate(UNITS)}


def special_tokens() -> list[str]:
    """In the order that gives upstream's tokenizer the ids written beside them."""
    return [IM_END, INTERLEAVE, SPEAKER, *(f"<|semantic:{i}|>" for i in range(BOOK))]


def ranks() -> list[bytes]:
    """Every byte, then what byte pairs merge into: the first two bytes of every unit, then every numbered unit."""
    begun = [chr(FIRST_NUMBERED + NUMBERS * unit).encode()[:2] for unit in range(len(UNITS))]
    whole = [chr(FIRST_NUMBERED + i).encode() for i in range(NUMBERS * len(UNITS))]
    return [bytes([i]) for i in range(256)] + begun + whole


def write_tokenizer(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    lines = (f"{base64.b64encode(token).decode()} {rank}\n" for rank, token in enumerate(ranks()))
    (folder / TOKENIZER_FILE).write_text("".join(lines), encoding="ascii")
    special = {token: len(ranks()) + i for i, token in enumerate(special_tokens())}
    (folder / SPECIAL_FILE).write_text(json.dumps(special) + "\n", encoding="utf-8")


def tokenizer() -> Tokenizer:
    table = {token: rank for rank, token in enumerate(ranks())}
    return Tokenizer(table, {token: len(table) + i for i, token in enumerate(special_tokens())})


FIRST_UNIT_TOKEN = 256 + len(UNITS)
"""Token id of the first unit with number 0; the next is the same unit with number 1."""


def unit_tokens(symbols: Sequence[str]) -> list[int]:
    """Units (``misaki.units``) in their order → token ids, so that training needs no tokenizer."""
    return [FIRST_UNIT_TOKEN + NUMBERS * _INDEX[unit] + place % NUMBERS for place, unit in enumerate(symbols)]


def config(vocabulary: int | None = None) -> DualARConfig:
    """S1-mini's architecture, small."""
    return DualARConfig(
        vocab_size=vocabulary or len(ranks()) + len(special_tokens()),
        n_layer=5,
        n_head=4,
        n_local_heads=2,
        head_dim=64,
        dim=256,
        intermediate_size=512,
        rope_base=10000.0,
        norm_eps=1e-6,
        max_seq_len=2048,
        tie_word_embeddings=False,
        attention_qkv_bias=False,
        attention_o_bias=False,
        attention_qk_norm=True,
        codebook_size=BOOK,
        num_codebooks=BOOKS,
        scale_codebook_embeddings=True,
        n_fast_layer=2,
        fast_dim=192,
        fast_n_head=3,
        fast_n_local_heads=3,
        fast_head_dim=64,
        fast_intermediate_size=384,
        fast_attention_qkv_bias=False,
        fast_attention_qk_norm=False,
        fast_attention_o_bias=False,
    )
