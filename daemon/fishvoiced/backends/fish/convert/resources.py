"""What an import will take, before it begins: disk for what is kept and what is needed for a while, and memory."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from pathlib import Path

import psutil

from fishvoiced.backends.fish.checkpoint.shapes import codec_shapes, language_shapes
from fishvoiced.backends.fish.config import ModelConfig
from fishvoiced.backends.fish.convert.graph import BITS
from fishvoiced.backends.fish.store.models import DECODER, ENCODER, LANGUAGE
from fishvoiced.errors import ModelStoreError
from fishvoiced.hardware.detect.collect import collect

BYTES = {"fp32": 4.0, "fp16": 2.0, "int8": 1.06, "int4": 0.57}
"""Of one weight in each precision, scales included."""
BASE_BYTES, SPARE_BYTES = 500 << 20, 200 << 20
"""Of memory for Python and its libraries; of disk that is left free."""


def disk_bytes(config: ModelConfig, missing: Sequence[tuple[str, str]]) -> int:
    """What the parts take, and while they are made."""
    kept = sum(part_bytes(config, part, precision) for part, precision in missing)
    rounds = any(precision in BITS for _, precision in missing)
    speaker = part_bytes(config, LANGUAGE, "int8") if rounds else 0
    observer = part_bytes(config, DECODER, "fp32") if (DECODER, "int8") in missing else 0
    return kept + max(speaker, observer) + SPARE_BYTES


def memory_bytes(config: ModelConfig, missing: Sequence[tuple[str, str]]) -> int:
    """The peak: graphs that run while scales are fitted, or the largest weight on its way to the disk."""
    largest = max(math.prod(shape) for shape in language_shapes(config.dual_ar).values()) * 6
    running = 0
    if any(precision in BITS for _, precision in missing):
        running = int(1.5 * part_bytes(config, LANGUAGE, "int8"))
    if (DECODER, "int8") in missing:
        running = max(running, int(1.5 * part_bytes(config, DECODER, "fp32")))
    return BASE_BYTES + max(largest, running)


def check_resources(config: ModelConfig, missing: Sequence[tuple[str, str]], folder: Path) -> None:
    """Raises ModelStoreError, with figures, if the disk or the memory will not do."""
    needed, free = disk_bytes(config, missing), shutil.disk_usage(folder).free
    if free < needed:
        raise ModelStoreError(
            f"the import needs {needed / 1e9:.1f} GB of disk in {folder}, where {free / 1e9:.1f} GB are free; "
            "free some space, or set FISHVOICE_HOME to a folder on another disk"
        )
    needed = memory_bytes(config, missing)
    limit = collect().memory_limit_bytes
    free = min(psutil.virtual_memory().available, limit or 1 << 62)
    if free < needed:
        raise ModelStoreError(
            f"the import needs {needed / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are free; close other programs "
            "and import again"
        )


def part_bytes(config: ModelConfig, part: str, precision: str) -> int:
    """Of a part on the disk, about."""
    shapes = language_shapes(config.dual_ar) if part == LANGUAGE else codec_shapes(config.codec)
    tables = 2.0 if precision in BITS or precision == "fp16" else 4.0
    total = 0.0
    for name, shape in shapes.items():
        if name == "output.weight" or not _belongs(part, name):
            continue  # of the head a few thousand rows alone are kept
        total += math.prod(shape) * (tables if "embeddings" in name else BYTES[precision])
    return int(total)


_ENCODER_ALONE = ("encoder.", "quantizer.pre.", "quantizer.downsample.")


def _belongs(part: str, name: str) -> bool:
    encodes = name.startswith(_ENCODER_ALONE)
    return {LANGUAGE: True, DECODER: not encodes, ENCODER: encodes or "residual" in name or "semantic" in name}[part]
