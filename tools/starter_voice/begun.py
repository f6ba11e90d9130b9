"""A training that is carried to another machine: averaged weights in 8 bits, and the codebooks, in one file.

``begun.npz`` holds a voice that is well on its way but not yet better than the shipped one (README.md has its figures).
It goes when the voice ships.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tools.starter_voice.adversarial import HEAD_START, RISE, Contest
from tools.starter_voice.codebooks import Codebooks
from tools.starter_voice.decoder import new_codec
from tools.starter_voice.training import smoothed

FILE = Path(__file__).with_name("begun.npz")
BOOKS, LANGUAGE, SOUND = "codebooks", "dual_ar", "adversarial"
CODEC = "codec."
"""Names of the decoder's weights begin so in the state of the stage ``adversarial``."""


def keep(work: Path, file: Path = FILE) -> None:
    """Write ``file`` from the states in ``work``."""
    arrays: dict[str, Any] = {}
    for key, value in vars(Codebooks.load(work / f"{BOOKS}.pt")).items():
        arrays[f"{BOOKS}/{key}"] = np.asarray(value, np.float32)
    for name in (LANGUAGE, SOUND):
        for key, value in smoothed(work / f"{name}.pt").items():
            if ".codebook." not in key:
                arrays.update(rounded(f"{name}/{key}", value))
    np.savez_compressed(file, **arrays)
    print(f"{file}: {file.stat().st_size / 1e6:.1f} MB")


def take_up(work: Path, file: Path = FILE) -> None:
    """Write the states into ``work``, for the trainings to go on from. Raises FileExistsError where there is one."""
    for name in (BOOKS, LANGUAGE, SOUND, "decoder"):
        if (work / f"{name}.pt").exists():
            raise FileExistsError(f"{work / name}.pt is there already: move it away to begin from {file.name}")
    with np.load(file) as arrays:
        tables = {key: torch.from_numpy(arrays[f"{BOOKS}/{key}"]) for key in ("mean", "basis", "books")}
        books = Codebooks(**tables, scale=float(arrays[f"{BOOKS}/scale"]))
        language, sound = restored(arrays, LANGUAGE), restored(arrays, SOUND)
    books.save(work / f"{BOOKS}.pt")
    sound = Contest(new_codec(books)).state_dict() | sound
    _save(work / f"{LANGUAGE}.pt", language, 0)
    _save(work / f"{SOUND}.pt", sound, HEAD_START + RISE)
    _save(work / "decoder.pt", {k.removeprefix(CODEC): v for k, v in sound.items() if k.startswith(CODEC)}, 0)


def _save(path: Path, weights: Mapping[str, Tensor], step: int) -> None:
    torch.save({"module": weights, "smooth": weights, "step": step, "spent": 0.0}, path)


def rounded(path: str, value: Tensor) -> dict[str, Any]:
    """Matrices in 8 bits with a scale for each row, vectors in 16 bits."""
    if value.dim() < 2:
        return {path: value.numpy().astype(np.float16)}
    scale = value.flatten(1).abs().amax(1).clamp(min=1e-12) / 127
    levels = (value / scale.view(-1, *[1] * (value.dim() - 1))).round().to(torch.int8)
    return {path: levels.numpy(), f"{path}/scale": scale.numpy()}


def restored(arrays: Any, name: str) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for path in arrays.files:
        stage, _, key = path.partition("/")
        if stage != name or key.endswith("/scale"):
            continue
        value = torch.from_numpy(arrays[path].astype(np.float32))
        if f"{path}/scale" in arrays:
            value *= torch.from_numpy(arrays[f"{path}/scale"]).view(-1, *[1] * (value.dim() - 1))
        found[key] = value
    return found
