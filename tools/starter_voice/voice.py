"""The starter voice's sizes, its tokenizer and how an utterance becomes columns."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from fishvoiced.backends.fish.config import DualARConfig
from fishvoiced.backends.fish.tokenizer import IM_END, INTERLEAVE, SPEAKER, SPECIAL_FILE, TOKENIZER_FILE, Tokenizer
from fishvoiced.text.misaki import PAUSES, SPELLING, STRESS, SYMBOLS, VOWELS
from tools.starter_voice.codebooks import BOOK, BOOKS
from tools.starter_voice.source import FRAME, RATE

FRAME_SECONDS = FRAME / RATE


def special_tokens() -> list[str]:
    """In the order that gives upstream's tokenizer the ids written beside them."""
    return [IM_END, INTERLEAVE, SPEAKER, *(f"<|semantic:{i}|>" for i in range(BOOK))]


def ranks() -> list[bytes]:
    """Every byte, then what byte pairs merge into: every symbol, then every vowel with its stress mark."""
    single = sorted(c.encode() for c in [*SYMBOLS, *SPELLING.values()] if len(c.encode()) > 1)
    starts = sorted({token[:2] for token in single if len(token) == 3})
    stressed = [(mark + vowel).encode() for mark in STRESS for vowel in VOWELS]
    return [bytes([i]) for i in range(256)] + starts + single + stressed


def write_tokenizer(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    lines = (f"{base64.b64encode(token).decode()} {rank}\n" for rank, token in enumerate(ranks()))
    (folder / TOKENIZER_FILE).write_text("".join(lines), encoding="ascii")
    special = {token: len(ranks()) + i for i, token in enumerate(special_tokens())}
    (folder / SPECIAL_FILE).write_text(json.dumps(special) + "\n", encoding="utf-8")


def tokenizer() -> Tokenizer:
    table = {token: rank for rank, token in enumerate(ranks())}
    return Tokenizer(table, {token: len(table) + i for i, token in enumerate(special_tokens())})


def unit_tokens() -> dict[str, int]:
    """Unit (``misaki.units``) → token id for everything the front end can emit, so that training needs no tokenizer."""
    table = {token: rank for rank, token in enumerate(ranks())}
    stressed = [mark + vowel for mark in STRESS for vowel in VOWELS]
    return {u: table[u.encode()] for u in [*SYMBOLS, *SPELLING.values(), *stressed, *PAUSES, " "]}


def config(vocabulary: int | None = None) -> DualARConfig:
    """S1-mini's architecture, small."""
    return DualARConfig(
        vocab_size=vocabulary or len(ranks()) + len(special_tokens()),
        n_layer=6,
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
