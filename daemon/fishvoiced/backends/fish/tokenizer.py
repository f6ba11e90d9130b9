"""The checkpoint's tokenizer: text → token ids, and the ids of the special tokens.

Files as upstream writes them: ``tokenizer.tiktoken`` (base64 token and rank per line) and
``special_tokens.json`` (token → id). The split pattern is part of that format (fish-speech 0.1.0).
The only door to ``tiktoken``.
"""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec
import tiktoken

from fishvoiced.backends.untrusted import UntrustedFolder
from fishvoiced.errors import CheckpointError

MAX_TOKENS = 1 << 24
_Special: TypeAlias = dict[str, Annotated[int, msgspec.Meta(ge=0, lt=MAX_TOKENS)]]

SPLIT_PATTERN = "|".join(
    (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)",
        r"\p{P}",
        r"[^\r\n\p{L}\p{N}]?\p{L}+",
        r"\p{N}",
        r" ?[^\s\p{L}\p{N}]+[\r\n]*",
        r"\s*[\r\n]+",
        r"\s+(\?!\S)",
        r"\s+",
    )
)
TOKENIZER_FILE = "tokenizer.tiktoken"
SPECIAL_FILE = "special_tokens.json"
IM_END = "<|im_end|>"
INTERLEAVE = "<|interleave|>"
SPEAKER = "<|speaker:0|>"
_SEMANTIC = re.compile(r"<\|semantic:(\d+)\|>")


class Tokenizer:
    """``semantic_begin`` is the id of ``<|semantic:0|>``; the others follow it without a gap."""

    def __init__(self, ranks: dict[bytes, int], special: dict[str, int]) -> None:
        semantic = {int(m[1]): i for token, i in special.items() if (m := _SEMANTIC.fullmatch(token))}
        for needed in (IM_END, INTERLEAVE):
            if needed not in special:
                raise CheckpointError(f"{SPECIAL_FILE} has no {needed}")
        if not semantic or sorted(semantic) != list(range(len(semantic))):
            raise CheckpointError(f"{SPECIAL_FILE} has no unbroken row of semantic tokens from <|semantic:0|> on")
        self.semantic_begin = semantic[0]
        self.semantic_count = len(semantic)
        if any(token_id != self.semantic_begin + code for code, token_id in semantic.items()):
            raise CheckpointError(f"{SPECIAL_FILE}: the ids of the semantic tokens do not follow each other")
        self.end_token = special[IM_END]
        self._special = special
        self._encoding = tiktoken.Encoding(
            name="fish", pat_str=SPLIT_PATTERN, mergeable_ranks=ranks, special_tokens=special
        )

    def encode(self, text: str) -> list[int]:
        """Ids of ordinary text. Names of special tokens in it are read as text: a request cannot steer the model."""
        return self._encoding.encode_ordinary(text)

    def marker(self, token: str) -> list[int]:
        """Ids of one of the format's own markers, which old tokenizers spell out as ordinary text."""
        return [self._special[token]] if token in self._special else self.encode(token)

    @staticmethod
    def load(folder: Path) -> Tokenizer:
        """Raises CheckpointError when a file is missing or damaged."""
        files = UntrustedFolder(folder, CheckpointError)
        try:
            return Tokenizer(_read_ranks(files), files.json(SPECIAL_FILE, _Special))
        except (ValueError, OverflowError, KeyError) as error:  # of tiktoken: ids twice, gaps, beyond 32 bits
            raise files.refusal(f"has a tokenizer that does not work: {error}") from error


def _read_ranks(files: UntrustedFolder) -> dict[bytes, int]:
    ranks: dict[bytes, int] = {}
    try:
        for line in files.read(TOKENIZER_FILE).decode("ascii").splitlines():
            encoded, _, rank = line.partition(" ")
            if encoded and encoded != "=":
                ranks[base64.b64decode(encoded, validate=True)] = _rank(rank)
    except (ValueError, binascii.Error) as error:
        raise files.refusal(f"has a damaged {TOKENIZER_FILE}: {error}") from error
    if not ranks:
        raise files.refusal(f"has an empty {TOKENIZER_FILE}")
    return ranks


def _rank(text: str) -> int:
    rank = int(text)
    if not 0 <= rank < MAX_TOKENS:
        raise ValueError(f"the rank {text:.20} is beyond {MAX_TOKENS}")
    return rank
