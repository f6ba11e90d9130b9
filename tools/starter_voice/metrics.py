"""How good speech is, in numbers: silence at the end, likeness to the source, what was dropped or repeated.

Pure arithmetic over words and samples; recognizers and voices live in ``evaluate.py``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from tools.starter_voice.mel import BANDS, log_mel

Samples = npt.NDArray[np.float32]
SILENT_DB = -45.0  # below the loudest 10 ms


def trailing_silence(samples: Samples, rate: int) -> float:
    """Seconds after the last 10 ms whose level is within 45 dB of the loudest."""
    step = rate // 100
    count = len(samples) // step
    if not count:
        return 0.0
    level = np.sqrt(np.square(samples[: count * step].reshape(count, step).astype(np.float64)).mean(1))
    loud = np.flatnonzero(level > level.max() * 10 ** (SILENT_DB / 20))
    return float(count - 1 - loud[-1]) / 100 if len(loud) and level.max() > 0 else count / 100


def likeness_features(samples: Samples, rate: int) -> npt.NDArray[np.float64]:
    """Log-mel rows of 10 ms [T, 80], level normalized away, edges trimmed to the sound."""
    log = log_mel(torch.from_numpy(np.ascontiguousarray(samples, dtype=np.float32)), rate).numpy().astype(np.float64)
    if not len(log):
        return np.zeros((1, BANDS))
    energy = log.mean(1)
    sounding = np.flatnonzero(energy > energy.min() + 0.25 * (energy.max() - energy.min()))
    log = log[sounding[0] : sounding[-1] + 1]
    centered: npt.NDArray[np.float64] = log - log.mean()
    return centered


def warped_distance(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
    """Dynamic time warping over two rows of spectra: mean distance along the best path."""
    local = np.sqrt(np.maximum(0, (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T))
    total = np.full((len(a) + 1, len(b) + 1), np.inf)
    total[0, 0] = 0
    for i in range(1, len(a) + 1):
        row, above = total[i], total[i - 1]
        diagonal = np.minimum(above[:-1] + local[i - 1], above[1:] + local[i - 1])
        for j in range(1, len(b) + 1):
            row[j] = min(diagonal[j - 1], row[j - 1] + local[i - 1, j - 1])
    return float(total[-1, -1] / (len(a) + len(b)))


def nearest_names(made: dict[str, Samples], source: dict[str, Samples], rate: int) -> dict[str, str]:
    """For every utterance of ``made`` the name of the likest one of ``source``."""
    candidates = {name: likeness_features(samples, rate) for name, samples in source.items()}
    found = {}
    for name, samples in made.items():
        mine = likeness_features(samples, rate)
        found[name] = min(candidates, key=lambda other: warped_distance(mine, candidates[other]))
    return found


def dropped_or_repeated(reference: list[str], heard: list[str], seconds: float, source_seconds: float) -> bool:
    """A sentence is lost or said twice when its length or its word count is far from the source's."""
    ratio = seconds / max(source_seconds, 0.1)
    return not 0.7 < ratio < 1.4 or not 0.5 * len(reference) <= len(heard) <= 1.7 * len(reference) + 1
