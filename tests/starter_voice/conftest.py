"""Made-up speech: tones whose pitch depends on the symbol, in the form that the stage "speech" leaves."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from fishvoiced.text import misaki
from tools.starter_voice import codebooks
from tools.starter_voice.source import BANDS, CHANNELS, FRAME, PHASES, RATE, ROW

SYMBOLS = "abdk"


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    sounds, rows, phases, meta = [], [], [], []
    for index in range(60):
        word = "ab" if index == 0 else "".join(rng.choice(list(SYMBOLS), rng.integers(2, 8)))
        length = 4 * FRAME * len(word)
        pitch = np.repeat([200.0 + 300 * SYMBOLS.index(c) for c in word], 4 * FRAME)
        row = rng.normal(0, 0.1, (length // ROW, CHANNELS))
        row[:, 0] = pitch[::ROW]
        row[:, 1] += np.repeat([float(SYMBOLS.index(c)) for c in word], 4 * FRAME // ROW)
        row[:, 1 + BANDS] = 1
        rows.append(row.astype(np.float16))
        phases.append(rng.integers(0, PHASES, length // FRAME).astype(np.int8))
        sounds.append((8000 * np.sin(np.cumsum(pitch) * 2 * np.pi / RATE)).astype(np.int16))
        ends = [0.2 * (i + 1) for i in range(len(word))]
        kind = "keys" if index < 5 else "short"
        words = [[word, misaki.spelled(word), ends], [".", "", ends[-1:]]]
        meta.append({"kind": kind, "text": word, "frames": length // FRAME, "words": words})
    path = tmp_path / "speech" / "0000.npz"
    path.parent.mkdir()
    np.savez(
        path,
        samples=np.concatenate(sounds),
        rows=np.concatenate(rows),
        phases=np.concatenate(phases),
        meta=np.array(json.dumps(meta)),
    )
    return path


@pytest.fixture
def work(shard: Path) -> Path:
    """A work folder as it is after the stage "codebooks"."""
    folder = shard.parent.parent
    data, counts = codebooks.shard_features([shard], 10**6)
    extra = torch.randn(1200, data.shape[1]) * 0.1
    data, counts = torch.cat([data, extra]), torch.cat([counts, counts[:1].expand(1200)])
    codebooks.learn(data, counts, rounds=2).save(folder / "codebooks.pt")
    return folder
